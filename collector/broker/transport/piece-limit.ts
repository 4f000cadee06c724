/**
 * Bounds the pieces in which a packet comes: each costs time and memory, however small it is. A
 * slow line passes small ones, and few a second.
 */

export interface PieceLimits {
  /** Reads of the socket, or WebSocket messages, that a packet may come in. */
  readonly maxPieces: number;
  /** Further ones in each second that it takes. */
  readonly piecesPerSecond: number;
}

/** Of memory that a piece takes beside its bytes. */
const PIECE_BYTES = 256;

export class PieceLimit {
  readonly #limits: PieceLimits;
  readonly #clock: () => number;
  #count = 0;
  #since = 0;

  /** @param clock monotonic milliseconds */
  constructor(limits: PieceLimits, clock: () => number) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** @returns false: it is one too many */
  take(): boolean {
    if (++this.#count === 1) this.#since = this.#clock();
    const { maxPieces, piecesPerSecond } = this.#limits;
    if (this.#count <= maxPieces) return true;
    return this.#count <= maxPieces + ((this.#clock() - this.#since) / 1_000) * piecesPerSecond;
  }

  /** A packet has ended. */
  ended(): void {
    this.#count = 0;
  }

  /** Memory that the further ones take beside their bytes. */
  get bytes(): number {
    return Math.max(0, this.#count - this.#limits.maxPieces) * PIECE_BYTES;
  }
}

/**
 * Adaptive limit of a transaction's rows where room is short. A failure halves it, until the disk
 * has room; success lets it grow again slowly, because there may be more room by then.
 */
const GROWTH = 1.25;

export class AdaptiveLimit {
  readonly #most: number;
  /** For which there was room last. */
  #size: number;

  /** @param most of whatever is counted, at least 1 */
  constructor(most: number) {
    this.#most = most;
    this.#size = most;
  }

  get now(): number {
    return this.#size;
  }

  /** There was room for so much. */
  grow(size: number = this.#size): void {
    this.#size = Math.min(this.#most, Math.ceil(size * GROWTH));
  }

  /** There was none. */
  halve(size: number = this.#size): void {
    this.#size = Math.ceil(size / 2);
  }

  /** There is room again. */
  reset(): void {
    this.#size = this.#most;
  }
}

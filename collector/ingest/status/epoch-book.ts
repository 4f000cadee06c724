/**
 * What a terminal may claim by its statuses: so many rows, so many new epochs. A claim costs a row
 * each, whether a stream of that epoch was ever seen or not.
 *
 * Invariants:
 * - At most `maxEpochs` epochs are known; of more, those seen longest ago are forgotten.
 * - The first epoch is taken without knowing what the store has; with the second that must be read,
 *   so that a till that connects again costs no read.
 */
import type { Epoch } from '../../../shared/ids.ts';
import { type Rate, TokenBucket } from '../../../shared/token-bucket.ts';

export interface EpochSeen {
  readonly epoch: Epoch;
  /** Milliseconds since 1970. */
  readonly lastSeen: number;
}

export interface ClaimLimits {
  readonly maxEpochs: number;
  readonly rows: Rate;
  readonly newEpochs: Rate;
}

export class EpochBook {
  readonly #maxEpochs: number;
  /** Rows that may be written, and new epochs among them. */
  readonly rows: TokenBucket;
  readonly newEpochs: TokenBucket;
  /** Seen longest ago first, as far as this process knows. */
  readonly #seen = new Map<Epoch, number>();
  #complete = false;

  /** @param clock monotonic milliseconds */
  constructor({ maxEpochs, rows, newEpochs }: ClaimLimits, clock: () => number) {
    this.#maxEpochs = maxEpochs;
    this.rows = new TokenBucket(rows, clock);
    this.newEpochs = new TokenBucket(newEpochs, clock);
  }

  get size(): number {
    return this.#seen.size;
  }

  knows(epoch: Epoch): boolean {
    return this.#seen.has(epoch);
  }

  /** Whether the store must be read before so many new epochs are added. */
  mustRead(more: number): boolean {
    return !this.#complete && more > 0 && this.size + more > 1;
  }

  /**
   * Adds what the store has.
   *
   * @param complete whether that is all it has
   */
  read(stored: readonly EpochSeen[], complete: boolean): void {
    const all = new Map(stored.map(({ epoch, lastSeen }) => [epoch, lastSeen]));
    for (const [epoch, lastSeen] of this.#seen) all.set(epoch, Math.max(lastSeen, all.get(epoch) ?? 0));
    this.#seen.clear();
    for (const [epoch, lastSeen] of [...all].sort(([, a], [, b]) => a - b)) this.#seen.set(epoch, lastSeen);
    this.#complete = complete;
  }

  seen({ epoch, lastSeen }: EpochSeen): void {
    this.#seen.delete(epoch);
    this.#seen.set(epoch, lastSeen);
  }

  /** The epochs that are too many. */
  surplus(): Epoch[] {
    return [...this.#seen.keys()].slice(0, Math.max(0, this.size - this.#maxEpochs));
  }

  forget(epochs: readonly Epoch[]): void {
    for (const epoch of epochs) this.#seen.delete(epoch);
  }
}

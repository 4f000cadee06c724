/** Estimates the arrival rate, and from it how long the next event may wait for others. */

/** Time constant of the moving average: a rush is detected, and forgotten, within seconds. */
const MEMORY_MS = 3_000;

/**
 * Exponentially weighted moving average of arrivals per millisecond. A commit counts as one
 * arrival, whatever it holds, because it could be one batch.
 */
export class ArrivalRate {
  #weight = 0;
  #at = 0;

  /** @param now monotonic milliseconds */
  note(now: number): void {
    this.#weight = this.#weightAt(now) + 1;
    this.#at = now;
  }

  /**
   * How long the first waiting event should wait for more: 0 if no arrival is expected within
   * `maxMs`, and closer to `maxMs` the more are expected.
   *
   * @param now monotonic milliseconds
   */
  lingerMs(maxMs: number, now: number): number {
    const expected = (this.#weightAt(now) / MEMORY_MS) * maxMs;
    return expected <= 1 ? 0 : maxMs * (1 - 1 / expected);
  }

  #weightAt(now: number): number {
    return this.#weight * Math.exp(-(now - this.#at) / MEMORY_MS);
  }
}

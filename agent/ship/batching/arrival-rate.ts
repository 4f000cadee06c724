/** How often something is accepted, and so how long the next may wait for company. */

/** Time constant of the moving average: a rush is noticed, and forgotten, within seconds. */
const MEMORY_MS = 3_000;

/** An exponentially weighted moving average of arrivals a millisecond. A commit is one arrival, whatever it holds: it could be one batch. */
export class ArrivalRate {
  #weight = 0;
  #at = 0;

  /** @param now monotonic milliseconds */
  note(now: number): void {
    this.#weight = this.#weightAt(now) + 1;
    this.#at = now;
  }

  /**
   * How long the first that waits should wait for more: nothing while nobody is expected within `maxMs`, and up to `maxMs` the more are.
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

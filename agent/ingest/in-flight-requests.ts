/**
 * Tracks requests whose events are not committed yet. The agent cannot vouch for anything later
 * than the arrival of the oldest one.
 */
export class InFlightRequests {
  readonly #arrivals = new Set<{ readonly at: number }>();

  /** @param at milliseconds since 1970 @returns call it once the request is answered */
  arrived(at: number): () => void {
    const arrival = { at };
    this.#arrivals.add(arrival);
    return () => this.#arrivals.delete(arrival);
  }

  /** Arrival of the oldest one, milliseconds since 1970; null when there is none. */
  oldest(): number | null {
    let oldest: number | null = null;
    for (const { at } of this.#arrivals) if (oldest === null || at < oldest) oldest = at;
    return oldest;
  }
}

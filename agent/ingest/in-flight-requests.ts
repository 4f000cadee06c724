/** When the oldest request arrived whose events are not committed yet: the agent can't vouch for what is later. */
export class InFlightRequests {
  readonly #arrivals = new Set<{ readonly at: number }>();

  /** @param at milliseconds since 1970 @returns to be called once it is answered */
  arrived(at: number): () => void {
    const arrival = { at };
    this.#arrivals.add(arrival);
    return () => this.#arrivals.delete(arrival);
  }

  /** Milliseconds since 1970; null when there is none. */
  oldest(): number | null {
    let oldest: number | null = null;
    for (const { at } of this.#arrivals) if (oldest === null || at < oldest) oldest = at;
    return oldest;
  }
}

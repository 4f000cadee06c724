/**
 * Which row counts for a seq. Batches may be cut anew, sent twice, or forged, so the rows of a
 * stream may claim the same seqs: of a seq's claims the one that arrived first counts, of two that
 * arrived together the one with the lower key. So nobody changes what is published by sending
 * again.
 *
 * Rows come in key order (firstSeq, then count, then digest). A window holds the seqs that a later
 * row may still claim: those from the last row's firstSeq on. What lies below it is settled.
 */

export interface Settled<T> {
  readonly firstSeq: number;
  /** The claim that counts, seq by seq, without gaps. */
  readonly claims: readonly T[];
}

export class SeqWindow<T> {
  #start = 0;
  #claims: T[] = [];
  /** When the claims arrived, milliseconds since 1970. */
  #arrivals: number[] = [];

  /** The seq after the last claimed one. */
  get end(): number {
    return this.#start + this.#claims.length;
  }

  /** The claims that count so far, from `start` on. */
  get start(): number {
    return this.#start;
  }
  get claims(): readonly T[] {
    return this.#claims;
  }

  /**
   * Moves the window on to the next row.
   *
   * @returns the seqs below it, which no later row claims
   * @throws Error when the row precedes an earlier one
   */
  advance(firstSeq: number): Settled<T> {
    const start = this.#start;
    if (firstSeq < start) throw new Error(`rows out of order: seq ${firstSeq} after ${start}`);
    const passed = Math.min(firstSeq - start, this.#claims.length);
    const claims = passed === this.#claims.length ? this.#claims : this.#claims.slice(0, passed);
    this.#claims = passed === this.#claims.length ? [] : this.#claims.slice(passed);
    this.#arrivals = this.#claims.length === 0 ? [] : this.#arrivals.slice(passed);
    this.#start = firstSeq;
    return { firstSeq: start, claims };
  }

  /** Whether a row of the window's first seq changes nothing: each seq has an earlier claim. */
  isCovered(count: number, arrival: number): boolean {
    if (count > this.#claims.length) return false;
    for (let at = 0; at < count; at++) if (arrival < this.#arrivals[at]!) return false;
    return true;
  }

  /**
   * Adds the claims of a row, from the window's first seq on.
   *
   * @param onRival called for each seq that is claimed already: with the index in the window, the
   *   claim that counts and the one that does not
   */
  claim(claims: readonly T[], arrival: number, onRival?: (at: number, winner: T, other: T) => void): void {
    if (this.#claims.length === 0) {
      this.#claims = claims.slice();
      this.#arrivals = new Array<number>(claims.length).fill(arrival);
      return;
    }
    const rivals = Math.min(claims.length, this.#claims.length);
    for (let at = 0; at < rivals; at++) {
      const [before, next] = [this.#claims[at]!, claims[at]!];
      const isEarlier = arrival < this.#arrivals[at]!;
      if (isEarlier) {
        this.#claims[at] = next;
        this.#arrivals[at] = arrival;
      }
      if (isEarlier) onRival?.(at, next, before);
      else onRival?.(at, before, next);
    }
    for (let at = rivals; at < claims.length; at++) {
      this.#claims.push(claims[at]!);
      this.#arrivals.push(arrival);
    }
  }
}

/**
 * What a terminal may cause across its connections: accepted CONNECTs and status messages. Only
 * authenticated terminals have an entry, and only until it is full again: invented names cost
 * nothing, and coming back gains nothing.
 */
import { type Rate, TokenBucket } from '../../../shared/token-bucket.ts';

export interface TerminalRates {
  readonly connects: Rate;
  readonly statuses: Rate;
}

type Buckets = Readonly<Record<keyof TerminalRates, TokenBucket>>;

export class TerminalBudgets {
  readonly #rates: TerminalRates;
  readonly #clock: () => number;
  readonly #byTerminal = new Map<string, Buckets>();

  /** @param clock monotonic milliseconds */
  constructor(rates: TerminalRates, clock: () => number) {
    this.#rates = rates;
    this.#clock = clock;
  }

  get size(): number {
    return this.#byTerminal.size;
  }

  /** @returns false: the terminal's budget is used up */
  take(terminal: string, kind: keyof TerminalRates): boolean {
    let buckets = this.#byTerminal.get(terminal);
    if (buckets === undefined) {
      const { connects, statuses } = this.#rates;
      buckets = { connects: new TokenBucket(connects, this.#clock), statuses: new TokenBucket(statuses, this.#clock) };
      this.#byTerminal.set(terminal, buckets);
    }
    return buckets[kind].take();
  }

  /** Forgets the terminals whose budgets are full. */
  prune(): void {
    for (const [terminal, { connects, statuses }] of this.#byTerminal)
      if (connects.isFull && statuses.isFull) this.#byTerminal.delete(terminal);
  }
}

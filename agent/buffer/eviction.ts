/**
 * What goes first when the buffer is full.
 *
 * Acked events, support's memory, in the order in which they were acked. Under `drop-oldest` then what is given up already (quarantined), then
 * what is pending, both by age, with a record of the ledger, and at last refs: a repeat of what was dropped is then a new event. Never what
 * the same transaction stores.
 */
import type { Departures } from './departures.ts';
import type { Draft } from './draft.ts';

export type WhenFull = 'reject' | 'drop-oldest';

const ACKED_AT_ONCE = 500;
/** Not more than is needed: these are lost. */
const PENDING_AT_ONCE = 100;

export class Eviction {
  readonly #whenFull: WhenFull;
  readonly #departures: Departures;

  constructor(whenFull: WhenFull, departures: Departures) {
    this.#whenFull = whenFull;
    this.#departures = departures;
  }

  /** Deletes some rows, within a transaction. @returns how many; 0 when nothing is left that may go */
  some(draft: Draft): number {
    const count =
      this.#departures.evictAcked(ACKED_AT_ONCE, draft) || (this.#whenFull === 'reject' ? 0 : this.#drop(draft));
    draft.evicted += count;
    return count;
  }

  #drop(draft: Draft): number {
    const range = { first: 1, last: draft.before };
    return (
      this.#departures.dropQuarantined(range, ACKED_AT_ONCE, draft) ||
      this.#departures.dropPending(range, PENDING_AT_ONCE, draft) ||
      this.#departures.dropRefs(range, ACKED_AT_ONCE, draft)
    );
  }
}

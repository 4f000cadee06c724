/**
 * What goes first when the buffer is full.
 *
 * Acked events, support's memory, in the order in which they were acked. Under `drop-oldest` then what is given up already (quarantined), then
 * what is pending, both by age, with a record of the ledger, and at last refs: a repeat of what was dropped is then a new event. Never what
 * the same transaction stores.
 */

import type { Draft } from '../transaction/changeset.ts';
import type { Departures } from '../transaction/state-transitions.ts';

export type WhenFull = 'reject' | 'drop-oldest';

const AT_ONCE = 500;

export class Eviction {
  readonly #whenFull: WhenFull;
  readonly #departures: Departures;

  constructor(whenFull: WhenFull, departures: Departures) {
    this.#whenFull = whenFull;
    this.#departures = departures;
  }

  /** Deletes about so many rows, within a transaction. @returns how many; 0 when nothing is left that may go */
  some(wanted: number, draft: Draft): number {
    const rows = Math.min(wanted, AT_ONCE);
    const count =
      this.#departures.evictAcked(rows, draft) || (this.#whenFull === 'reject' ? 0 : this.#drop(rows, draft));
    draft.evicted += count;
    return count;
  }

  #drop(rows: number, draft: Draft): number {
    const range = { first: 1, last: draft.before };
    return (
      this.#departures.dropQuarantined(range, rows, draft) ||
      this.#departures.dropPending(range, rows, draft) ||
      this.#departures.dropRefs(range, rows, draft)
    );
  }
}

/**
 * What goes first when the buffer is full.
 *
 * Acked events, support's memory, in the order in which they were acked. Under `drop-oldest` then what is given up already (quarantined), then
 * what is pending, both by age, with a record of the ledger, and at last refs: a repeat of what was dropped is then a new event. Never what
 * the same transaction stores.
 */

import type { ChangeSet } from '../transaction/changeset.ts';
import type { StateTransitions } from '../transaction/state-transitions.ts';

export type WhenFull = 'reject' | 'drop-oldest';

const AT_ONCE = 500;

export class Eviction {
  readonly #whenFull: WhenFull;
  readonly #transitions: StateTransitions;

  constructor(whenFull: WhenFull, transitions: StateTransitions) {
    this.#whenFull = whenFull;
    this.#transitions = transitions;
  }

  /** Deletes about so many rows, within a transaction. @returns how many; 0 when nothing is left that may go */
  some(wanted: number, changes: ChangeSet): number {
    const rows = Math.min(wanted, AT_ONCE);
    const count =
      this.#transitions.evictAcked(rows, changes) || (this.#whenFull === 'reject' ? 0 : this.#drop(rows, changes));
    changes.evicted += count;
    return count;
  }

  #drop(rows: number, changes: ChangeSet): number {
    const range = { first: 1, last: changes.lastIdBefore };
    return (
      this.#transitions.evictQuarantined(range, rows, changes) ||
      this.#transitions.evictPending(range, rows, changes) ||
      this.#transitions.evictRefs(range, rows, changes)
    );
  }
}

/**
 * Deletes rows when the buffer is full.
 *
 * First acked events, which are kept for support only, the longest acked first. Under `drop-oldest`
 * then quarantined events, whose loss is recorded already, then pending ones, each by age and with
 * a loss record, and at last dedup entries: a retry of such an event is then a new one. Never what
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

  /**
   * Deletes about so many rows, within a transaction.
   * @returns how many; 0 when nothing is left that may go
   */
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

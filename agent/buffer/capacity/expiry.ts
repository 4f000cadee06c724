/**
 * Deletes expired rows, acked events and dedup entries, in slices between which events are
 * accepted.
 */
import { DAY_MS, HOUR_MS } from '../../../shared/time.ts';
import type { EventClock } from '../../port/event-clock.ts';
import type { DedupIndex } from '../tables/dedup-index.ts';
import type { RowIndex } from '../tables/row-index.ts';
import type { GroupCommit } from '../transaction/group-commit.ts';
import type { StateTransitions } from '../transaction/state-transitions.ts';
import type { BoundedTransactions } from './bounded-transactions.ts';
import type { DiskBudget } from './disk-budget.ts';

/** Rows that a slice deletes at most, of each table, and bytes of them. */
const ROWS_AT_ONCE = 500;
const BYTES_AT_ONCE = 1024 * 1024;

/** What an expiry deletes from, and what bounds it. */
export interface ExpiryDependencies {
  readonly commits: Pick<GroupCommit, 'busy' | 'now'>;
  readonly bounded: Pick<BoundedTransactions, 'limit'>;
  readonly budget: Pick<DiskBudget, 'ensureReserve' | 'rowBytes' | 'leavesSpace' | 'walHasRoom'>;
  readonly transitions: Pick<StateTransitions, 'expire'>;
  readonly refs: Pick<DedupIndex, 'expire'>;
  readonly index: Pick<RowIndex, 'rowCount'>;
  readonly clock: Pick<EventClock, 'retention'>;
  readonly keepAckedHours: number;
}

export class Expiry {
  readonly #with: ExpiryDependencies;

  constructor(dependencies: ExpiryDependencies) {
    this.#with = dependencies;
  }

  /** @returns whether there may be more. @throws on a fault of the disk */
  step(): boolean {
    const { commits, budget, bounded, transitions, refs, index, clock, keepAckedHours } = this.#with;
    const at = clock.retention();
    if (commits.busy) return true;
    budget.ensureReserve();
    const rowBytes = budget.rowBytes(index.rowCount);
    const most = Math.min(ROWS_AT_ONCE, Math.floor(BYTES_AT_ONCE / rowBytes));
    const limit = budget.leavesSpace(most * rowBytes) ? most : Math.min(most, bounded.limit);
    return commits.now(limit * rowBytes, (changes) => {
      // A long read keeps the WAL from being reused: expired rows can wait.
      if (!budget.walHasRoom(limit * rowBytes)) return false;
      const before = at - keepAckedHours * HOUR_MS;
      const events = transitions.expire(before, at + DAY_MS, limit, changes);
      const forgotten = refs.expire(limit);
      changes.refs -= forgotten;
      return events === limit || forgotten === limit;
    });
  }
}

/** Deletes what is kept no longer, acked events and refs, in slices between which events are accepted. */
import { DAY_MS, HOUR_MS } from '../../../shared/time.ts';
import type { EventClock } from '../../port/event-clock.ts';
import type { DedupIndex } from '../tables/dedup-index.ts';
import type { GroupCommit } from '../transaction/group-commit.ts';
import type { StateTransitions } from '../transaction/state-transitions.ts';
import type { BoundedTransactions } from './bounded-transactions.ts';
import type { DiskBudget } from './disk-budget.ts';

/** Rows that a slice deletes at most, of each table, and bytes of them. */
const ROWS_AT_ONCE = 500;
const BYTES_AT_ONCE = 1024 * 1024;

export interface ExpiryParts {
  readonly commits: Pick<GroupCommit, 'busy' | 'now'>;
  readonly budget: Pick<DiskBudget, 'ensureReserve' | 'rowBytes' | 'leavesSpace' | 'walHasRoom'>;
  readonly bounded: Pick<BoundedTransactions, 'limit'>;
  readonly transitions: Pick<StateTransitions, 'expire'>;
  readonly refs: Pick<DedupIndex, 'expire'>;
  readonly clock: Pick<EventClock, 'retention'>;
  readonly keepAckedHours: number;
  /** Rows of events in the buffer. */
  readonly held: () => number;
}

export class Expiry {
  readonly #with: ExpiryParts;

  constructor(parts: ExpiryParts) {
    this.#with = parts;
  }

  /** @returns whether there may be more. @throws on a fault of the disk */
  step(): boolean {
    const { commits, budget, bounded, transitions, refs, clock, keepAckedHours, held } = this.#with;
    const at = clock.retention();
    if (commits.busy) return true;
    budget.ensureReserve();
    const rowBytes = budget.rowBytes(held());
    const most = Math.min(ROWS_AT_ONCE, Math.floor(BYTES_AT_ONCE / rowBytes));
    const limit = budget.leavesSpace(most * rowBytes) ? most : Math.min(most, bounded.limit);
    return commits.now(limit * rowBytes, (changes) => {
      // Somebody reads for long: what expires can wait.
      if (!budget.walHasRoom(limit * rowBytes)) return false;
      const before = at - keepAckedHours * HOUR_MS;
      const events = transitions.expire(before, at + DAY_MS, limit, changes);
      const forgotten = refs.expire(limit);
      changes.refs -= forgotten;
      return events === limit || forgotten === limit;
    });
  }
}

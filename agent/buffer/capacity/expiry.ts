/** Deletes what is kept no longer, acked events and refs, in slices between which events are accepted. */
import { DAY_MS, HOUR_MS } from '../../../shared/time.ts';
import type { StampingClock } from '../../port/event-clock.ts';
import type { Refs } from '../tables/dedup-index.ts';
import type { Draft } from '../transaction/changeset.ts';
import type { GroupCommit } from '../transaction/group-commit.ts';
import type { Departures } from '../transaction/state-transitions.ts';
import type { Portions } from './bounded-transactions.ts';
import type { Budget } from './disk-budget.ts';

/** Rows that a slice deletes at most, of each table, and bytes of them. */
const ROWS_AT_ONCE = 500;
const BYTES_AT_ONCE = 1024 * 1024;

export interface ExpiryParts {
  readonly commits: Pick<GroupCommit, 'busy' | 'now'>;
  readonly budget: Pick<Budget, 'keepBallast' | 'rowBytes' | 'leavesSpace' | 'canWrite'>;
  readonly portions: Pick<Portions, 'rows'>;
  readonly departures: Pick<Departures, 'expired'>;
  readonly refs: Pick<Refs, 'expire'>;
  readonly clock: Pick<StampingClock, 'retention'>;
  readonly keepAckedHours: number;
  /** Of the transaction that runs. */
  readonly draft: () => Draft;
  /** Rows of events in the buffer. */
  readonly held: () => number;
}

export class Expiry {
  readonly #with: ExpiryParts;

  constructor(parts: ExpiryParts) {
    this.#with = parts;
  }

  /** @returns whether there may be more. @throws on a fault of the disk */
  slice(): boolean {
    const { commits, budget, portions, departures, refs, clock, keepAckedHours, draft, held } = this.#with;
    const at = clock.retention();
    if (commits.busy) return true;
    budget.keepBallast();
    const rowBytes = budget.rowBytes(held());
    const most = Math.min(ROWS_AT_ONCE, Math.floor(BYTES_AT_ONCE / rowBytes));
    const limit = budget.leavesSpace(most * rowBytes) ? most : Math.min(most, portions.rows);
    return commits.now(limit * rowBytes, () => {
      // Somebody reads for long: what expires can wait.
      if (!budget.canWrite(limit * rowBytes)) return false;
      const before = at - keepAckedHours * HOUR_MS;
      const events = departures.expired(before, at + DAY_MS, limit, draft());
      const forgotten = refs.expire(limit);
      draft().refs -= forgotten;
      return events === limit || forgotten === limit;
    });
  }
}

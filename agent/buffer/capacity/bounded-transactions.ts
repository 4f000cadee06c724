/**
 * Transactions that store no events, in portions that the disk has room for.
 *
 * Each takes room before it makes some: of the log, also where it only deletes. On a full disk that is what the log's own blocks have.
 */

import { FullError, isFull } from '../disk/buffer-error.ts';
import type { ChangeSet, RunBounded } from '../transaction/changeset.ts';
import type { GroupCommit } from '../transaction/group-commit.ts';
import type { StateTransitions } from '../transaction/state-transitions.ts';
import { AdaptiveLimit } from './adaptive-limit.ts';
import type { DiskBudget } from './disk-budget.ts';

/** Rows that a transaction changes at most where room is short. */
const MOST_ROWS = 200;

export interface BoundedTransactionParts {
  readonly commits: Pick<GroupCommit, 'submit'>;
  readonly budget: Pick<DiskBudget, 'rowBytes' | 'walHasRoom' | 'leavesSpace' | 'releaseReserve' | 'describe'>;
  readonly transitions: Pick<StateTransitions, 'evictAcked'>;
  /** Rows of events in the buffer. */
  readonly held: () => number;
}

export class BoundedTransactions {
  readonly #with: BoundedTransactionParts;
  readonly #rows = new AdaptiveLimit(MOST_ROWS);
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: BoundedTransactionParts) {
    this.#with = parts;
  }

  /** Rows that a transaction may change where room is short. */
  get limit(): number {
    return this.#rows.now;
  }

  /**
   * Runs work in one transaction, whatever it takes.
   *
   * @param rows that it changes, about
   * @throws FullError when there is no room
   */
  async runOnce<T>(rows: number, work: (changes: ChangeSet) => T): Promise<T> {
    const done = await this.#submit(rows, work, false);
    this.#rows.reset();
    return done;
  }

  /**
   * Runs work in a transaction for which room is made where there is none: from the ballast, and from what is kept for support only; with
   * fewer rows each time, until they fit. One at a time: those that shared a transaction would have to share its room.
   */
  readonly runAdaptive: RunBounded = (work) => {
    const done = this.#turn.then(() => this.#inPortions(work));
    this.#turn = done.catch(() => {});
    return done;
  };

  async #inPortions<T>(work: (changes: ChangeSet, rows: number) => T): Promise<T> {
    for (;;) {
      const rows = this.#rows.now;
      try {
        const done = await this.#insist(rows, (changes) => work(changes, rows));
        this.#rows.grow(rows);
        return done;
      } catch (error) {
        if (!isFull(error) || rows === 1) throw error;
        this.#rows.halve(rows);
      }
    }
  }

  async #insist<T>(rows: number, work: (changes: ChangeSet) => T): Promise<T> {
    try {
      return await this.#submit(rows, work, false);
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#with.budget.releaseReserve();
      return this.#submit(rows, work, true);
    }
  }

  async #submit<T>(rows: number, work: (changes: ChangeSet) => T, evict: boolean): Promise<T> {
    const { commits, budget, transitions, held } = this.#with;
    const bytes = rows * budget.rowBytes(held());
    const outcome = await commits.submit(bytes, (changes) => {
      const inAll = changes.bytes + bytes;
      const fits = budget.walHasRoom(inAll) && (rows === 1 || budget.leavesSpace(inAll));
      // Given back, not thrown: whoever shares the transaction has nothing to do with it.
      if (!fits) return new FullError(budget.describe());
      changes.bytes += bytes;
      if (evict) changes.evicted += transitions.evictAcked(rows, changes);
      return work(changes);
    });
    if (outcome instanceof FullError) throw outcome;
    return outcome;
  }
}

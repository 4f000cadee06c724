/**
 * Runs transactions that store no events, with as many rows as the disk has room for.
 *
 * Every transaction needs WAL space before it frees any, even a pure delete. On a full disk only
 * the blocks that the WAL has already are available.
 */
import { FullError, isFull } from '../disk/buffer-error.ts';
import type { RowIndex } from '../tables/row-index.ts';
import type { ChangeSet } from '../transaction/changeset.ts';
import type { GroupCommit } from '../transaction/group-commit.ts';
import type { StateTransitions } from '../transaction/state-transitions.ts';
import type { TransactionRunner } from '../transaction/transaction-runner.ts';
import { AdaptiveLimit } from './adaptive-limit.ts';
import type { DiskBudget } from './disk-budget.ts';

/** Rows that a transaction changes at most where room is short. */
const MOST_ROWS = 200;

export class BoundedTransactions implements TransactionRunner {
  readonly #commits: Pick<GroupCommit, 'submit' | 'now'>;
  readonly #budget: Pick<DiskBudget, 'rowBytes' | 'walHasRoom' | 'leavesSpace' | 'releaseReserve' | 'describe'>;
  readonly #transitions: Pick<StateTransitions, 'evictAcked'>;
  readonly #index: Pick<RowIndex, 'rowCount'>;
  readonly #rows = new AdaptiveLimit(MOST_ROWS);
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    commits: Pick<GroupCommit, 'submit' | 'now'>,
    budget: Pick<DiskBudget, 'rowBytes' | 'walHasRoom' | 'leavesSpace' | 'releaseReserve' | 'describe'>,
    transitions: Pick<StateTransitions, 'evictAcked'>,
    index: Pick<RowIndex, 'rowCount'>,
  ) {
    this.#commits = commits;
    this.#budget = budget;
    this.#transitions = transitions;
    this.#index = index;
  }

  /** Rows that a transaction may change where room is short. */
  get limit(): number {
    return this.#rows.now;
  }

  run<T>(work: (changes: ChangeSet) => T): Promise<T> {
    return this.#commits.submit(0, work);
  }

  runAlone<T>(work: (changes: ChangeSet) => T): T {
    return this.#commits.now(0, work);
  }

  /**
   * Runs work in one transaction, however many rows it changes.
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
   * Makes room where there is none: from the ballast, and from rows that are kept for support only.
   * One at a time: transactions that were merged would have to share the room.
   */
  runBounded<T>(work: (changes: ChangeSet, rows: number) => T): Promise<T> {
    const done = this.#turn.then(() => this.#runUntilItFits(work));
    this.#turn = done.catch(() => {});
    return done;
  }

  async #runUntilItFits<T>(work: (changes: ChangeSet, rows: number) => T): Promise<T> {
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
      this.#budget.releaseReserve();
      return this.#submit(rows, work, true);
    }
  }

  async #submit<T>(rows: number, work: (changes: ChangeSet) => T, evict: boolean): Promise<T> {
    const budget = this.#budget;
    const bytes = rows * budget.rowBytes(this.#index.rowCount);
    const outcome = await this.#commits.submit(bytes, (changes) => {
      const total = changes.bytes + bytes;
      const fits = budget.walHasRoom(total) && (rows === 1 || budget.leavesSpace(total));
      // Returned, not thrown: others that share the transaction must not fail with it.
      if (!fits) return new FullError(budget.describe());
      changes.bytes += bytes;
      if (evict) changes.evicted += this.#transitions.evictAcked(rows, changes);
      return work(changes);
    });
    if (outcome instanceof FullError) throw outcome;
    return outcome;
  }
}

/**
 * Transactions that store no events, in portions that the disk has room for.
 *
 * Each takes room before it makes some: of the log, also where it only deletes. On a full disk that is what the log's own blocks have.
 */

import { FullError, isFull } from '../disk/buffer-error.ts';
import type { Draft, Transact } from '../transaction/changeset.ts';
import type { GroupCommit } from '../transaction/group-commit.ts';
import type { Departures } from '../transaction/state-transitions.ts';
import { PortionSize } from './adaptive-limit.ts';
import type { Budget } from './disk-budget.ts';

/** Rows that a transaction changes at most where room is short. */
const MOST_ROWS = 200;

export interface PortionsParts {
  readonly commits: Pick<GroupCommit, 'submit'>;
  readonly budget: Pick<Budget, 'rowBytes' | 'canWrite' | 'leavesSpace' | 'relieve' | 'describe'>;
  readonly departures: Pick<Departures, 'evictAcked'>;
  /** Of the transaction that runs. */
  readonly draft: () => Draft;
  /** Rows of events in the buffer. */
  readonly held: () => number;
}

export class Portions {
  readonly #with: PortionsParts;
  readonly #rows = new PortionSize(MOST_ROWS);
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: PortionsParts) {
    this.#with = parts;
  }

  /** Rows that a transaction may change where room is short. */
  get rows(): number {
    return this.#rows.now;
  }

  /**
   * Runs work in one transaction, whatever it takes.
   *
   * @param rows that it changes, about
   * @throws FullError when there is no room
   */
  async whole<T>(rows: number, work: (draft: Draft) => T): Promise<T> {
    const done = await this.#submit(rows, work, false);
    this.#rows.reset();
    return done;
  }

  /**
   * Runs work in a transaction for which room is made where there is none: from the ballast, and from what is kept for support only; with
   * fewer rows each time, until they fit. One at a time: those that shared a transaction would have to share its room.
   */
  readonly transact: Transact = (work) => {
    const done = this.#turn.then(() => this.#inPortions(work));
    this.#turn = done.catch(() => {});
    return done;
  };

  async #inPortions<T>(work: (draft: Draft, rows: number) => T): Promise<T> {
    for (;;) {
      const rows = this.#rows.now;
      try {
        const done = await this.#insist(rows, (draft) => work(draft, rows));
        this.#rows.fitted(rows);
        return done;
      } catch (error) {
        if (!isFull(error) || rows === 1) throw error;
        this.#rows.lackedRoom(rows);
      }
    }
  }

  async #insist<T>(rows: number, work: (draft: Draft) => T): Promise<T> {
    try {
      return await this.#submit(rows, work, false);
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#with.budget.relieve();
      return this.#submit(rows, work, true);
    }
  }

  async #submit<T>(rows: number, work: (draft: Draft) => T, evict: boolean): Promise<T> {
    const { commits, budget, departures, held } = this.#with;
    const bytes = rows * budget.rowBytes(held());
    const outcome = await commits.submit(bytes, () => {
      const draft = this.#with.draft();
      const inAll = draft.bytes + bytes;
      const fits = budget.canWrite(inAll) && (rows === 1 || budget.leavesSpace(inAll));
      // Given back, not thrown: whoever shares the transaction has nothing to do with it.
      if (!fits) return new FullError(budget.describe());
      draft.bytes += bytes;
      if (evict) draft.evicted += departures.evictAcked(rows, draft);
      return work(draft);
    });
    if (outcome instanceof FullError) throw outcome;
    return outcome;
  }
}

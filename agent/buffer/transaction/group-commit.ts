/**
 * Runs concurrent writers in one transaction, so that they share one fsync.
 *
 * What is submitted in one tick, or within the configured delay, runs in one transaction at its
 * end, in order. The work gets the transaction's change set as an argument. Large work is
 * cooperative: the event loop gets turns between its slices while the transaction stays open.
 * Meanwhile nobody else may write on the connection, and a reader on it sees uncommitted rows
 * (`busy`).
 *
 * States: idle -> scheduled -> committing -> idle. Invariants: a promise resolves after COMMIT
 * returned; when anything fails, nothing of the group is stored and all of it is rejected; one
 * transaction at a time.
 */
import assert from 'node:assert/strict';
import type { Database, Statement } from 'better-sqlite3';
import { type Cooperative, runSlice, runToEnd } from '../../../shared/cooperative.ts';
import { ChangeSet } from './changeset.ts';

/** Bytes of work after which the rest waits for the next transaction: bounds the WAL. */
const MAX_GROUP_BYTES = 16 * 1024 * 1024;

/**
 * Called around each transaction, so that what is kept in memory follows the rows.
 * `CommitFollower` implements it.
 */
export interface TransactionObserver {
  /** Before BEGIN. @param bytes that the group would store */
  prepare(bytes: number): void;
  /** After BEGIN: nobody else writes until the end. */
  begun(): void;
  /** After COMMIT, before anybody is answered. */
  committed(changes: ChangeSet): void;
  rolledBack(): void;
  /**
   * The transaction is over: its work was rejected, or `committed` failed. May close the database.
   */
  failed(error: unknown): void;
}

interface Submission {
  readonly bytes: number;
  /**
   * Runs within the transaction; for the events of a request it is `Append.run`. Its result
   * resolves the promise after COMMIT.
   */
  readonly work: (changes: ChangeSet) => unknown;
  /** Whether `work` returns a generator that is to be run in slices. */
  readonly isCooperative: boolean;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome =
  | { readonly kind: 'committed'; readonly changes: ChangeSet; readonly results: readonly unknown[] }
  | { readonly kind: 'failed'; readonly error: unknown };

export class GroupCommit {
  readonly #db: Database;
  readonly #index: { readonly lastId: number };
  readonly #observer: TransactionObserver;
  readonly #delayMs: number;
  readonly #beginStatement: Statement;
  readonly #commitStatement: Statement;
  #state: 'idle' | 'scheduled' | 'committing' = 'idle';
  #waiting: Submission[] = [];
  #waitingBytes = 0;
  /** The first one that had no room in the last transaction. */
  #left: Submission | null = null;
  /** Cancels the scheduled transaction. */
  #cancel = (): void => {};
  /** The open transaction between its slices. */
  #open: Cooperative<void> | null = null;

  /**
   * @param index knows the highest id given out so far; each change set continues from there
   * @param delayMs how long a submission waits for more to share its commit; 0: to the end of the
   *   tick
   */
  constructor(db: Database, index: { readonly lastId: number }, observer: TransactionObserver, delayMs = 0) {
    this.#db = db;
    this.#index = index;
    this.#observer = observer;
    this.#delayMs = delayMs;
    this.#beginStatement = db.prepare('BEGIN IMMEDIATE');
    this.#commitStatement = db.prepare('COMMIT');
  }

  /** Whether a transaction is open between two of its slices. */
  get busy(): boolean {
    return this.#open !== null;
  }

  /**
   * Runs work in the next shared transaction. Resolves to its result once that is durable.
   *
   * @param bytes that it would store, about
   */
  submit<T>(bytes: number, work: (changes: ChangeSet) => T): Promise<T> {
    return this.#submit(bytes, work, false) as Promise<T>;
  }

  /** As `submit`, for work that may take long. */
  submitCooperative<T>(bytes: number, work: (changes: ChangeSet) => Cooperative<T>): Promise<T> {
    return this.#submit(bytes, work, true) as Promise<T>;
  }

  /**
   * Runs work in a transaction of its own, at once; ends an open one before.
   *
   * @param bytes that it would write, about
   * @throws what it throws, and on a fault of the disk
   */
  now<T>(bytes: number, work: (changes: ChangeSet) => T): T {
    const settled: ({ readonly value: unknown } | { readonly error: unknown })[] = [];
    const alone: Submission = {
      bytes,
      work,
      isCooperative: false,
      resolve: (value) => settled.push({ value }),
      reject: (error) => settled.push({ error }),
    };
    this.#finishOpen();
    const state = this.#state;
    runToEnd(this.#transaction([alone]));
    this.#state = state;
    const [outcome] = settled;
    assert(outcome !== undefined);
    if ('error' in outcome) throw outcome.error;
    return outcome.value as T;
  }

  /** Commits at once what was submitted so far. */
  flush(): void {
    this.#finishOpen();
    while (this.#waiting.length > 0) runToEnd(this.#transaction(this.#take()));
  }

  #submit(bytes: number, work: (changes: ChangeSet) => unknown, isCooperative: boolean): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ bytes, work, isCooperative, resolve, reject });
      this.#waitingBytes += bytes;
      if (this.#state === 'idle') this.#schedule(this.#delayMs);
      else if (this.#state === 'scheduled' && this.#waitingBytes >= MAX_GROUP_BYTES) this.#schedule(0);
    });
  }

  #schedule(delayMs: number): void {
    this.#cancel();
    this.#state = 'scheduled';
    const commit = (): void => {
      this.#cancel = () => {};
      this.#open = this.#transaction(this.#take());
      this.#goOn();
    };
    if (delayMs > 0) {
      const timer = setTimeout(commit, delayMs);
      this.#cancel = () => clearTimeout(timer);
    } else {
      const turn = setImmediate(commit);
      this.#cancel = () => clearImmediate(turn);
    }
  }

  /** Runs the next slice of the open transaction. */
  #goOn(): void {
    const open = this.#open;
    if (open === null) return;
    if (runSlice(open) === null) {
      setImmediate(() => {
        // Else it was ended by `now` or `flush`.
        if (this.#open === open) this.#goOn();
      });
      return;
    }
    this.#next();
  }

  /** What the last transaction had no room for has waited already. */
  #next(): void {
    if (this.#state !== 'idle' || this.#waiting.length === 0) return;
    this.#schedule(this.#waiting[0] === this.#left ? 0 : this.#delayMs);
  }

  #finishOpen(): void {
    const open = this.#open;
    if (open === null) return;
    runToEnd(open);
    this.#next();
  }

  #take(): Submission[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && (count === 0 || bytes + this.#waiting[count]!.bytes <= MAX_GROUP_BYTES)) {
      bytes += this.#waiting[count]!.bytes;
      count++;
    }
    this.#waitingBytes -= bytes;
    this.#left = this.#waiting[count] ?? null;
    return this.#waiting.splice(0, count);
  }

  *#transaction(group: readonly Submission[]): Cooperative<void> {
    assert(this.#state !== 'committing', 'one transaction at a time');
    this.#state = 'committing';
    const outcome = group.length === 0 ? null : yield* this.#commit(group);
    this.#state = 'idle';
    this.#open = null;
    if (outcome === null) return;
    if (outcome.kind === 'failed') {
      for (const { reject } of group) reject(outcome.error);
      this.#observer.failed(outcome.error);
      return;
    }
    const fault = this.#follow(outcome.changes);
    for (let at = 0; at < group.length; at++) group[at]!.resolve(outcome.results[at]);
    if (fault !== null) this.#observer.failed(fault.error);
  }

  /** What was committed is durable, and is answered whatever the observer does. */
  #follow(changes: ChangeSet): { readonly error: unknown } | null {
    try {
      this.#observer.committed(changes);
      return null;
    } catch (error) {
      return { error };
    }
  }

  *#commit(group: readonly Submission[]): Cooperative<Outcome> {
    try {
      this.#observer.prepare(group.reduce((sum, { bytes }) => sum + bytes, 0));
      this.#beginStatement.run();
      this.#observer.begun();
      const changes = new ChangeSet(this.#index.lastId);
      const results: unknown[] = [];
      for (const { work, isCooperative } of group) {
        const result = work(changes);
        results.push(isCooperative ? yield* result as Cooperative<unknown> : result);
      }
      this.#commitStatement.run();
      return { kind: 'committed', changes, results };
    } catch (error) {
      this.#rollBack();
      this.#observer.rolledBack();
      return { kind: 'failed', error };
    }
  }

  #rollBack(): void {
    try {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
    } catch {
      // The first fault is the one to report; SQLite rolls back by itself on most of them.
    }
  }
}

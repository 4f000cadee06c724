/**
 * Concurrent writers share one transaction, and so one fsync.
 *
 * What is submitted in a tick, or within the delay that is set, runs in one transaction at its end, in order. Large work is done in pieces,
 * with turns of the event loop between them, in one open transaction: meanwhile nobody else may write on the connection, and who reads on it
 * sees what is not committed yet (`busy`).
 *
 * States: idle -> scheduled -> committing -> idle. Invariants: an answer leaves after COMMIT returned; when anything fails, nothing of the
 * group is stored and all of it is rejected; one transaction at a time.
 */
import assert from 'node:assert/strict';
import type { Database, Statement } from 'better-sqlite3';
import { type Cooperative, runSlice, runToEnd } from './cooperative.ts';

/** Bytes of work after which the rest waits for the next transaction: bounds the write-ahead log. */
const MAX_GROUP_BYTES = 16 * 1024 * 1024;

/** Told about each transaction, so that memory follows the rows. */
export interface TransactionObserver {
  /** Before it begins. @param bytes that the group would store */
  prepare(bytes: number): void;
  /** It holds the lock: nobody else writes until its end. */
  begun(): void;
  committed(): void;
  rolledBack(): void;
  /** It is over, and its work was rejected. May close the database. */
  failed(error: unknown): void;
}

interface Work {
  readonly bytes: number;
  /** Runs within the transaction; returns how to answer once it is durable. */
  readonly run: () => (() => void) | Cooperative<() => void>;
  readonly reject: (error: unknown) => void;
}

export class GroupCommit {
  readonly #db: Database;
  readonly #observer: TransactionObserver;
  readonly #delayMs: number;
  readonly #begin: Statement;
  readonly #end: Statement;
  #state: 'idle' | 'scheduled' | 'committing' = 'idle';
  #waiting: Work[] = [];
  #waitingBytes = 0;
  /** The first that had no room in the last transaction. */
  #left: Work | null = null;
  /** Ends the wait of the scheduled group. */
  #cancel = (): void => {};
  /** The open transaction between its pieces. */
  #open: Cooperative<void> | null = null;

  /** @param delayMs how long what is submitted waits for more to share its commit; 0: to the end of the tick */
  constructor(db: Database, observer: TransactionObserver, delayMs = 0) {
    this.#db = db;
    this.#observer = observer;
    this.#delayMs = delayMs;
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#end = db.prepare('COMMIT');
  }

  /** Whether a transaction is open between two pieces of it. */
  get busy(): boolean {
    return this.#open !== null;
  }

  /**
   * @param bytes that it would store, about
   * @param work runs within the shared transaction; what it returns is the answer once that is durable
   */
  submit<T>(bytes: number, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = () => {
        const answer = work();
        return () => resolve(answer);
      };
      this.#add({ bytes, run, reject });
    });
  }

  /** As `submit`, for work that may take long. */
  submitCooperative<T>(bytes: number, work: () => Cooperative<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = function* () {
        const answer = yield* work();
        return () => resolve(answer);
      };
      this.#add({ bytes, run, reject });
    });
  }

  /**
   * Runs work in a transaction of its own, at once; ends an open one before.
   *
   * @param bytes that it would write, about
   * @throws what it throws, and on a fault of the disk
   */
  now<T>(bytes: number, work: () => T): T {
    const outcome: ({ readonly value: T } | { readonly error: unknown })[] = [];
    const run = () => {
      const value = work();
      return () => outcome.push({ value });
    };
    this.#finishOpen();
    const state = this.#state;
    runToEnd(this.#transaction([{ bytes, run, reject: (error) => outcome.push({ error }) }]));
    this.#state = state;
    const [only] = outcome;
    if ('error' in only!) throw only.error;
    return only!.value;
  }

  /** Commits what was submitted so far, at once. */
  flush(): void {
    this.#finishOpen();
    while (this.#waiting.length > 0) runToEnd(this.#transaction(this.#take()));
  }

  #add(work: Work): void {
    this.#waiting.push(work);
    this.#waitingBytes += work.bytes;
    if (this.#state === 'idle') this.#schedule(this.#delayMs);
    else if (this.#state === 'scheduled' && this.#waitingBytes >= MAX_GROUP_BYTES) this.#schedule(0);
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

  /** The next piece of the open transaction. */
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

  /** What the last transaction had no room for has waited. */
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

  #take(): Work[] {
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

  *#transaction(group: readonly Work[]): Cooperative<void> {
    assert(this.#state !== 'committing', 'one transaction at a time');
    this.#state = 'committing';
    const answers: (() => void)[] = [];
    let failure: { readonly error: unknown } | null = null;
    try {
      if (group.length === 0) return;
      this.#observer.prepare(group.reduce((sum, { bytes }) => sum + bytes, 0));
      this.#begin.run();
      this.#observer.begun();
      for (const { run } of group) {
        const work = run();
        answers.push(typeof work === 'function' ? work : yield* work);
      }
      this.#end.run();
    } catch (error) {
      this.#rollBack();
      this.#observer.rolledBack();
      failure = { error };
    } finally {
      this.#state = 'idle';
      this.#open = null;
    }
    if (failure !== null) {
      for (const { reject } of group) reject(failure.error);
      this.#observer.failed(failure.error);
      return;
    }
    this.#observer.committed();
    for (const answer of answers) answer();
  }

  #rollBack(): void {
    try {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
    } catch {
      // The fault that brought us here is the one to tell; SQLite rolls back by itself on most of them.
    }
  }
}

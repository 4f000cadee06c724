/**
 * Concurrent writers share one transaction, and so one fsync.
 *
 * What is submitted in a tick runs in one transaction at its end, in order. States: idle -> scheduled -> committing -> idle. Invariants: an
 * answer leaves after COMMIT returned; when anything fails, nothing of the group is stored and all of it is rejected.
 */
import assert from 'node:assert/strict';
import type { Database, Statement } from 'better-sqlite3';

/** Bytes of work after which the rest waits for the next transaction: bounds the write-ahead log. */
const MAX_GROUP_BYTES = 16 * 1024 * 1024;

/** Told about each transaction, so that memory follows the rows. */
export interface TransactionObserver {
  /** @param bytes that the group would store */
  begin(bytes: number): void;
  committed(): void;
  rolledBack(): void;
}

interface Work {
  readonly bytes: number;
  /** Runs within the transaction; returns how to answer once it is durable. */
  readonly run: () => () => void;
  readonly reject: (error: unknown) => void;
}

export class GroupCommit {
  readonly #db: Database;
  readonly #observer: TransactionObserver;
  readonly #begin: Statement;
  readonly #end: Statement;
  #state: 'idle' | 'scheduled' | 'committing' = 'idle';
  #waiting: Work[] = [];

  constructor(db: Database, observer: TransactionObserver) {
    this.#db = db;
    this.#observer = observer;
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#end = db.prepare('COMMIT');
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
      this.#waiting.push({ bytes, run, reject });
      this.#schedule();
    });
  }

  /** Runs work in a transaction of its own, at once. @throws what it throws, and on a fault of the disk */
  now<T>(work: () => T): T {
    let answer: { readonly value: T } | null = null;
    let failure: { readonly error: unknown } | null = null;
    const run = () => {
      const value = work();
      return () => {
        answer = { value };
      };
    };
    const reject = (error: unknown) => {
      failure = { error };
    };
    const state = this.#state;
    this.#commit([{ bytes: 0, run, reject }]);
    this.#state = state;
    if (failure !== null) throw (failure as { readonly error: unknown }).error;
    return (answer as { readonly value: T } | null)!.value;
  }

  /** Commits what was submitted so far, at once. */
  flush(): void {
    while (this.#waiting.length > 0) this.#commit(this.#take());
  }

  #schedule(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'scheduled';
    setImmediate(() => {
      this.#commit(this.#take());
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  #take(): Work[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && (count === 0 || bytes + this.#waiting[count]!.bytes <= MAX_GROUP_BYTES)) {
      bytes += this.#waiting[count]!.bytes;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  #commit(group: readonly Work[]): void {
    assert(this.#state !== 'committing', 'one transaction at a time');
    this.#state = 'committing';
    const answers: (() => void)[] = [];
    try {
      if (group.length === 0) return;
      this.#observer.begin(group.reduce((sum, { bytes }) => sum + bytes, 0));
      this.#begin.run();
      for (const { run } of group) answers.push(run());
      this.#end.run();
    } catch (error) {
      this.#rollBack();
      this.#observer.rolledBack();
      for (const { reject } of group) reject(error);
      return;
    } finally {
      this.#state = 'idle';
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

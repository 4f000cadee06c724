/** How the parts of the buffer run transactions. `BoundedTransactions` implements it. */
import type { ChangeSet } from './changeset.ts';

export interface TransactionRunner {
  /** Runs work in the next shared transaction. Rejects on a fault of the disk. */
  run<T>(work: (changes: ChangeSet) => T): Promise<T>;
  /**
   * Runs work that may change so many rows, which bounds what it writes to the WAL. On a full disk
   * it runs again with fewer. Rejects with FullError where a single row has no room.
   */
  runBounded<T>(work: (changes: ChangeSet, rows: number) => T): Promise<T>;
  /** Runs work at once, in a transaction of its own. @throws on a fault of the disk */
  runAlone<T>(work: (changes: ChangeSet) => T): T;
}

/** Runs several statements on one snapshot of the file. */
import type { Database } from 'better-sqlite3';

/**
 * Ends with a rollback, as there is nothing to keep: once a statement has met a damaged page,
 * SQLite refuses to commit even a transaction that only read.
 */
export function readTransaction<T>(db: Database, work: () => T): T {
  db.exec('BEGIN');
  try {
    return work();
  } finally {
    if (db.inTransaction) db.exec('ROLLBACK');
  }
}

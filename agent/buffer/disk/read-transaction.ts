/** Several statements on one state of the file. */
import type { Database } from 'better-sqlite3';

/**
 * Ends with a rollback, since there is nothing to keep: once a statement has met a damaged page, SQLite refuses to commit a transaction that
 * only read.
 */
export function readTransaction<T>(db: Database, work: () => T): T {
  db.exec('BEGIN');
  try {
    return work();
  } finally {
    if (db.inTransaction) db.exec('ROLLBACK');
  }
}

/** Detects a buffer's file that holds nothing, and tells it from a database of another program. */
import type { Database } from 'better-sqlite3';
import { BufferError } from './buffer-error.ts';
import { describeIrregularFile, sizeOf } from './regular-file.ts';

export class EmptyDatabaseError extends BufferError {}

/**
 * Call it before SQLite opens the file, even read-only: SQLite deletes the WAL of a zero-byte
 * database, and the WAL may hold all events.
 *
 * @param given the path as the user wrote it
 * @throws EmptyDatabaseError, and BufferError when the path is not a file
 */
export function assertHoldsSomething(path: string, given: string): void {
  const odd = describeIrregularFile(path);
  if (odd !== null) throw new BufferError(`${given}: ${odd}`);
  if (sizeOf(path) === 0) throw new EmptyDatabaseError(`${given} is empty (0 bytes)`);
}

/** Describes why a file of schema 0 is not a buffer. */
export function notOurs(db: Database, path: string, given: string): BufferError {
  if (db.prepare('SELECT 1 FROM sqlite_schema').get() !== undefined)
    return new BufferError(`${given}: is not an agent's buffer`);
  const wal = sizeOf(`${path}-wal`) > 0 ? ', and its WAL cannot be read' : '';
  return new EmptyDatabaseError(`${given} is empty (no tables${wal})`);
}

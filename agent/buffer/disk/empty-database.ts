/** A buffer's file that holds nothing, which a database of another program does not look like. */
import type { Database } from 'better-sqlite3';
import { BufferError } from './buffer-error.ts';
import { describeIrregularFile, sizeOf } from './regular-file.ts';

export class EmptyDatabaseError extends BufferError {}

/**
 * Before SQLite opens it, also where it may only read: of a database without a byte it removes the log, with all the sales in it.
 *
 * @param given as the user named it
 * @throws EmptyFileError, and BufferError where no file lies there
 */
export function assertHoldsSomething(path: string, given: string): void {
  const odd = describeIrregularFile(path);
  if (odd !== null) throw new BufferError(`${given}: ${odd}`);
  if (sizeOf(path) === 0) throw new EmptyDatabaseError(`${given} is empty (0 bytes)`);
}

/** Why a file of schema 0 is no buffer. */
export function notOurs(db: Database, path: string, given: string): BufferError {
  if (db.prepare('SELECT 1 FROM sqlite_schema').get() !== undefined)
    return new BufferError(`${given}: is not an agent's buffer`);
  const log = sizeOf(`${path}-wal`) > 0 ? ', and its log cannot be read' : '';
  return new EmptyDatabaseError(`${given} is empty (no tables${log})`);
}

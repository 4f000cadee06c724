/**
 * Turns errors of SQLite and the file system into `StoreUnavailable`, with a hint for the operator.
 */
import Database from 'better-sqlite3';
import { StoreUnavailable } from '../tables.ts';

/** What an operator can do, by the prefix of SQLite's result code. */
const HINTS: readonly (readonly [string, string])[] = [
  ['SQLITE_BUSY', 'another process keeps the file locked; end it or try again'],
  ['SQLITE_LOCKED', 'another process keeps the file locked; end it or try again'],
  ['SQLITE_FULL', 'the disk is full; free some space'],
  ['SQLITE_IOERR', "the disk or file system fails; look at the system's log"],
  ['SQLITE_CORRUPT', 'the file is damaged; restore a backup'],
  ['SQLITE_NOTADB', 'this is not a store; check the configured path'],
  ['SQLITE_CANTOPEN', 'the file cannot be opened; check that the folder exists and may be written'],
  ['SQLITE_READONLY', 'the file may not be written; check its owner and rights'],
  ['SQLITE_PERM', 'the file may not be written; check its owner and rights'],
  ['SQLITE_ERROR', 'was `init` run on this store?'],
];

/**
 * Runs one operation and turns errors of SQLite and the file system into `StoreUnavailable` with
 * operation, path and hint. Any other error is a fault of the caller and passes unchanged.
 */
export function wrapStoreErrors<T>(operation: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    const hint = HINTS.find(([start]) => code.startsWith(start))?.[1] ?? 'check the path and its rights';
    throw new StoreUnavailable(`${operation} on ${path}: ${(error as Error).message} (${code}): ${hint}`, {
      cause: error,
    });
  }
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof Database.SqliteError) return error.code;
  if (error instanceof Error && 'syscall' in error && 'code' in error) return String(error.code);
  return undefined;
}

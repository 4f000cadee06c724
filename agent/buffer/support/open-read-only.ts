/** Opens the buffer's database to read only. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import { BufferError } from '../disk/buffer-error.ts';
import { assertHoldsSomething, notOurs } from '../disk/empty-database.ts';
import { checkVersion } from '../tables/schema.ts';

/** How long a read waits for a lock that the agent holds. */
const BUSY_MS = 250;

/**
 * Opens it beside a running agent, or after a dead one.
 *
 * @throws BufferError when there is no buffer, or one of a newer schema; EmptyDatabaseError when it
 * is empty
 */
export function openReadOnly(path: string): Database {
  if (!existsSync(path))
    throw new BufferError(`${path}: there is no buffer: has the agent run with this configuration yet?`);
  assertHoldsSomething(resolve(path), path);
  const db = new Sqlite(resolve(path), { readonly: true, fileMustExist: true, timeout: BUSY_MS });
  try {
    db.pragma('query_only = ON');
    if (checkVersion(db, path) === 0) throw notOurs(db, resolve(path), path);
    return db;
  } catch (cause) {
    db.close();
    if (cause instanceof BufferError) throw cause;
    throw new BufferError(`${path}: cannot be read: ${(cause as Error).message}`, { cause });
  }
}

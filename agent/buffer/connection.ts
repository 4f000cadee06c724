/** Opens the buffer's database: for writing by one process at a time, or for looking only. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import { BufferError } from './buffer-error.ts';
import { checkVersion, type Owner, prepareSchema } from './schema.ts';

/** Bounds what one connection holds of the file in memory. */
const CACHE_KIB = 4096;
/** How long a checkpoint waits for somebody who looks at the file: events wait with it. */
const BUSY_MS = 250;

export interface WritableDatabase {
  readonly db: Database;
  /** @throws Error when the file was removed or replaced: SQLite would go on writing to what nobody finds again */
  assertInPlace(): void;
  close(): void;
}

/** @throws BufferError while another process has it. The system drops the lock when its holder dies, however it dies. */
function lock(path: string): Database {
  const holder = new Sqlite(`${path}.lock`, { timeout: 0 });
  try {
    holder.pragma('journal_mode = OFF');
    holder.exec('BEGIN EXCLUSIVE');
    return holder;
  } catch (cause) {
    holder.close();
    if ((cause as { code?: unknown }).code !== 'SQLITE_BUSY') throw cause;
    throw new BufferError(`${path}: another agent has this buffer open: stop it, or give another buffer.path`, {
      cause,
    });
  }
}

/**
 * WAL mode leaves `synchronous` at NORMAL in some builds once the file is read, which loses commits in a power cut: so it is set, and
 * asserted after a read.
 */
function durable(db: Database, checkpointPages: number): void {
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma(`wal_autocheckpoint = ${checkpointPages}`);
  db.pragma(`journal_size_limit = ${checkpointPages * 4096}`);
  db.pragma(`cache_size = -${CACHE_KIB}`);
  db.pragma('temp_store = MEMORY');
  db.prepare('SELECT count(*) FROM sqlite_schema').get();
  assert.equal(db.pragma('journal_mode', { simple: true }), 'wal');
  assert.equal(db.pragma('synchronous', { simple: true }), 2);
}

function identityOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? null : `${found.dev}/${found.ino}`;
}

/** What SQLite says when a file can't be opened is for the person at the till. */
export const inWords = (error: unknown, path: string): unknown =>
  error instanceof Sqlite.SqliteError
    ? new BufferError(`${path}: cannot be opened: ${error.message}`, { cause: error })
    : error;

/**
 * @param checkpointPages pages in the write-ahead log at which it is copied into the database
 * @throws BufferError when it is open elsewhere, too new, not ours, or cannot be opened
 */
export function openForWriting(given: string, owner: Owner, checkpointPages: number): WritableDatabase {
  const path = resolve(given);
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (cause) {
    throw new BufferError(`${given}: its folder cannot be created: ${(cause as Error).message}`, { cause });
  }
  const locked = lock(path);
  let db: Database | undefined;
  try {
    db = new Sqlite(path, { timeout: BUSY_MS });
    checkVersion(db, given);
    durable(db, checkpointPages);
    prepareSchema(db, given, owner);
  } catch (error) {
    db?.close();
    locked.close();
    throw inWords(error, given);
  }
  const opened = db;
  const identity = identityOf(path);
  return {
    db: opened,
    assertInPlace() {
      if (identityOf(path) !== identity) {
        throw new Error(`${given} was removed or replaced: put it back, or start the agent again`);
      }
    },
    close() {
      opened.close();
      locked.close();
    },
  };
}

/**
 * For looking: beside a running agent or at what a dead one left.
 *
 * @throws BufferError when there is no buffer, or a newer one than this program knows
 */
export function openForReading(path: string): Database {
  if (!existsSync(path))
    throw new BufferError(`${path}: there is no buffer: has the agent run with this configuration yet?`);
  const db = new Sqlite(resolve(path), { readonly: true, fileMustExist: true, timeout: BUSY_MS });
  try {
    db.pragma('query_only = ON');
    if (checkVersion(db, path) === 0) throw new BufferError(`${path}: is not an agent's buffer`);
    return db;
  } catch (cause) {
    db.close();
    if (cause instanceof BufferError) throw cause;
    throw new BufferError(`${path}: cannot be read: ${(cause as Error).message}`, { cause });
  }
}

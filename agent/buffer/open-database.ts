/** Opens the buffer's database for writing, by one process at a time. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import { BufferError, BufferRefusal } from './disk/buffer-error.ts';
import { classifyError } from './disk/classify-error.ts';
import { createDirectory } from './disk/create-directory.ts';
import { FileIdentity } from './disk/file-identity.ts';
import { describeIrregularFile, sizeOf } from './disk/regular-file.ts';
import { newSetAsideName, reuniteWal, setAside, setAsideNames } from './disk/set-aside-files.ts';
import { HighWaterFile, readMarks } from './high-water/high-water-file.ts';
import { type HighWaterMark, isSettled } from './high-water/high-water-mark.ts';
import { type Assessment, assess } from './recovery/assess-database.ts';
import { marksOfCurrentFile } from './recovery/missing-seqs.ts';
import { recordSetAside } from './recovery/progress.ts';
import { openByteSource } from './sqlite-format/byte-source.ts';
import { holdsUnread } from './sqlite-format/wal-frames.ts';
import { inheritGeneration, readGeneration } from './store-generation.ts';
import { type Owner, prepareSchema } from './tables/schema.ts';

/**
 * Page cache of one connection. Four times as much improved no figure, and draining took 2 MiB
 * more.
 */
const CACHE_KIB = 1024;
/** How long a checkpoint waits for another reader of the file; events wait with it. */
const BUSY_MS = 250;

export interface WritableDatabase {
  readonly db: Database;
  readonly highWater: HighWaterFile;
  /** @throws FileMovedError when the database or its WAL was removed or replaced */
  assertInPlace(): void;
  /**
   * Closes the database. One that was removed is first written again, as a set-aside file that the
   * next opening recovers.
   *
   * @param distrusted whether the database is set aside first, with all that its WAL still holds
   */
  close(distrusted?: boolean): void;
}

/**
 * Takes the lock of the buffer. The system releases it when its holder dies, however it dies.
 *
 * @throws BufferRefusal while another process holds it
 */
function lock(path: string, again = true): Database {
  const holder = new Sqlite(`${path}.lock`, { timeout: 0 });
  try {
    holder.pragma('journal_mode = OFF');
    holder.exec('BEGIN EXCLUSIVE');
    return holder;
  } catch (cause) {
    holder.close();
    if (again && classifyError(cause) === 'damaged') {
      // Our lock file is always empty, so nobody holds a damaged one.
      rmSync(`${path}.lock`, { force: true });
      return lock(path, false);
    }
    if ((cause as { code?: unknown }).code !== 'SQLITE_BUSY') throw cause;
    throw new BufferRefusal(`${path}: another agent has this buffer open: stop it, or give another buffer.path`, {
      cause,
    });
  }
}

/**
 * Makes commits survive a power cut. In some builds, WAL mode leaves `synchronous` at NORMAL once
 * the file is read, which loses commits then. So it is set here, and asserted after a read.
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

/** Turns SQLite's error at an opening into a message for the person at the till. */
export const asBufferError = (error: unknown, path: string): unknown =>
  error instanceof Sqlite.SqliteError
    ? new BufferError(`${path}: cannot be opened: ${error.message}`, { cause: error })
    : error;

export interface Opening {
  readonly path: string;
  readonly owner: Owner;
  /** Number of pages in the WAL that starts a checkpoint. */
  readonly checkpointPages: number;
  /** Suspected corruption: why the file is not believed; null when nothing is suspected. */
  readonly distrust: string | null;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Opens the buffer whatever state it is in. A damaged file, one that lacks what was accepted last,
 * and one of an older schema are set aside (see `recovery/`), and a fresh one takes its place.
 *
 * @throws BufferRefusal when it is open elsewhere, too new or not ours; BufferError when it cannot
 *   be opened at present
 */
export function openForWriting(opening: Opening): WritableDatabase {
  const path = resolve(opening.path);
  const odd = describeIrregularFile(path);
  if (odd !== null) throw new BufferRefusal(`${opening.path}: ${odd}: give another buffer.path`);
  try {
    createDirectory(dirname(path));
  } catch (cause) {
    throw new BufferError(`${opening.path}: its folder cannot be created: ${(cause as Error).message}`, { cause });
  }
  let locked: Database | null = null;
  try {
    locked = lock(path);
    return opened(path, opening, locked);
  } catch (error) {
    locked?.close();
    throw asBufferError(error, opening.path);
  }
}

function opened(path: string, opening: Opening, locked: Database): WritableDatabase {
  reuniteWal(path);
  const marks = readMarks(path);
  const existing = existingOf(path, opening, marks);
  const db = existing.db ?? fresh(path, opening);
  let highWater: HighWaterFile | null = null;
  try {
    db.transaction(() => {
      const aside = recordSetAside(db, path, existing.added, opening.distrust, marks);
      if (aside.length > 0) inheritGeneration(db, existing.added?.generation ?? null);
    }).immediate();
    highWater = new HighWaterFile(path);
  } catch (error) {
    db.close();
    throw error;
  }
  const identity = new FileIdentity(path);
  const kept = highWater;
  return {
    db,
    highWater: kept,
    assertInPlace: () => identity.assert(),
    close(distrusted = false) {
      // A faulty disk may fail each of these. A lock that is kept would lock out this very agent.
      using parts = new DisposableStack();
      parts.defer(() => locked.close());
      parts.defer(() => kept.close());
      parts.defer(() => db.close());
      if (!identity.isDatabaseInPlace) rescue(db, path, opening.now());
      // It is renamed while open: SQLite then neither checkpoints its WAL nor removes it.
      else if (distrusted) setAside(path, 'damaged', opening.now());
    },
  };
}

function holdsUnreadLog(path: string): boolean {
  const log = openByteSource(`${path}-wal`);
  if (log === null) return false;
  try {
    return holdsUnread(log);
  } finally {
    log.close();
  }
}

/** The file that was set aside just now. */
interface Added {
  readonly name: string;
  readonly why: string;
  /** See `readGeneration`. */
  readonly generation: string | null;
}

/** Opens the existing database if it is sound or empty; otherwise sets it aside. */
function existingOf(
  path: string,
  { path: given, owner, checkpointPages, distrust, now }: Opening,
  marks: readonly HighWaterMark[],
): { readonly db: Database | null; readonly added: Added | null } {
  // An empty database counts as missing: SQLite would discard its WAL.
  const hasDatabase = sizeOf(path) > 0;
  const isThere = hasDatabase || sizeOf(`${path}-wal`) > 0;
  const isKnown = setAsideNames(path).length > 0 || !marks.some((mark) => !isSettled(mark));
  if (!isThere && isKnown) return { db: null, added: null };
  let db: Database | null = null;
  let found: Assessment = { kind: 'damaged', why: distrust ?? (isThere ? 'it is missing' : 'it was removed') };
  try {
    if (distrust === null && hasDatabase && holdsUnreadLog(path)) {
      found = { kind: 'damaged', why: 'its log cannot be read to the end' };
    } else if (distrust === null && hasDatabase) {
      db = new Sqlite(path, { timeout: BUSY_MS });
      found = assess(db, given, owner, marksOfCurrentFile(db, path, marks));
      if (found.kind === 'empty') prepareSchema(db, given, owner);
      if (found.kind === 'empty' || found.kind === 'sound') {
        durable(db, checkpointPages);
        return { db, added: null };
      }
    }
  } catch (error) {
    if (classifyError(error) !== 'damaged') {
      db?.close();
      throw error;
    }
    found = { kind: 'damaged', why: (error as Error).message };
  }
  const generation = db === null ? null : readGeneration(db);
  // It is renamed while open: SQLite then neither checkpoints its WAL nor removes it.
  const name = setAside(path, found.kind === 'migrating' ? 'migrating' : 'damaged', now());
  db?.close();
  return { db: null, added: { name, why: 'why' in found ? found.why : '', generation } };
}

function fresh(path: string, { path: given, owner, checkpointPages }: Opening): Database {
  const db = new Sqlite(path, { timeout: BUSY_MS });
  try {
    durable(db, checkpointPages);
    prepareSchema(db, given, owner);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Saves the content of a removed file: it is still there as long as the file is open. */
function rescue(db: Database, path: string, now: number): void {
  createDirectory(dirname(path));
  db.prepare('VACUUM INTO ?').run(join(dirname(path), newSetAsideName(path, 'damaged', now)));
}

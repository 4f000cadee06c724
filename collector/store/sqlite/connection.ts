/**
 * Opens the store's SQLite file with the pragmas that make commits survive a power cut, and detects
 * its removal or replacement.
 */
import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { StoreUnavailable } from '../tables.ts';
import { SCHEMA_VERSION } from './schema.ts';
import { wrapStoreErrors } from './wrap-error.ts';

/**
 * `PRAGMA synchronous` 2 = FULL: the WAL is synced before a commit returns. better-sqlite3's
 * default in WAL mode is NORMAL.
 */
const FULL = 2;
/** WAL pages before a checkpoint: see the measurement in `schema.ts`. */
const CHECKPOINT_PAGES = 8_000;
const WAL_SIZE_LIMIT = 64 * 1024 * 1024;
const [OWN_FILE, OWN_FOLDER, OTHERS] = [0o600, 0o700, 0o007];
/** SQLite keeps such a database in memory: it is refused later, as one without a WAL. */
const IN_MEMORY = ':memory:';

/**
 * Opens the file, and creates it and its directory where missing, for the own user only. Resolves
 * only if commits will survive a power cut.
 *
 * @param busyTimeoutMs how long a write waits for another connection's
 */
export async function openConnection(path: string, busyTimeoutMs: number): Promise<Database.Database> {
  const database = wrapStoreErrors('open', path, () => {
    mkdirSync(dirname(resolve(path)), { recursive: true, mode: OWN_FOLDER });
    createPrivate(path);
    return new Database(path, { timeout: busyTimeoutMs });
  });
  try {
    await switchToWal(database, path, busyTimeoutMs);
    wrapStoreErrors('open', path, () => configure(database, path));
    closeToOthers(path);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Opens a file that was opened by `openConnection`, for reads. */
export const openReadConnection = (path: string, busyTimeoutMs: number): Database.Database =>
  wrapStoreErrors('open', path, () => new Database(path, { timeout: busyTimeoutMs, readonly: true }));

/** Creates the file for the own user, where missing. SQLite gives its WAL the same rights. */
function createPrivate(path: string): void {
  if (path === IN_MEMORY) return;
  try {
    closeSync(openSync(path, 'wx', OWN_FILE));
  } catch {
    // It exists, or SQLite will say why not.
  }
}

/** Stores of earlier releases were open to everybody. A group that an operator let in stays. */
function closeToOthers(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) {
    const found = statSync(path + suffix, { throwIfNoEntry: false });
    if (found === undefined || (found.mode & OTHERS) === 0) continue;
    try {
      chmodSync(path + suffix, OWN_FILE);
    } catch {
      // Somebody else's file: its owner decides.
    }
  }
}

/**
 * Checks whether the path still names the file that was opened. SQLite keeps writing to a deleted
 * or moved file, and those commits are lost when the process ends.
 */
export function fileIdentity(path: string): { inPlace(): boolean } {
  const identity = (): string | null => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? null : `${found.dev}/${found.ino}`;
  };
  const opened = identity();
  return { inPlace: () => identity() === opened };
}

/**
 * Two processes that both switch a new file to WAL deadlock; SQLite answers one of them BUSY at
 * once, whatever the timeout.
 */
async function switchToWal(database: Database.Database, path: string, busyTimeoutMs: number): Promise<void> {
  const deadline = performance.now() + busyTimeoutMs;
  for (;;) {
    try {
      return wrapStoreErrors('open', path, () => void database.pragma('journal_mode = WAL'));
    } catch (error) {
      const busy =
        error instanceof StoreUnavailable && (error.cause as { code: string }).code.startsWith('SQLITE_BUSY');
      if (!busy || performance.now() > deadline) throw error;
      await sleep(5);
    }
  }
}

function configure(database: Database.Database, path: string): void {
  database.pragma(`synchronous = ${FULL}`);
  // macOS: a plain fsync stops at the drive's cache. No effect elsewhere.
  database.pragma('fullfsync = ON');
  database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  database.pragma(`journal_size_limit = ${WAL_SIZE_LIMIT}`);

  const mode = database.pragma('journal_mode', { simple: true });
  const synchronous = database.pragma('synchronous', { simple: true });
  if (mode !== 'wal' || synchronous !== FULL) {
    throw new StoreUnavailable(
      `open on ${path}: journal_mode is ${mode} and synchronous is ${synchronous} instead of wal and ${FULL}: put the store on a local disk`,
    );
  }
  const version = database.pragma('user_version', { simple: true }) as number;
  if (version > SCHEMA_VERSION) {
    throw new StoreUnavailable(
      `open on ${path}: written by a newer release (layout ${version}): use that release or a newer one`,
    );
  }
}

/**
 * Opens a buffer's file for support: beside a running agent, after a dead one, on a read-only
 * medium, or damaged.
 */
import { accessSync, constants, copyFileSync, existsSync, mkdtempSync, rmSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { type TerminalId, terminalId } from '../../../shared/ids.ts';
import type { BufferReader } from '../../port/buffer-reader.ts';
import { BufferError } from '../disk/buffer-error.ts';
import { EmptyDatabaseError } from '../disk/empty-database.ts';
import { describeIrregularFile, sizeOf } from '../disk/regular-file.ts';
import { highWaterPath, readMarks } from '../high-water/high-water-file.ts';
import { DamagedFileReader } from './damaged-file-reader.ts';
import { openReadOnly } from './open-read-only.ts';
import { SqliteReader } from './sqlite-reader.ts';

/** The terminal in stream names when the file does not tell its owner. */
const UNKNOWN = terminalId('unknown');

const codeOf = (error: unknown): unknown => (((error as Error).cause ?? error) as { code?: unknown }).code;

const isDamaged = (error: unknown): boolean => {
  const code = codeOf(error);
  return code === 'SQLITE_NOTADB' || (typeof code === 'string' && code.startsWith('SQLITE_CORRUPT'));
};

/** SQLite cannot read a file with a WAL unless it can create the WAL's index beside it. */
const needsCopy = (error: unknown): boolean => {
  const code = codeOf(error);
  return code === 'SQLITE_CANTOPEN' || (typeof code === 'string' && code.startsWith('SQLITE_READONLY'));
};

function openedCopy(path: string, notice: (message: string) => void): SqliteReader {
  const names = [path, `${path}-wal`, highWaterPath(path)].filter((name) => existsSync(name));
  const bytes = names.reduce((sum, name) => sum + statSync(name).size, 0);
  const { bavail, bsize } = statfsSync(tmpdir());
  if (bytes > bavail * bsize) {
    throw new BufferError(
      `${path}: lies on a read-only medium, and ${tmpdir()} lacks the ${bytes} bytes for a copy: copy it elsewhere, and read the copy`,
    );
  }
  notice(`${path} lies where nothing can be written: reading a copy of it`);
  const folder = mkdtempSync(join(tmpdir(), 'tillstream-copy-'));
  const remove = (): void => {
    process.off('exit', remove);
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', remove);
  try {
    for (const name of names) copyFileSync(name, join(folder, basename(name)));
    const copy = join(folder, basename(path));
    return new SqliteReader(openReadOnly(copy), copy, remove);
  } catch (error) {
    remove();
    throw error;
  }
}

/** Describes what an agent will do with a file that cannot be opened. */
function outlook(path: string, given: string): string {
  const unsettled = readMarks(path).reduce((sum, { lastSeq, settledThrough }) => sum + lastSeq - settledThrough, 0);
  const isNothing = unsettled === 0 && sizeOf(path) === 0 && sizeOf(`${path}-wal`) === 0;
  const agent = isNothing
    ? 'an agent that finds its buffer like this starts a new one'
    : 'an agent that finds its buffer like this sets it aside when it starts, and recovers what can be read';
  if (!existsSync(highWaterPath(path))) return agent;
  const known =
    unsettled === 0
      ? 'knows of no event that the collector may lack'
      : `knows of ${unsettled} events that the collector may lack: those that cannot be read are recorded as lost`;
  return `${agent}; ${highWaterPath(given)} beside it ${known}`;
}

/**
 * Why SQLite cannot read the file: `what` describes it, `why` is SQLite's own message. Null when
 * the error has another reason.
 */
function faultOf(error: unknown, path: string, given: string): { readonly what: string; readonly why: string } | null {
  if (error instanceof EmptyDatabaseError) return { what: error.message, why: '' };
  if (isDamaged(error))
    return { what: `${given} is damaged`, why: `: ${(((error as Error).cause ?? error) as Error).message}` };
  const isWalAlone = !existsSync(path) && sizeOf(`${path}-wal`) > 0;
  return isWalAlone ? { what: `${given} is missing, but its WAL is there`, why: '' } : null;
}

/** A missing file is reported by `openReadOnly`. */
function assertReadable(path: string, given: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EACCES') return;
    throw new BufferError(`${given}: may not be read by this user: run this as root, or as the agent's user`, {
      cause,
    });
  }
}

/** @throws when SQLite cannot open it, or cannot read its tables */
export function openSqliteReader(path: string): SqliteReader {
  const db = openReadOnly(path);
  try {
    return new SqliteReader(db, path);
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * @param terminal the expected owner; null: not known
 * @param notice is called with a message when a copy, or the pages of a damaged file, are read
 * @throws BufferError when there is no buffer, one of a newer schema, or one that cannot be read
 */
export function openReader(
  given: string,
  terminal: TerminalId | null,
  notice: (message: string) => void,
): BufferReader {
  const path = resolve(given);
  assertReadable(path, given);
  const odd = describeIrregularFile(path);
  if (odd !== null) throw new BufferError(`${given}: ${odd}`);
  try {
    return openSqliteReader(path);
  } catch (error) {
    if (existsSync(path) && needsCopy(error)) return openedCopy(path, notice);
    const fault = faultOf(error, path, given);
    if (fault !== null) {
      notice(`${fault.what}: reading what is left in its pages; ${outlook(path, given)}`);
      return new DamagedFileReader(path, terminal ?? UNKNOWN, fault.what + fault.why);
    }
    if (error instanceof BufferError) throw error;
    throw new BufferError(`${given}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

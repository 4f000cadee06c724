/** Opens a buffer's file for support, wherever it lies: on a till beside its agent, after a dead one, or on a read-only medium. */
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

/** What the streams of a file are called that does not tell whose it is. */
const UNKNOWN = terminalId('unknown');

const codeOf = (error: unknown): unknown => (((error as Error).cause ?? error) as { code?: unknown }).code;

const isDamaged = (error: unknown): boolean => {
  const code = codeOf(error);
  return code === 'SQLITE_NOTADB' || (typeof code === 'string' && code.startsWith('SQLITE_CORRUPT'));
};

/** SQLite can't look into a file with a log unless it can make the log's index beside it. */
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
      `${path}: lies on a read-only medium, and ${tmpdir()} lacks the ${bytes} bytes for a copy: copy it elsewhere, and look at the copy`,
    );
  }
  notice(`${path} lies where nothing can be written: looking at a copy of it`);
  const folder = mkdtempSync(join(tmpdir(), 'tillstream-look-'));
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

/** What becomes of a file that can't be opened, for who looks at it. */
function outlook(path: string, given: string): string {
  const unsettled = readMarks(path).reduce((sum, { lastSeq, settledThrough }) => sum + lastSeq - settledThrough, 0);
  const isNothing = unsettled === 0 && sizeOf(path) === 0 && sizeOf(`${path}-wal`) === 0;
  const agent = isNothing
    ? 'an agent that finds its buffer so begins anew in it'
    : 'an agent that finds its buffer so sets it aside when it starts, and brings over what can be read';
  if (!existsSync(highWaterPath(path))) return agent;
  const known =
    unsettled === 0
      ? 'knows of no event that the collector lacks'
      : `knows of ${unsettled} events that the collector may lack: what of them cannot be read goes into the ledger`;
  return `${agent}; ${highWaterPath(given)} beside it ${known}`;
}

/** Why SQLite can't tell what is in it, in words, and in its own; null when it is for another reason that it can't be opened. */
function faultOf(error: unknown, path: string, given: string): { readonly what: string; readonly why: string } | null {
  if (error instanceof EmptyDatabaseError) return { what: error.message, why: '' };
  if (isDamaged(error))
    return { what: `${given} is damaged`, why: `: ${(((error as Error).cause ?? error) as Error).message}` };
  const isLogAlone = !existsSync(path) && sizeOf(`${path}-wal`) > 0;
  return isLogAlone ? { what: `${given} is missing, but its log is there`, why: '' } : null;
}

/** A missing file is told by `openForReading`. */
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

/** @throws where SQLite can't open it, or not even its tables can be read */
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
 * @param terminal whose file it should be; null: not known
 * @param notice told when a copy, or what lies in the pages of a damaged file, is looked at
 * @throws BufferError when there is no buffer, a newer one than this program knows, or one that can't be read
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
      notice(`${fault.what}: looking at what lies in its pages; ${outlook(path, given)}`);
      return new DamagedFileReader(path, terminal ?? UNKNOWN, fault.what + fault.why);
    }
    if (error instanceof BufferError) throw error;
    throw new BufferError(`${given}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

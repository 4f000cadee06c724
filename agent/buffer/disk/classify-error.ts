/** What a fault says of the buffer's file. */
import { BufferRefusal, isFull } from './buffer-error.ts';

/** The files that are open are no longer those at their paths: what is written to them nobody finds again. */
export class FileMovedError extends Error {
  override readonly name = 'FileMovedError';
}

/** Parts of the file contradict each other. */
export class DamagedFileError extends Error {
  override readonly name = 'DamagedFileError';
}

/**
 * `damaged`: what is in it is not what was written; it has to be salvaged. `disk`: nothing can be read or written at present, or the file is
 * no longer at its place. `full`: there is no room to open it.
 */
export type FileFault = 'damaged' | 'disk' | 'full';

/** Result codes of SQLite (https://www.sqlite.org/rescode.html) that no sound file of ours gives. */
const DAMAGED = ['CORRUPT', 'NOTADB', 'ERROR', 'MISMATCH', 'CONSTRAINT', 'FORMAT', 'RANGE', 'IOERR_SHORT_READ'];
const DISK = ['IOERR', 'READONLY', 'CANTOPEN', 'PERM', 'AUTH', 'PROTOCOL', 'NOLFS', 'BUSY', 'LOCKED'];
const SYSTEM_DISK = [
  'EIO',
  'EROFS',
  'ENOENT',
  'EACCES',
  'EPERM',
  'ENOTDIR',
  'ENODEV',
  'ENXIO',
  'ESTALE',
  'EMFILE',
  'ENFILE',
];

const isOneOf = (codes: readonly string[], code: string): boolean =>
  codes.some((known) => code === `SQLITE_${known}` || code.startsWith(`SQLITE_${known}_`));

/** Null: the fault says nothing of the file. */
export function classifyError(error: unknown): FileFault | null {
  if (error instanceof BufferRefusal) return null;
  if (error instanceof FileMovedError) return 'disk';
  if (error instanceof DamagedFileError) return 'damaged';
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = String((at as NodeJS.ErrnoException).code ?? '');
    if (isFull(at)) return 'full';
    if (isOneOf(DAMAGED, code)) return 'damaged';
    if (isOneOf(DISK, code) || SYSTEM_DISK.includes(code)) return 'disk';
  }
  return null;
}

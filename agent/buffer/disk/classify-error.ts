/** Classifies errors by what they say about the buffer's file. */
import { BufferRefusal, isFull } from './buffer-error.ts';

/** The open files are no longer those at their paths: writes to them would be lost. */
export class FileMovedError extends Error {
  override readonly name = 'FileMovedError';
}

/** Parts of the file contradict each other. */
export class DamagedFileError extends Error {
  override readonly name = 'DamagedFileError';
}

/**
 * `damaged`: the file does not hold what was written and has to be recovered. `disk`: nothing can
 * be read or written at present, or the file is no longer at its path. `full`: the disk has no
 * room.
 */
export type FileFault = 'damaged' | 'disk' | 'full';

/** Result codes (https://www.sqlite.org/rescode.html) that an undamaged file never gives. */
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

/** Null when the error says nothing about the file. */
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

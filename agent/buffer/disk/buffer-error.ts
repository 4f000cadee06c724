/** Why a buffer can't be opened: expected reasons, in words for the person at the till. Anything else is a fault. */
export class BufferError extends Error {
  override readonly name = 'BufferError';
}

/** It is there, but not for this agent: another one has it, it belongs to another terminal, or a newer agent wrote it. Trying again does not help. */
export class BufferRefusal extends BufferError {}

/** What SQLite says when the disk or the byte budget is used up: also where it is the log's index that cannot grow. */
const FULL = ['SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE', 'ENOSPC', 'EDQUOT'];

/** The disk or the byte budget is used up. */
export const isFull = (error: unknown): boolean => FULL.includes(String((error as { code?: unknown } | null)?.code));

/** The byte budget is used up; SQLite was not even asked. */
export class FullError extends Error {
  override readonly name = 'FullError';
  readonly code = 'SQLITE_FULL';
}

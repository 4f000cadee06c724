/** Errors of the buffer: expected reasons not to open it, and a full disk or byte budget. */
export class BufferError extends Error {
  override readonly name = 'BufferError';
}

/**
 * The buffer exists, but this agent may not use it: another agent has it open, it belongs to
 * another terminal, or a newer agent wrote it. A retry does not help.
 */
export class BufferRefusal extends BufferError {}

/** Error codes of a full disk or byte budget, also where the WAL's index cannot grow. */
const FULL = ['SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE', 'ENOSPC', 'EDQUOT'];

/** Whether the disk or the byte budget is used up. */
export const isFull = (error: unknown): boolean => FULL.includes(String((error as { code?: unknown } | null)?.code));

/** The byte budget is used up: found before SQLite was asked. */
export class FullError extends Error {
  override readonly name = 'FullError';
  readonly code = 'SQLITE_FULL';
}

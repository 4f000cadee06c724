/** Why a buffer can't be opened: expected reasons, in words for the person at the till. Anything else is a fault. */
export class BufferError extends Error {
  override readonly name = 'BufferError';
}

/** The disk or the byte budget is used up. */
export const isFull = (error: unknown): boolean => (error as { code?: unknown } | null)?.code === 'SQLITE_FULL';

/** Opens the buffer, also on a full disk: then the ballast is released to make room for the WAL. */
import { releaseBallast } from './disk/ballast-file.ts';
import { isFull } from './disk/buffer-error.ts';
import type { BufferOptions } from './options.ts';
import { SqliteBuffer } from './sqlite-buffer.ts';

/** Whether an opening failed because the disk was full. */
function sawFull(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if (isFull(at)) return true;
  return false;
}

/** @throws BufferRefusal, or on a fault of the disk */
export function openBuffer(options: BufferOptions): SqliteBuffer {
  try {
    return new SqliteBuffer(options);
  } catch (error) {
    if (!sawFull(error) || !releaseBallast(options.path)) throw error;
    return new SqliteBuffer(options);
  }
}

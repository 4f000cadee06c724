/** Opens the buffer, also on a disk that is full to the brim: what is kept back for that makes room for the log. */

import { releaseBallast } from './disk/ballast-file.ts';
import { isFull } from './disk/buffer-error.ts';
import type { BufferOptions } from './options.ts';
import { SqliteBuffer } from './sqlite-buffer.ts';

/** Whether the disk was full, as far as can be told from how an opening failed. */
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

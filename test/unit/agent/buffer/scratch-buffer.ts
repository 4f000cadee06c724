/** A buffer in a folder of the test's own. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { freeBytes } from '../../../../agent/buffer/budget.ts';
import { type BufferOptions, SqliteBuffer } from '../../../../agent/buffer/sqlite-buffer.ts';
import { MERCHANT, NOW, TERMINAL } from '../events.ts';
import { rightClock } from './right-clock.ts';

export interface Scratch {
  readonly path: string;
  /** What the buffer said of damage. */
  readonly damage: string[];
  /** Milliseconds since 1970; to be moved. */
  clock: number;
  open(options?: Partial<BufferOptions>): SqliteBuffer;
}

/** @param directory that the test removes */
export function scratchBuffer(directory: string): Scratch {
  const damage: string[] = [];
  const scratch: Scratch = {
    path: join(directory, 'buffer.db'),
    damage,
    clock: NOW,
    open: (options = {}) =>
      new SqliteBuffer({
        path: scratch.path,
        merchant: MERCHANT,
        terminal: TERMINAL,
        maxBytes: 1024 ** 3,
        minFreeBytes: 0,
        keepAckedHours: 24,
        whenFull: 'reject',
        commitDelayMs: 0,
        clock: rightClock(() => scratch.clock),
        randomBytes,
        diskFree: () => freeBytes(scratch.path),
        damaged: (detail) => damage.push(detail),
        ...options,
      }),
  };
  return scratch;
}

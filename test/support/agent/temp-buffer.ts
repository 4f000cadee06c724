/** A buffer in a folder of the test's own. */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { freeBytes } from '../../../agent/buffer/disk/disk-usage.ts';
import type { BufferOptions } from '../../../agent/buffer/options.ts';
import { SqliteBuffer } from '../../../agent/buffer/sqlite-buffer.ts';
import { fixedClock } from '../../../scripts/campaigns/corruption/fixed-clock.ts';
import { MERCHANT, NOW, TERMINAL } from './events.ts';

export interface Scratch {
  readonly path: string;
  /** What the buffer said of damage. */
  readonly damage: string[];
  /** Milliseconds since 1970; to be moved. */
  clock: number;
  /** What it is opened with. */
  readonly options: BufferOptions;
  open(options?: Partial<BufferOptions>): SqliteBuffer;
  /** Writes zeros into the file. */
  spoil(offset: number, length: number): void;
}

/** @param directory that the test removes */
export function scratchBuffer(directory: string): Scratch {
  const damage: string[] = [];
  const path = join(directory, 'buffer.db');
  const scratch: Scratch = {
    path,
    damage,
    clock: NOW,
    get options(): BufferOptions {
      return {
        path,
        merchant: MERCHANT,
        terminal: TERMINAL,
        maxBytes: 1024 ** 3,
        minFreeBytes: 0,
        keepAckedHours: 24,
        whenFull: 'reject',
        commitDelayMs: 0,
        clock: fixedClock(() => scratch.clock),
        randomBytes,
        diskFree: () => freeBytes(path),
        damaged: (detail) => damage.push(detail),
      };
    },
    open: (options = {}) => new SqliteBuffer({ ...scratch.options, ...options }),
    spoil(offset, length) {
      const fd = openSync(path, 'r+');
      writeSync(fd, Buffer.alloc(length), 0, length, offset);
      closeSync(fd);
    },
  };
  return scratch;
}

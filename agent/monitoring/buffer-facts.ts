/**
 * What the open buffer says of itself; an error where none can be read, which the agent reports
 * too.
 */
import { BufferError } from '../buffer/disk/buffer-error.ts';
import type { SqliteBuffer } from '../buffer/sqlite-buffer.ts';
import type { BufferSupervisor } from '../buffer/supervisor.ts';
import type { BufferStats } from '../port/buffer-reader.ts';

export class BufferFacts {
  readonly #supervisor: BufferSupervisor<SqliteBuffer>;

  constructor(supervisor: BufferSupervisor<SqliteBuffer>) {
    this.#supervisor = supervisor;
  }

  /** Null while no buffer is open. */
  get stream(): string | null {
    return this.#supervisor.buffer?.stream ?? null;
  }

  /** Why the last new events were refused, for people; null when they were not. */
  get lastRefusal(): string | null {
    return this.#supervisor.lastRefusal;
  }

  stats(): BufferStats | Error {
    const { buffer, trouble } = this.#supervisor;
    if (buffer === null) return new BufferError(trouble ?? 'the buffer is closed');
    try {
      return buffer.facts();
    } catch (error) {
      return error as Error;
    }
  }

  /** Pending events and bytes in use; null while the buffer cannot be read. */
  held(): { readonly pending: number; readonly bytes: number } | null {
    const stats = this.stats();
    return stats instanceof Error ? null : { pending: stats.pending, bytes: stats.usedBytes + stats.walBytes };
  }

  /** How far the recovery is, for people; null when none runs. */
  recovery(): string | null {
    const stats = this.stats();
    return stats instanceof Error ? null : stats.salvage;
  }
}

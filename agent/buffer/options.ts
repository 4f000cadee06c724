/** What a buffer is opened with. */
import type { MerchantId, TerminalId } from '../../shared/ids.ts';
import type { EventClock } from '../port/event-clock.ts';
import type { WhenFull } from './capacity/eviction.ts';
import { checkpointPages } from './capacity/growth-estimate.ts';
import type { Opening } from './open-database.ts';

export interface BufferOptions {
  readonly path: string;
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  readonly maxBytes: number;
  /** Null: the lesser of 64 MiB and 5 % of the file system. */
  readonly minFreeBytes: number | null;
  readonly keepAckedHours: number;
  readonly whenFull: WhenFull;
  /** How long a request may wait for others to share its commit, milliseconds. */
  readonly commitDelayMs: number;
  readonly clock: EventClock;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Called with each row that is not what was written. */
  readonly damaged: (detail: string) => void;
  /**
   * Called with each fault of the file, before the caller who met it sees it; also with one that
   * nobody waits for. It may be called twice with the same fault, and may close the buffer.
   */
  readonly onFault?: (error: unknown) => void;
  /** Bytes that the buffer's file system has left. */
  readonly diskFree: () => number;
  /**
   * Why the content of the file is not to be trusted: then it is recovered. Null or not given: it
   * is trusted.
   */
  readonly distrust?: string | null;
}

/** How its file is opened. */
export const openingOf = ({ path, merchant, terminal, maxBytes, distrust, clock }: BufferOptions): Opening => ({
  path,
  owner: { merchant, terminal },
  checkpointPages: checkpointPages(maxBytes),
  distrust: distrust ?? null,
  now: () => clock.now(),
});

/** The port at which support reads a buffer's file, whether or not an agent has it open. */
import type { TillEvent } from '../../shared/event/event.ts';
import type { MerchantId, StreamId, TerminalId } from '../../shared/ids.ts';
import type { EpochHolding } from './outbox.ts';

/** What support sees of a buffer's file, whether or not an agent has it open. */
export interface BufferStats {
  readonly schema: number;
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  readonly epochs: readonly (EpochHolding & { /** Milliseconds since 1970. */ readonly openedAt: number })[];
  readonly pending: number;
  /** Start of the hour of the oldest pending event, milliseconds since 1970. */
  readonly oldestPending: number | null;
  /** Events the collector has, still kept here. */
  readonly acked: number;
  readonly quarantined: number;
  /** The ledger: events given up, records of it, and records that the collector has not acknowledged. */
  readonly losses: { readonly events: number; readonly records: number; readonly unsent: number };
  /** A damaged or older file that is being brought over, in words with its progress; null when there is none. */
  readonly salvage: string | null;
  /** The latest quarantined events, at most 20. */
  readonly quarantine: readonly {
    readonly stream: StreamId;
    readonly seq: number;
    readonly reason: string;
    readonly at: number;
  }[];
  /** Refs known for de-duplication. */
  readonly refs: number;
  /** Events stored although their ref was known with other content. */
  readonly refConflicts: number;
  /** Bytes in use in the database file, its size, and the size of the write-ahead log. */
  readonly usedBytes: number;
  readonly fileBytes: number;
  readonly walBytes: number;
}

export type EventState = 'pending' | 'acked' | 'quarantined';

/** A row of the buffer. */
export interface StoredEvent {
  readonly id: number;
  readonly stream: StreamId;
  readonly seq: number;
  readonly state: EventState;
  /** When it took that state, milliseconds since 1970. */
  readonly at: number;
  /** Why it was quarantined; of a pending event: before it was requeued. */
  readonly reason: string | null;
  /** Null when the row is not what was written; then `fault` says what is wrong with it. */
  readonly event: TillEvent | null;
  readonly fault: string | null;
}

/** Each null: any. */
export interface EventFilter {
  readonly states: readonly EventState[] | null;
  readonly stream: StreamId | null;
  /** A closed range. */
  readonly seqs: { readonly first: number; readonly last: number } | null;
  readonly type: string | null;
  readonly ref: string | null;
  /** Of the event's `ts`, milliseconds since 1970, half-open. */
  readonly from: number | null;
  readonly to: number | null;
}

export interface EventPage {
  /** Those of the stretch looked at that pass the filter, and those of which it can't be said. */
  readonly events: readonly StoredEvent[];
  /** Stretches of the file behind those events that cannot be read, in words. */
  readonly damage: readonly string[];
  /** Where the next page begins; null after the last. */
  readonly next: number | null;
  /** How much of the file lies behind, 0 to 1. */
  readonly progress: number;
}

/** A record of the ledger, for support. */
export interface StoredLoss {
  readonly id: number;
  readonly stream: StreamId;
  readonly firstSeq: number;
  readonly count: number;
  /** Start of the hour of the events, milliseconds since 1970. */
  readonly hour: number;
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly detail: string | null;
  /** Whether the collector has the record. */
  readonly acked: boolean;
  /** Whether it is what was written. */
  readonly sound: boolean;
}

/** What became of all seqs that were given out. */
export interface BufferAccount {
  readonly pending: number;
  readonly acked: number;
  readonly quarantined: number;
  /** Acked, and the row no longer kept. */
  readonly gone: number;
  /** Given up, and the row no longer kept. */
  readonly lost: number;
  /** Records of the ledger. */
  readonly losses: number;
  /** Rows that are not what was written. */
  readonly damaged: number;
  /** Seqs of which nothing is known. */
  readonly unaccounted: number;
  /** What is wrong, in words; empty when the file is sound. */
  readonly problems: readonly string[];
}

/** A buffer's file for looking, beside a running agent or after a dead one: each call is one short read, and harms nothing. */
export interface BufferReader {
  /** Why it is only what lies in its pages that is read; null when it is read as it was written. */
  readonly fault: string | null;
  /** @throws where the file is damaged, or written by an older agent */
  stats(): BufferStats;
  /**
   * A page of at most some hundred rows.
   *
   * @param position `next` of the page before; null at first
   */
  events(filter: EventFilter, position: number | null, order: 'oldest' | 'newest'): EventPage;
  /** Records of the ledger with an id above `after`, the oldest first. @throws where the file is damaged */
  losses(after: number, limit: number): StoredLoss[];
  /** The latest, the newest first. @throws where the file is damaged */
  latestQuarantined(limit: number): StoredEvent[];
  latestLosses(limit: number): StoredLoss[];
  /** Yields how much of the file lies behind, 0 to 1, after each short read. @throws where not even the numbering can be read */
  account(): Generator<number, BufferAccount>;
  close(): void;
}

/** Port through which support reads a buffer file, whether or not an agent has it open. */
import type { TillEvent } from '../../shared/event/event.ts';
import type { MerchantId, StreamId, TerminalId } from '../../shared/ids.ts';
import type { EpochHolding } from './outbox.ts';

/** Summary of a buffer file. */
export interface BufferStats {
  readonly schema: number;
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  readonly epochs: readonly (EpochHolding & { /** Milliseconds since 1970. */ readonly openedAt: number })[];
  readonly pending: number;
  /** Start of the hour of the oldest pending event, milliseconds since 1970. */
  readonly oldestPending: number | null;
  /** Events that the collector has stored and the buffer still keeps. */
  readonly acked: number;
  readonly quarantined: number;
  /**
   * The loss ledger: lost events, loss records, and records that the collector has not
   * acknowledged.
   */
  readonly losses: { readonly events: number; readonly records: number; readonly unsent: number };
  /** Progress of the recovery of a damaged or older file, as a phrase; null when there is none. */
  readonly salvage: string | null;
  /** The latest quarantined events, at most 20. */
  readonly quarantine: readonly {
    readonly stream: StreamId;
    readonly seq: number;
    readonly reason: string;
    readonly at: number;
  }[];
  /** Dedup keys (refs) in the index. */
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
  /** When it entered that state, milliseconds since 1970. */
  readonly at: number;
  /** Why it is quarantined; for a pending event, why it was quarantined before it was requeued. */
  readonly reason: string | null;
  /** Null when the row does not match its checksum; then `fault` says what is wrong. */
  readonly event: TillEvent | null;
  readonly fault: string | null;
}

/** Null fields match any event. */
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
  /** Events of this part of the file that match the filter, and rows that cannot be judged. */
  readonly events: readonly StoredEvent[];
  /** Descriptions of the ranges after those events that cannot be read. */
  readonly damage: readonly string[];
  /** Position of the next page; null after the last. */
  readonly next: number | null;
  /** Share of the file that has been read, 0 to 1. */
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
  /** Whether the record matches its checksum. */
  readonly sound: boolean;
}

/** Accounts for every seq that was assigned. */
export interface BufferAccount {
  readonly pending: number;
  readonly acked: number;
  readonly quarantined: number;
  /** Acknowledged and expired: the row is no longer kept. */
  readonly gone: number;
  /** Lost: the row is no longer kept. */
  readonly lost: number;
  /** Records of the loss ledger. */
  readonly losses: number;
  /** Rows that do not match their checksum. */
  readonly damaged: number;
  /** Seqs of which nothing is known. */
  readonly unaccounted: number;
  /** Descriptions of what is wrong; empty when the file is sound. */
  readonly problems: readonly string[];
}

/**
 * A buffer file opened for support, beside a running agent or after a dead one. Each call is one
 * short read and never modifies the file.
 */
export interface BufferReader {
  /** Why only carved rows can be read; null when SQLite can read the file. */
  readonly fault: string | null;
  /** @throws when the file is damaged, or was written by an older agent */
  stats(): BufferStats;
  /**
   * Returns a page of a few hundred rows at most.
   *
   * @param position `next` of the previous page; null for the first
   */
  events(filter: EventFilter, position: number | null, order: 'oldest' | 'newest'): EventPage;
  /** Loss records with an id above `after`, oldest first. @throws when the file is damaged */
  losses(after: number, limit: number): StoredLoss[];
  /** The most recent ones, newest first. @throws when the file is damaged */
  latestQuarantined(limit: number): StoredEvent[];
  latestLosses(limit: number): StoredLoss[];
  /**
   * Yields the share of the file read so far (0 to 1) after each short read.
   *
   * @throws when not even the numbering can be read
   */
  account(): Generator<number, BufferAccount>;
  close(): void;
}

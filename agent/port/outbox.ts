/**
 * The port at which shipping takes events from the buffer and reports what became of them.
 * `agent/buffer/sqlite-buffer.ts` implements it.
 *
 * States of an event: pending -> acked (kept for `keepAckedHours`, then its row is deleted and its
 * seq is expired) | quarantined | evicted | unreadable.
 * Invariants:
 * - `accept` resolves only after the commit (synchronous=FULL): what it answered survives a power cut.
 * - A stream's seqs are 1, 2, 3 … without gaps, given in the transaction that stores the event.
 * - An event's identity, `ts` and hour are frozen when it is first offered for shipping, after `greeted`.
 * - Each seq that was given out is at any time a row (pending, acked, quarantined), expired (acked, its
 *   row deleted) or covered by a loss record. A transition that loses an event writes the loss record
 *   in the same transaction; `verify` checks it.
 * - Stored beats pending beats lost: an acked event may become pending again (a restored store, a
 *   requeue); a loss record is never withdrawn.
 */
import type { TillEvent } from '../../shared/event/event.ts';
import type { Epoch, MerchantId, StreamId, TerminalId } from '../../shared/ids.ts';
import type { Loss } from '../../shared/wire/loss.ts';

export interface Duplicate {
  /** Index in the request. */
  readonly index: number;
  readonly stream: StreamId;
  readonly seq: number;
}

export type Accepted =
  | {
      readonly kind: 'accepted';
      /** How many were stored; 0 when all were duplicates, and then the seqs are null. */
      readonly accepted: number;
      readonly stream: StreamId;
      readonly firstSeq: number | null;
      readonly lastSeq: number | null;
      readonly duplicates: readonly Duplicate[];
    }
  /** The byte budget or the disk is used up: nothing of the request was stored. */
  | { readonly kind: 'full'; readonly detail: string }
  /** There is no buffer to write to at present (its disk is gone, read-only, or ill); it is tried again by itself. */
  | { readonly kind: 'unavailable'; readonly detail: string };

/** Where ingest hands events over. */
export interface Intake {
  /** All or nothing. Concurrent calls share a commit. Rejects on a fault of the disk. */
  accept(events: readonly TillEvent[]): Promise<Accepted>;
}

export interface PendingEvent {
  /** Order of acceptance over all epochs of this buffer. */
  readonly id: number;
  readonly epoch: Epoch;
  readonly seq: number;
  /** Hours since 1970, frozen with the event. */
  readonly hour: number;
  readonly event: TillEvent;
  /** Bytes of the event in the buffer. */
  readonly bytes: number;
}

/** Seqs that were given up: a record of the ledger that the collector has not acknowledged. */
export interface PendingLoss {
  /** Order of writing over all epochs of this buffer. */
  readonly id: number;
  readonly epoch: Epoch;
  readonly firstSeq: number;
  readonly count: number;
  /** Hours since 1970: of the events, or, where that could not be read any more, the nearest that is known. */
  readonly hour: number;
  readonly loss: Loss;
}

/** What the collector's answer to the greeting says. */
export interface Greeting {
  /** Changes when the collector's store was restored from a backup. */
  readonly storeGen: string;
  /** Collector's clock at the instant at which the agent's monotonic clock (`performance.now()`) showed 0: milliseconds since 1970. */
  readonly trueTimeOrigin: number;
  /** How far off that may be: half the way there and back, milliseconds. */
  readonly uncertaintyMs: number;
}

export interface SeqRange {
  readonly epoch: Epoch;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export type Settlement =
  | (SeqRange & { readonly kind: 'stored' })
  /** Given up: writes a loss record. The event stays for support, who can `requeue` it. */
  | (SeqRange & { readonly kind: 'quarantined'; readonly reason: string })
  /** The collector has this record of the ledger. */
  | { readonly kind: 'loss-stored'; readonly id: number };

export interface EpochHolding {
  readonly epoch: Epoch;
  /** Highest seq given out. */
  readonly lastSeq: number;
  /** Pending seqs as closed ranges `[first, last]`, the oldest first. */
  readonly pending: readonly (readonly [number, number])[];
}

/** What the buffer holds, for the collector. */
export interface Holdings {
  /** The open epoch, and each older one that still has something pending; in the order in which they were opened. */
  readonly epochs: readonly EpochHolding[];
  /** The epoch that is open for writing. */
  readonly open: Epoch;
  /** Events pending in all epochs. */
  readonly pending: number;
  /** Events given up so far, by the loss records that are kept. */
  readonly losses: number;
  /** Size of the buffer's files. */
  readonly bytes: number;
}

/** Where shipping takes events from, and says what became of them. */
export interface Outbox {
  /**
   * Pending events in order of acceptance with an id above `after`, read from the disk as they are asked for. Until the loop over them has
   * ended nothing else is asked of the buffer, and nothing awaited: the connection is busy, and whoever writes would fail.
   *
   * @throws on a fault of the disk
   */
  pending(after: number): Iterable<PendingEvent>;
  /** How many events are pending with an id above `after`, and not above `upTo`. */
  pendingCount(after: number, upTo: number): number;
  /** Highest id given out so far; 0 before the first. */
  lastId(): number;
  /** The least id of a pending event of this hour (hours since 1970) or a later one; null when there is none. */
  firstPendingFrom(hour: number): number | null;
  /** Loss records that the collector has not acknowledged, the oldest first. @throws on a fault of the disk */
  losses(limit: number): PendingLoss[];
  /** Called after each commit that added loss records. */
  onLoss(listener: () => void): void;
  /**
   * What the collector's answer means for what is kept, done before anything is shipped in a connection: events stamped while the clock was
   * wrong are corrected (once), a new `storeGen` makes acked events pending again, and a salvage that runs is waited for. Rejects on a
   * fault of the disk.
   */
  greeted(greeting: Greeting): Promise<void>;
  /** Durable when it resolves; concurrent calls share a commit. Rejects on a fault of the disk. */
  settle(settlements: readonly Settlement[]): Promise<void>;
  /**
   * Start of the hour of the oldest pending event, milliseconds since 1970; null when nothing is pending; 0 while a salvage can't say, or the
   * collector has not said whether the clock was right that stamped what is pending.
   */
  oldestPending(): number | null;
  /** Called after each commit that added pending events. */
  onPending(listener: () => void): void;
  holdings(): Holdings;
}

/** What support sees of a buffer's file, whether or not an agent has it open. */
export interface BufferFacts {
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
  facts(): BufferFacts;
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

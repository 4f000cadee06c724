/**
 * The agent's joint: what ingest, shipping and support need of the buffer. `sqlite-buffer.ts` keeps it.
 *
 * States of an event: pending -> acked (kept `keepAckedHours`, then deleted) | quarantined. Invariants:
 * - `accept` resolves only after the commit (synchronous=FULL); what it answered survives a power cut.
 * - A stream's seqs are 1, 2, 3 … without gaps, given in the transaction that stores the event.
 * - Only `settle` takes an event out of pending, and only for the identity that the collector named. One exception: a row that does not
 *   match its checksum is set aside as quarantined when it is read.
 */
import type { TillEvent } from '../../shared/event/event.ts';
import type { Epoch, MerchantId, StreamId, TerminalId } from '../../shared/ids.ts';

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
  | { readonly kind: 'full'; readonly detail: string };

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

export interface SeqRange {
  readonly epoch: Epoch;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export type Settlement =
  | (SeqRange & { readonly kind: 'stored' })
  | (SeqRange & { readonly kind: 'quarantined'; readonly reason: string });

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
  /** Events given up so far. */
  readonly losses: number;
  /** Size of the buffer's files. */
  readonly bytes: number;
}

/** Where shipping takes events from, and says what became of them. */
export interface Outbox {
  /**
   * Pending events in order of acceptance with an id above `after`, at most `limit` and about `maxBytes` of them (one at least, if there
   * is one).
   *
   * @throws on a fault of the disk
   */
  pending(after: number, limit: number, maxBytes: number): PendingEvent[];
  /** How many events are pending with an id above `after`. */
  pendingAfter(after: number): number;
  /** Durable when it resolves; concurrent calls share a commit. Rejects on a fault of the disk. */
  settle(settlements: readonly Settlement[]): Promise<void>;
  /** Start of the hour of the oldest pending event, milliseconds since 1970; null when nothing is pending. */
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

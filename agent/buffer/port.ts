/**
 * The agent's joint: what ingest and shipping need of the buffer. `sqlite-buffer.ts` keeps it.
 *
 * States of an event: pending -> acked (kept `keepAckedHours`, then deleted) | quarantined. Invariants:
 * - `accept` resolves only after the commit (synchronous=FULL); what it answered survives a power cut.
 * - A stream's seqs are 1, 2, 3 … without gaps, given in the transaction that stores the event.
 * - Only `settle` takes an event out of pending, and only for the identity that the collector named.
 */
import type { TillEvent } from '../../shared/event/event.ts';
import type { Epoch, StreamId } from '../../shared/ids.ts';

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

export type Settlement = (SeqRange & { readonly kind: 'stored' }) | (SeqRange & { readonly kind: 'quarantined'; readonly reason: string });

/** Where shipping takes events from, and says what became of them. */
export interface Outbox {
  /** Pending events in order of acceptance with an id above `after`, at most `limit` and about `maxBytes` of them (one at least). */
  pending(after: number, limit: number, maxBytes: number): PendingEvent[];
  /** Durable when it resolves; concurrent calls share a commit. */
  settle(settlements: readonly Settlement[]): Promise<void>;
  /** Start of the hour of the oldest pending event, milliseconds since 1970; null when nothing is pending. */
  oldestPending(): number | null;
  /** Called after each commit that added pending events. */
  onPending(listener: () => void): void;
}

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
import type { Epoch } from '../../shared/ids.ts';
import type { Loss } from '../../shared/wire/loss.ts';

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

/**
 * Port through which shipping takes events from the buffer and reports what happened to them.
 * `agent/buffer/sqlite-buffer.ts` implements it.
 *
 * States of an event: pending -> acked (kept for `keepAckedHours`, then its row is deleted and its
 * seq is expired) | quarantined | evicted | unreadable.
 * Invariants:
 * - `accept` resolves only after the commit (synchronous=FULL): what it answered survives a power
 *   cut.
 * - A stream's seqs are 1, 2, 3 … without gaps, given in the transaction that stores the event.
 * - An event's identity, `ts` and hour are frozen when it is first offered for shipping, after
 *   `greeted`.
 * - Each seq that was given out is at any time a row (pending, acked, quarantined), expired (acked,
 *   its row deleted) or covered by a loss record. A transition that loses an event writes the loss
 *   record in the same transaction; `verify` checks it.
 * - Stored beats pending beats lost: an acked event may become pending again (a restored store, a
 *   requeue); a loss record is never withdrawn.
 */
import type { TillEvent } from '../../shared/event/event.ts';
import type { Epoch } from '../../shared/ids.ts';
import type { Loss } from '../../shared/wire/loss.ts';
import type { AckedRun } from '../../shared/wire/messages.ts';

export interface PendingEvent {
  /** Order of acceptance across all epochs of this buffer. */
  readonly id: number;
  readonly epoch: Epoch;
  readonly seq: number;
  /** Hours since 1970, frozen with the event. */
  readonly hour: number;
  readonly event: TillEvent;
  /** Size of the event in the buffer, bytes. */
  readonly bytes: number;
}

/** Lost seqs: a loss record that the collector has not acknowledged. */
export interface PendingLoss {
  /** Order of writing across all epochs of this buffer. */
  readonly id: number;
  readonly epoch: Epoch;
  readonly firstSeq: number;
  readonly count: number;
  /**
   * Hour of the events, hours since 1970; where it can no longer be read, the nearest one known.
   */
  readonly hour: number;
  readonly loss: Loss;
}

/** Content of the collector's answer to the greeting. */
export interface Greeting {
  /** Changes when the collector's store was restored from a backup. */
  readonly storeGen: string;
  /**
   * Collector's clock when the agent's monotonic clock (`performance.now()`) showed 0: milliseconds
   * since 1970.
   */
  readonly trueTimeOrigin: number;
  /** Error bound of that: half the round trip, milliseconds. */
  readonly uncertaintyMs: number;
}

export interface SeqRange {
  readonly epoch: Epoch;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export type Settlement =
  | (SeqRange & { readonly kind: 'stored' })
  /** Lost: writes a loss record. The event is kept for support, which can `requeue` it. */
  | (SeqRange & { readonly kind: 'quarantined'; readonly reason: string })
  /** The collector has stored this loss record. */
  | { readonly kind: 'loss-stored'; readonly id: number };

export interface EpochHolding {
  readonly epoch: Epoch;
  /** Highest seq assigned. */
  readonly lastSeq: number;
  /** Pending seqs as closed ranges `[first, last]`, oldest first. */
  readonly pending: readonly (readonly [number, number])[];
}

/** Summary of the buffer's contents, for the collector. */
export interface Holdings {
  /** The open epoch, and each older one that still has pending events, in the order of opening. */
  readonly epochs: readonly EpochHolding[];
  /**
   * Older ones without pending events: those that ended in the last eight days, and the latest 16.
   */
  readonly drained: readonly Pick<EpochHolding, 'epoch' | 'lastSeq'>[];
  /** The epoch that is open for writing. */
  readonly open: Epoch;
  /** Events pending in all epochs. */
  readonly pending: number;
  /** Events lost so far, according to the loss records that are kept. */
  readonly losses: number;
  /** Size of the buffer's files. */
  readonly bytes: number;
}

/** What the collector acknowledged, and of which generation of its store; null: unknown. */
export interface Acknowledged {
  readonly storeGen: string | null;
  /** Of the last two days and still kept: a few runs, the latest first, and an older one. */
  readonly runs: readonly AckedRun[];
}

/** Source of the events to ship, and sink of what happened to them. */
export interface Outbox {
  /**
   * Pending events in order of acceptance with an id above `after`, read from the disk on demand.
   * Until the loop has ended, nothing else may be asked of the buffer and nothing awaited: the
   * connection is busy, and a writer would fail.
   *
   * @throws on a disk error
   */
  pending(after: number): Iterable<PendingEvent>;
  /** Number of pending events with an id above `after` and at most `upTo`. */
  pendingCount(after: number, upTo: number): number;
  /** Highest id assigned so far; 0 before the first. */
  lastId(): number;
  /**
   * Smallest id of a pending event of this hour (hours since 1970) or a later one; null if there is
   * none.
   */
  firstPendingFrom(hour: number): number | null;
  /** Loss records that the collector has not acknowledged, oldest first. @throws on a disk error */
  losses(limit: number): PendingLoss[];
  /** Called after each commit that added loss records. */
  onLoss(listener: () => void): void;
  /**
   * Applies the collector's answer to the greeting before anything is shipped in a connection:
   * corrects (once) events stamped while the clock was wrong, makes acked events pending again when
   * `storeGen` is new, and waits for a running recovery. Rejects on a disk error.
   */
  greeted(greeting: Greeting): Promise<void>;
  /** Durable when it resolves; concurrent calls share a commit. Rejects on a disk error. */
  settle(settlements: readonly Settlement[]): Promise<void>;
  /**
   * Start of the hour of the oldest pending event, milliseconds since 1970; null when nothing is
   * pending. 0 while it is unknown: a recovery is running, or the collector has not yet confirmed
   * the clock that stamped the pending events.
   */
  oldestPending(): number | null;
  /** Called after each commit that added pending events. */
  onPending(listener: () => void): void;
  holdings(): Holdings;
  /** @throws on a disk error */
  acknowledged(): Acknowledged;
}

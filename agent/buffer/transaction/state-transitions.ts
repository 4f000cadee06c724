/**
 * The state transitions of events: acked, quarantined, expired, evicted, offered again. Each one
 * that ends an event writes, in the same transaction, what accounts for its seq afterwards.
 *
 * All methods run within a transaction and record in its change set what they did.
 */
import type { EventClock } from '../../port/event-clock.ts';
import type { SeqRange } from '../../port/outbox.ts';
import type { DedupIndex } from '../tables/dedup-index.ts';
import { STATE } from '../tables/event-row.ts';
import type { EventTable, HourRun } from '../tables/event-table.ts';
import type { ExpiredRanges } from '../tables/expired-ranges.ts';
import type { LossLedger } from '../tables/loss-ledger.ts';
import type { LossReason } from '../tables/loss-record.ts';
import type { IdRange } from '../tables/pending-set.ts';
import type { RowIndex } from '../tables/row-index.ts';
import type { ChangeSet } from './changeset.ts';

/** The tables that the transitions write. */
export interface TransitionTables {
  readonly rows: EventTable;
  readonly refs: DedupIndex;
  readonly losses: LossLedger;
  readonly expired: ExpiredRanges;
}

const all = Number.MAX_SAFE_INTEGER;

export class StateTransitions {
  readonly #rows: EventTable;
  readonly #refs: DedupIndex;
  readonly #losses: LossLedger;
  readonly #expired: ExpiredRanges;
  readonly #index: Pick<RowIndex, 'epochs'>;
  readonly #clock: Pick<EventClock, 'now'>;

  constructor(tables: TransitionTables, index: Pick<RowIndex, 'epochs'>, clock: Pick<EventClock, 'now'>) {
    this.#rows = tables.rows;
    this.#refs = tables.refs;
    this.#losses = tables.losses;
    this.#expired = tables.expired;
    this.#index = index;
    this.#clock = clock;
  }

  /** The collector has them. */
  ack(range: IdRange, changes: ChangeSet): void {
    const hours = this.#rows.pendingHours(range);
    this.#rows.change(range, STATE.pending, STATE.acked, null, this.#clock.now());
    changes.removePending(range, hours);
    for (const count of hours.values()) changes.acked += count;
  }

  /** The rows stay for support; the events count as lost. */
  quarantine(range: IdRange, reason: string, changes: ChangeSet): void {
    for (const run of this.#rows.runsIn(range, STATE.pending, all)) {
      this.#lose(run, 'quarantined', reason, changes);
      this.#keepForSupport(run, run.hour, reason, changes, this.#clock.now());
    }
  }

  /** A row is not what was written: its state cannot be trusted either. */
  quarantineUnreadable(id: number, detail: string, changes: ChangeSet): void {
    const range = { first: id, last: id };
    const [pending] = this.#rows.runsIn(range, STATE.pending, 1);
    const [run] = pending === undefined ? this.#rows.runsIn(range, STATE.acked, 1) : [pending];
    if (run === undefined) return;
    const reason = `unreadable: ${detail}`;
    this.#lose({ ...run, hour: this.#rows.hourNear(id) ?? run.hour }, 'unreadable', detail, changes);
    if (pending !== undefined) this.#keepForSupport(run, run.hour, reason, changes, this.#clock.now());
    else {
      this.#rows.change(run, STATE.acked, STATE.quarantined, reason, this.#clock.now());
      changes.acked--;
      changes.quarantined++;
    }
  }

  /**
   * Deletes acked rows that were kept long enough, or whose ack lies in the future.
   * @returns how many
   */
  expire(before: number, after: number, limit: number, changes: ChangeSet): number {
    const old = this.#delete(this.#rows.ackedUpTo(before, limit), changes);
    return old + this.#delete(this.#rows.ackedAfter(after, limit - old), changes);
  }

  /** Deletes acked rows, the longest ago first. @returns how many */
  evictAcked(limit: number, changes: ChangeSet): number {
    return this.#delete(this.#rows.ackedUpTo(all, limit), changes);
  }

  /** Deletes the oldest quarantined rows, whose loss records are written. @returns how many */
  evictQuarantined(range: IdRange, limit: number, changes: ChangeSet): number {
    let count = 0;
    for (const run of this.#rows.oldest(range, STATE.quarantined, limit))
      count += this.#rows.delete(run, STATE.quarantined);
    changes.quarantined -= count;
    return count;
  }

  /**
   * Deletes the oldest pending rows with their dedup entries, so that a retry is stored again.
   * @returns how many
   */
  evictPending(range: IdRange, limit: number, changes: ChangeSet): number {
    let count = 0;
    for (const run of this.#rows.oldest(range, STATE.pending, limit)) {
      const length = this.#rows.delete(run, STATE.pending);
      this.#lose(run, 'evicted', null, changes);
      changes.removePending(run, new Map([[run.hour, length]]));
      changes.refs -= this.#refs.delete(run);
      count += length;
    }
    return count;
  }

  /** Deletes the oldest dedup entries. @returns how many */
  evictRefs(range: IdRange, limit: number, changes: ChangeSet): number {
    const count = this.#refs.evict(range.last, limit);
    changes.refs -= count;
    return count;
  }

  /** Makes acked rows pending again. @returns how many */
  reoffer(limit: number, changes: ChangeSet): number {
    let count = 0;
    for (const run of this.#rows.acked(limit)) {
      this.#rows.change(run, STATE.acked, STATE.pending, null, this.#clock.now());
      const length = run.last - run.first + 1;
      changes.addPending(run, new Map([[run.hour, length]]));
      count += length;
    }
    changes.acked -= count;
    return count;
  }

  /** The events that were acked last: see `EventTable.lastAcked`. */
  lastAcked(after: number, upTo: number, rows: number, runs: number): (SeqRange & { readonly hour: number })[] {
    return this.#rows
      .lastAcked(after, upTo, rows, runs)
      .flatMap((run) => this.#index.epochs.seqsOf(run).map((seqs) => ({ ...seqs, hour: run.hour })));
  }

  #delete(runs: readonly HourRun[], changes: ChangeSet): number {
    let count = 0;
    for (const run of runs) {
      count += this.#rows.delete(run, STATE.acked);
      for (const seqs of this.#index.epochs.seqsOf(run)) this.#expired.add(seqs);
    }
    changes.acked -= count;
    return count;
  }

  #keepForSupport(range: IdRange, hour: number, reason: string, changes: ChangeSet, at: number): void {
    const count = range.last - range.first + 1;
    this.#rows.change(range, STATE.pending, STATE.quarantined, reason, at);
    changes.removePending(range, new Map([[hour, count]]));
    changes.quarantined += count;
  }

  #lose(run: HourRun, reason: LossReason, detail: string | null, changes: ChangeSet): void {
    for (const seqs of this.#index.epochs.seqsOf(run))
      changes.addLosses(this.#losses.write({ ...seqs, hour: run.hour, reason, detail }, this.#clock.now()));
  }
}

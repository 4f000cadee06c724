/**
 * How events leave: each way out writes, in the transaction that takes them away, what accounts for their seqs afterwards.
 *
 * Runs within a transaction; what changes is told to its draft.
 */

import type { DedupIndex } from '../tables/dedup-index.ts';
import type { EpochIndex } from '../tables/epochs.ts';
import { STATE } from '../tables/event-row.ts';
import type { EventTable, HourRun } from '../tables/event-table.ts';
import type { ExpiredRanges } from '../tables/expired-ranges.ts';
import type { LossLedger } from '../tables/loss-ledger.ts';
import type { LossReason } from '../tables/loss-record.ts';
import type { IdRange } from '../tables/pending-set.ts';
import type { ChangeSet } from './changeset.ts';

export interface StateTransitionParts {
  readonly rows: EventTable;
  readonly gone: ExpiredRanges;
  readonly losses: LossLedger;
  readonly refs: DedupIndex;
  readonly epochs: () => EpochIndex;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const all = Number.MAX_SAFE_INTEGER;

export class StateTransitions {
  readonly #with: StateTransitionParts;

  constructor(parts: StateTransitionParts) {
    this.#with = parts;
  }

  /** The collector has them. */
  ack(range: IdRange, changes: ChangeSet): void {
    const { rows, now } = this.#with;
    const hours = rows.pendingHours(range);
    rows.change(range, STATE.pending, STATE.acked, null, now());
    changes.removePending(range, hours);
    for (const count of hours.values()) changes.acked += count;
  }

  /** They stay for support, but count as lost. */
  quarantine(range: IdRange, reason: string, changes: ChangeSet): void {
    const { rows, now } = this.#with;
    for (const run of rows.runsIn(range, STATE.pending, all)) {
      this.#giveUp(run, 'quarantined', reason, changes);
      this.#setAside(run, run.hour, reason, changes, now());
    }
  }

  /** A row is not what was written: not even whether it was acked can be told. */
  quarantineUnreadable(id: number, detail: string, changes: ChangeSet): void {
    const { rows, now } = this.#with;
    const range = { first: id, last: id };
    const [pending] = rows.runsIn(range, STATE.pending, 1);
    const [run] = pending === undefined ? rows.runsIn(range, STATE.acked, 1) : [pending];
    if (run === undefined) return;
    const reason = `unreadable: ${detail}`;
    this.#giveUp({ ...run, hour: rows.hourNear(id) ?? run.hour }, 'unreadable', detail, changes);
    if (pending !== undefined) this.#setAside(run, run.hour, reason, changes, now());
    else {
      rows.change(run, STATE.acked, STATE.quarantined, reason, now());
      changes.acked--;
      changes.quarantined++;
    }
  }

  /** Acked rows that were kept long enough, or were acked in a time that has not come. @returns how many went */
  expire(before: number, after: number, limit: number, changes: ChangeSet): number {
    const { rows } = this.#with;
    const old = this.#forget(rows.ackedUpTo(before, limit), changes);
    return old + this.#forget(rows.ackedAfter(after, limit - old), changes);
  }

  /** Acked rows, the longest ago first. @returns how many went */
  evictAcked(limit: number, changes: ChangeSet): number {
    return this.#forget(this.#with.rows.ackedUpTo(all, limit), changes);
  }

  /** The oldest quarantined rows, whose records are written. @returns how many went */
  evictQuarantined(range: IdRange, limit: number, changes: ChangeSet): number {
    const { rows } = this.#with;
    let count = 0;
    for (const run of rows.oldest(range, STATE.quarantined, limit)) count += rows.delete(run, STATE.quarantined);
    changes.quarantined -= count;
    return count;
  }

  /** The oldest pending rows, with their refs: a repeat is welcome. @returns how many went */
  evictPending(range: IdRange, limit: number, changes: ChangeSet): number {
    const { rows, refs } = this.#with;
    let count = 0;
    for (const run of rows.oldest(range, STATE.pending, limit)) {
      const length = rows.delete(run, STATE.pending);
      this.#giveUp(run, 'evicted', null, changes);
      changes.removePending(run, new Map([[run.hour, length]]));
      changes.refs -= refs.delete(run);
      count += length;
    }
    return count;
  }

  /** The oldest refs. @returns how many went */
  evictRefs(range: IdRange, limit: number, changes: ChangeSet): number {
    const count = this.#with.refs.evict(range.last, limit);
    changes.refs -= count;
    return count;
  }

  /** Acked rows are offered again. @returns how many */
  reoffer(limit: number, changes: ChangeSet): number {
    const { rows, now } = this.#with;
    let count = 0;
    for (const run of rows.acked(limit)) {
      rows.change(run, STATE.acked, STATE.pending, null, now());
      const length = run.last - run.first + 1;
      changes.addPending(run, new Map([[run.hour, length]]));
      count += length;
    }
    changes.acked -= count;
    return count;
  }

  #forget(runs: readonly HourRun[], changes: ChangeSet): number {
    const { rows, gone, epochs } = this.#with;
    let count = 0;
    for (const run of runs) {
      count += rows.delete(run, STATE.acked);
      for (const seqs of epochs().seqsOf(run)) gone.add(seqs);
    }
    changes.acked -= count;
    return count;
  }

  #setAside(range: IdRange, hour: number, reason: string, changes: ChangeSet, at: number): void {
    const count = range.last - range.first + 1;
    this.#with.rows.change(range, STATE.pending, STATE.quarantined, reason, at);
    changes.removePending(range, new Map([[hour, count]]));
    changes.quarantined += count;
  }

  #giveUp(run: HourRun, reason: LossReason, detail: string | null, changes: ChangeSet): void {
    const { losses, epochs, now } = this.#with;
    for (const seqs of epochs().seqsOf(run))
      changes.addLosses(losses.write({ ...seqs, hour: run.hour, reason, detail }, now()));
  }
}

/**
 * How events leave: each way out writes, in the transaction that takes them away, what accounts for their seqs afterwards.
 *
 * Runs within a transaction; what changes is told to its draft.
 */

import type { Refs } from '../tables/dedup-index.ts';
import type { EpochIndex } from '../tables/epochs.ts';
import { STATE } from '../tables/event-row.ts';
import type { EventRows, HourRun } from '../tables/event-table.ts';
import type { Gone } from '../tables/expired-ranges.ts';
import type { Losses } from '../tables/loss-ledger.ts';
import type { LossReason } from '../tables/loss-record.ts';
import type { IdRange } from '../tables/pending-set.ts';
import type { Draft } from './changeset.ts';

export interface DepartureParts {
  readonly rows: EventRows;
  readonly gone: Gone;
  readonly losses: Losses;
  readonly refs: Refs;
  readonly epochs: () => EpochIndex;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const all = Number.MAX_SAFE_INTEGER;

export class Departures {
  readonly #with: DepartureParts;

  constructor(parts: DepartureParts) {
    this.#with = parts;
  }

  /** The collector has them. */
  acked(range: IdRange, draft: Draft): void {
    const { rows, now } = this.#with;
    const hours = rows.pendingHours(range);
    rows.change(range, STATE.pending, STATE.acked, null, now());
    draft.remove(range, hours);
    for (const count of hours.values()) draft.acked += count;
  }

  /** They stay for support, but count as lost. */
  quarantined(range: IdRange, reason: string, draft: Draft): void {
    const { rows, now } = this.#with;
    for (const run of rows.runsIn(range, STATE.pending, all)) {
      this.#giveUp(run, 'quarantined', reason, draft);
      this.#setAside(run, run.hour, reason, draft, now());
    }
  }

  /** A row is not what was written: not even whether it was acked can be told. */
  unreadable(id: number, detail: string, draft: Draft): void {
    const { rows, now } = this.#with;
    const range = { first: id, last: id };
    const [pending] = rows.runsIn(range, STATE.pending, 1);
    const [run] = pending === undefined ? rows.runsIn(range, STATE.acked, 1) : [pending];
    if (run === undefined) return;
    const reason = `unreadable: ${detail}`;
    this.#giveUp({ ...run, hour: rows.hourNear(id) ?? run.hour }, 'unreadable', detail, draft);
    if (pending !== undefined) this.#setAside(run, run.hour, reason, draft, now());
    else {
      rows.change(run, STATE.acked, STATE.quarantined, reason, now());
      draft.acked--;
      draft.quarantined++;
    }
  }

  /** Acked rows that were kept long enough, or were acked in a time that has not come. @returns how many went */
  expired(before: number, after: number, limit: number, draft: Draft): number {
    const { rows } = this.#with;
    const old = this.#forget(rows.ackedUpTo(before, limit), draft);
    return old + this.#forget(rows.ackedAfter(after, limit - old), draft);
  }

  /** Acked rows, the longest ago first. @returns how many went */
  evictAcked(limit: number, draft: Draft): number {
    return this.#forget(this.#with.rows.ackedUpTo(all, limit), draft);
  }

  /** The oldest quarantined rows, whose records are written. @returns how many went */
  dropQuarantined(range: IdRange, limit: number, draft: Draft): number {
    const { rows } = this.#with;
    let count = 0;
    for (const run of rows.oldest(range, STATE.quarantined, limit)) count += rows.delete(run, STATE.quarantined);
    draft.quarantined -= count;
    return count;
  }

  /** The oldest pending rows, with their refs: a repeat is welcome. @returns how many went */
  dropPending(range: IdRange, limit: number, draft: Draft): number {
    const { rows, refs } = this.#with;
    let count = 0;
    for (const run of rows.oldest(range, STATE.pending, limit)) {
      const length = rows.delete(run, STATE.pending);
      this.#giveUp(run, 'evicted', null, draft);
      draft.remove(run, new Map([[run.hour, length]]));
      draft.refs -= refs.delete(run);
      count += length;
    }
    return count;
  }

  /** The oldest refs. @returns how many went */
  dropRefs(range: IdRange, limit: number, draft: Draft): number {
    const count = this.#with.refs.drop(range.last, limit);
    draft.refs -= count;
    return count;
  }

  /** Acked rows are offered again. @returns how many */
  returned(limit: number, draft: Draft): number {
    const { rows, now } = this.#with;
    let count = 0;
    for (const run of rows.acked(limit)) {
      rows.change(run, STATE.acked, STATE.pending, null, now());
      const length = run.last - run.first + 1;
      draft.add(run, new Map([[run.hour, length]]));
      count += length;
    }
    draft.acked -= count;
    return count;
  }

  #forget(runs: readonly HourRun[], draft: Draft): number {
    const { rows, gone, epochs } = this.#with;
    let count = 0;
    for (const run of runs) {
      count += rows.delete(run, STATE.acked);
      for (const seqs of epochs().seqsOf(run)) gone.add(seqs);
    }
    draft.acked -= count;
    return count;
  }

  #setAside(range: IdRange, hour: number, reason: string, draft: Draft, at: number): void {
    const count = range.last - range.first + 1;
    this.#with.rows.change(range, STATE.pending, STATE.quarantined, reason, at);
    draft.remove(range, new Map([[hour, count]]));
    draft.quarantined += count;
  }

  #giveUp(run: HourRun, reason: LossReason, detail: string | null, draft: Draft): void {
    const { losses, epochs, now } = this.#with;
    for (const seqs of epochs().seqsOf(run))
      draft.gaveUp(losses.write({ ...seqs, hour: run.hour, reason, detail }, now()));
  }
}

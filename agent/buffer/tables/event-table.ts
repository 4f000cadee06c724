/**
 * An event's usual life in the table `events`: stored, read, acked or quarantined, deleted. All but
 * `pending` and `hourNear` run in the caller's transaction.
 */
import type { Buffer } from 'node:buffer';
import type { Database } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import type { PendingEvent } from '../../port/outbox.ts';
import { type EventRow, RowCheck, RowChecksum, STATE, type State, stateMask, tryDecodeBody } from './event-row.ts';
import { tableStatements } from './event-statements.ts';
import type { IdRange, PendingSet } from './pending-set.ts';

/** An event that is about to be stored. */
export interface NewEvent {
  /** Its place in the request. */
  readonly index: number;
  /** Hours since 1970. */
  readonly hour: number;
  readonly body: Uint8Array;
  readonly bodyCrc: number;
  readonly type: string;
  /** The dedup key; null when a retry cannot be recognised. */
  readonly known: { readonly ref: string; readonly content: Buffer } | null;
}

export interface UnreadableRow {
  readonly id: number;
  readonly detail: string;
}

/** Consecutive ids of one hour. */
export interface HourRun extends IdRange {
  readonly hour: number;
}

/** @param rows by id */
function hourRuns(rows: Iterable<{ readonly id: number; readonly hour: number }>): HourRun[] {
  const runs: HourRun[] = [];
  for (const { id, hour } of rows) {
    const run = runs.at(-1);
    if (run !== undefined && run.last + 1 === id && run.hour === hour) runs[runs.length - 1] = { ...run, last: id };
    else runs.push({ first: id, last: id, hour });
  }
  return runs;
}

/** As `hourRuns`, of rows that come the last first: at most `limit` runs, the first of them. */
function firstRuns(rows: Iterable<{ readonly id: number; readonly hour: number }>, limit: number): HourRun[] {
  const runs: HourRun[] = [];
  for (const { id, hour } of rows) {
    const run = runs.at(-1);
    if (run !== undefined && run.first === id + 1 && run.hour === hour) runs[runs.length - 1] = { ...run, first: id };
    else if (runs.length === limit) break;
    else runs.push({ first: id, last: id, hour });
  }
  return runs;
}

export class EventTable {
  readonly #checksum = new RowChecksum();
  readonly #check = new RowCheck();
  readonly #statements: ReturnType<typeof tableStatements>;

  constructor(db: Database) {
    this.#statements = tableStatements(db);
  }

  /** @param at milliseconds since 1970 */
  insert(id: number, epoch: Epoch, seq: number, row: NewEvent, at: number): void {
    this.#statements.insert.run(
      id,
      epoch,
      seq,
      row.hour,
      at,
      this.#checksum.of(epoch, seq, row.hour, row.bodyCrc, STATE.pending),
      row.body,
    );
  }

  /** How many events of a range are pending, by hour. */
  pendingHours({ first, last }: IdRange): Map<number, number> {
    return new Map(this.#statements.countsByHour.all(first, last).map(({ hour, count }) => [hour, count]));
  }

  /** At most `limit` rows of a range that have a state, in runs. */
  runsIn({ first, last }: IdRange, state: State, limit: number): HourRun[] {
    return hourRuns(this.#statements.inState.iterate(first, last, state, limit));
  }

  /** The oldest rows of a range that have a state, in runs; never the newest row. */
  oldest(range: IdRange, state: typeof STATE.pending | typeof STATE.quarantined, limit: number): HourRun[] {
    return hourRuns(this.#statements.oldest[state].all(range.first, range.last, limit).sort((a, b) => a.id - b.id));
  }

  /** @param reason of a quarantine, else null */
  change({ first, last }: IdRange, from: State, to: State, reason: string | null, at: number): void {
    this.#statements.change.run({ from, to, at, reason, mask: stateMask(from, to), first, last });
  }

  /** @returns how many */
  delete({ first, last }: IdRange, state: State): number {
    return this.#statements.delete.run(first, last, state).changes;
  }

  /**
   * At most `limit` events that were acked at this time or before, those acked first come first, in
   * runs by id; never the newest row.
   */
  ackedUpTo(at: number, limit: number): HourRun[] {
    return hourRuns(this.#statements.ackedUpTo.all(at, limit).sort((a, b) => a.id - b.id));
  }

  /** As `ackedUpTo`, for events that were acked later than this. */
  ackedAfter(at: number, limit: number): HourRun[] {
    return hourRuns(this.#statements.ackedAfter.all(at, limit).sort((a, b) => a.id - b.id));
  }

  /** At most `limit` acked events, in runs by id. */
  acked(limit: number): HourRun[] {
    return hourRuns(this.#statements.acked.all(limit).sort((a, b) => a.id - b.id));
  }

  /** The events that were acked last within a time: at most so many rows, in so many runs. */
  lastAcked(after: number, upTo: number, rows: number, runs: number): HourRun[] {
    return firstRuns(this.#statements.lastAcked.iterate(after, upTo, rows), runs);
  }

  /** The least id of a pending event of any of these hours; null when there is none. */
  firstOfHours(hours: Iterable<number>): number | null {
    let least: number | null = null;
    for (const hour of hours) {
      const id = this.#statements.firstOfHour.get(hour);
      if (id !== undefined && (least === null || id < least)) least = id;
    }
    return least;
  }

  /** The hour of an unreadable row: its own if it lies between its neighbours', else theirs. */
  hourNear(id: number): number | null {
    const before = this.#statements.hourBefore.get(id);
    const after = this.#statements.hourAfter.get(id);
    const own = this.#statements.hourOf.get(id);
    const near = before ?? after ?? own ?? null;
    if (own === undefined || before === undefined || after === undefined) return near;
    return own >= Math.min(before, after) && own <= Math.max(before, after) ? own : near;
  }

  /**
   * Pending events as `Outbox.pending` gives them.
   *
   * @param baseOf an event's id less its seq; undefined for an epoch that the buffer does not know
   * @param unreadable is called with each row that does not hold what was written
   */
  *pending(
    set: PendingSet,
    after: number,
    baseOf: (epoch: Epoch) => number | undefined,
    unreadable: (row: UnreadableRow) => void,
  ): Generator<PendingEvent, void, undefined> {
    for (let at = set.indexFrom(after + 1); at < set.ranges.length; at++) {
      const { first, last } = set.ranges[at]!;
      for (const row of this.#statements.pendingRows.iterate(Math.max(first, after + 1), last)) {
        const event = this.#checked(row, baseOf);
        if (typeof event === 'string') unreadable({ id: row.id, detail: event });
        else yield event;
      }
    }
  }

  #checked(row: EventRow, baseOf: (epoch: Epoch) => number | undefined): PendingEvent | string {
    const epoch = row.epoch as Epoch;
    const fault = this.#check.faultAt(row, baseOf(epoch));
    if (fault !== null) return fault;
    const event = tryDecodeBody(row.body);
    if (typeof event === 'string') return event;
    return { id: row.id, epoch, seq: row.seq, hour: row.hour, event, bytes: row.body.length };
  }
}

/**
 * The writer's statements on `events`; all but `pending` and `hourNear` run in the caller's
 * transaction. Other queries are in `event-queries.ts`, other writes in `event-repair.ts`.
 */
import type { Buffer } from 'node:buffer';
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import type { PendingEvent } from '../../port/outbox.ts';
import { CHECKED_COLUMNS } from './event-queries.ts';
import { type EventRow, RowCheck, RowChecksum, STATE, type State, stateMask, tryDecodeBody } from './event-row.ts';
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
  readonly #insert: Statement<[number, Epoch, number, number, number, number, Uint8Array]>;
  readonly #read: Statement<[number, number], EventRow>;
  readonly #hours: Statement<[number, number], { hour: number; count: number }>;
  readonly #idsIn: Statement<[number, number, State, number], { id: number; hour: number }>;
  readonly #oldest: Readonly<Record<0 | 2, Statement<[number, number, number], { id: number; hour: number }>>>;
  readonly #firstOfHour: Statement<[number], number>;
  readonly #change: Statement<{
    from: State;
    to: State;
    at: number;
    reason: string | null;
    mask: number;
    first: number;
    last: number;
  }>;
  readonly #delete: Statement<[number, number, State]>;
  readonly #ackedUpTo: Statement<[number, number], { id: number; hour: number }>;
  readonly #ackedAfter: Statement<[number, number], { id: number; hour: number }>;
  readonly #acked: Statement<[number], { id: number; hour: number }>;
  readonly #lastAcked: Statement<[number, number, number], { id: number; hour: number }>;
  readonly #hourBefore: Statement<[number], number>;
  readonly #hourAfter: Statement<[number], number>;
  readonly #hourOf: Statement<[number], number>;

  constructor(db: Database) {
    this.#insert = db.prepare(
      'INSERT INTO events (id, epoch, seq, hour, state, at, sum, body) VALUES (?, ?, ?, ?, 0, ?, ?, ?)',
    );
    // NOT INDEXED means "by id": the partial indexes would be walked whole.
    this.#read = db.prepare(
      `SELECT ${CHECKED_COLUMNS} FROM events NOT INDEXED WHERE id BETWEEN ? AND ? AND state = 0 ORDER BY id`,
    );
    this.#hours = db.prepare(
      'SELECT hour, count(*) AS count FROM events NOT INDEXED WHERE id BETWEEN ? AND ? AND state = 0 GROUP BY hour',
    );
    this.#idsIn = db.prepare(
      'SELECT id, hour FROM events NOT INDEXED WHERE id BETWEEN ? AND ? AND state = ? ORDER BY id LIMIT ?',
    );
    const oldest = 'AND id BETWEEN ? AND ? AND id <> (SELECT max(id) FROM events) ORDER BY';
    this.#oldest = {
      [STATE.pending]: db.prepare(`SELECT id, hour FROM events NOT INDEXED WHERE state = 0 ${oldest} id LIMIT ?`),
      [STATE.quarantined]: db.prepare(`SELECT id, hour FROM events WHERE state = 2 ${oldest} at, id LIMIT ?`),
    };
    this.#firstOfHour = db
      .prepare<[number], number>('SELECT id FROM events WHERE state = 0 AND hour = ? ORDER BY id LIMIT 1')
      .pluck();
    // (a | b) - (a & b) is XOR, which SQLite lacks.
    this.#change = db.prepare(
      `UPDATE events NOT INDEXED SET state = @to, at = @at, reason = @reason, sum = (sum | @mask) - (sum & @mask)
       WHERE id BETWEEN @first AND @last AND state = @from`,
    );
    this.#delete = db.prepare('DELETE FROM events WHERE id BETWEEN ? AND ? AND state = ?');
    const acked = 'SELECT id, hour FROM events WHERE state = 1 AND id <> (SELECT max(id) FROM events)';
    this.#ackedUpTo = db.prepare(`${acked} AND at <= ? ORDER BY at, id LIMIT ?`);
    this.#ackedAfter = db.prepare(`${acked} AND at > ? ORDER BY at, id LIMIT ?`);
    this.#acked = db.prepare('SELECT id, hour FROM events WHERE state = 1 ORDER BY at, id LIMIT ?');
    this.#lastAcked = db.prepare(
      'SELECT id, hour FROM events WHERE state = 1 AND at > ? AND at <= ? ORDER BY at DESC, id DESC LIMIT ?',
    );
    const hour = 'SELECT hour FROM events NOT INDEXED WHERE id';
    this.#hourBefore = db.prepare<[number], number>(`${hour} < ? ORDER BY id DESC LIMIT 1`).pluck();
    this.#hourAfter = db.prepare<[number], number>(`${hour} > ? ORDER BY id LIMIT 1`).pluck();
    this.#hourOf = db.prepare<[number], number>(`${hour} = ?`).pluck();
  }

  /** @param at milliseconds since 1970 */
  insert(id: number, epoch: Epoch, seq: number, row: NewEvent, at: number): void {
    this.#insert.run(
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
    return new Map(this.#hours.all(first, last).map(({ hour, count }) => [hour, count]));
  }

  /** At most `limit` rows of a range that have a state, in runs. */
  runsIn({ first, last }: IdRange, state: State, limit: number): HourRun[] {
    return hourRuns(this.#idsIn.iterate(first, last, state, limit));
  }

  /** The oldest rows of a range that have a state, in runs; never the newest row. */
  oldest(range: IdRange, state: typeof STATE.pending | typeof STATE.quarantined, limit: number): HourRun[] {
    return hourRuns(this.#oldest[state].all(range.first, range.last, limit).sort((a, b) => a.id - b.id));
  }

  /** @param reason of a quarantine, else null */
  change({ first, last }: IdRange, from: State, to: State, reason: string | null, at: number): void {
    this.#change.run({ from, to, at, reason, mask: stateMask(from, to), first, last });
  }

  /** @returns how many */
  delete({ first, last }: IdRange, state: State): number {
    return this.#delete.run(first, last, state).changes;
  }

  /**
   * At most `limit` events that were acked at this time or before, those acked first come first, in
   * runs by id; never the newest row.
   */
  ackedUpTo(at: number, limit: number): HourRun[] {
    return hourRuns(this.#ackedUpTo.all(at, limit).sort((a, b) => a.id - b.id));
  }

  /** As `ackedUpTo`, for events that were acked later than this. */
  ackedAfter(at: number, limit: number): HourRun[] {
    return hourRuns(this.#ackedAfter.all(at, limit).sort((a, b) => a.id - b.id));
  }

  /** At most `limit` acked events, in runs by id. */
  acked(limit: number): HourRun[] {
    return hourRuns(this.#acked.all(limit).sort((a, b) => a.id - b.id));
  }

  /** The events that were acked last within a time: at most so many rows, in so many runs. */
  lastAcked(after: number, upTo: number, rows: number, runs: number): HourRun[] {
    return firstRuns(this.#lastAcked.iterate(after, upTo, rows), runs);
  }

  /** The least id of a pending event of any of these hours; null when there is none. */
  firstOfHours(hours: Iterable<number>): number | null {
    let least: number | null = null;
    for (const hour of hours) {
      const id = this.#firstOfHour.get(hour);
      if (id !== undefined && (least === null || id < least)) least = id;
    }
    return least;
  }

  /** The hour of an unreadable row: its own if it lies between its neighbours', else theirs. */
  hourNear(id: number): number | null {
    const before = this.#hourBefore.get(id);
    const after = this.#hourAfter.get(id);
    const own = this.#hourOf.get(id);
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
      for (const row of this.#read.iterate(Math.max(first, after + 1), last)) {
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

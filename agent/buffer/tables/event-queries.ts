/**
 * Queries on `events` beside the writer's own (`event-table.ts`): for opening, support, accounting
 * and recovery. Each function prepares one statement; the file that it reads may be damaged.
 *
 * NOT INDEXED means "by id": the partial indexes would be walked whole.
 */
import type { Buffer } from 'node:buffer';
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import type { EventRow, State } from './event-row.ts';

/** The columns that `RowCheck` needs. */
export const CHECKED_COLUMNS = 'id, epoch, seq, hour, state, sum, body';

/** A row without its body, for lists. */
export interface EventHead {
  readonly id: number;
  readonly epoch: string;
  readonly seq: number;
  /** Hours since 1970. */
  readonly hour: number;
  readonly state: number;
  /** Milliseconds since 1970. */
  readonly at: number | null;
  readonly reason: string | null;
  readonly sum: number;
  /** Of the body. */
  readonly bytes: number;
}

const HEAD_COLUMNS = 'id, epoch, seq, hour, state, at, reason, sum, length(body) AS bytes';

/** The highest id; 0 when there is no row. */
export const newestId = (db: Database): number =>
  db.prepare<[], number | null>('SELECT max(id) FROM events').pluck().get() ?? 0;

/** When the newest row took its state, milliseconds since 1970; nothing when there is no row. */
export const newestAt = (db: Database): Statement<[], number> =>
  db.prepare<[], number>('SELECT at FROM events ORDER BY id DESC LIMIT 1').pluck();

export const existsBetween = (db: Database): Statement<[first: number, last: number], 0 | 1> =>
  db.prepare<[number, number], 0 | 1>('SELECT EXISTS (SELECT 1 FROM events WHERE id BETWEEN ? AND ?)').pluck();

export const countBetween = (db: Database): Statement<[after: number, upTo: number], number> =>
  db.prepare<[number, number], number>('SELECT count(*) FROM events WHERE id > ? AND id <= ?').pluck();

export const rowsBetween = (db: Database): Statement<[first: number, last: number], EventRow> =>
  db.prepare(`SELECT ${CHECKED_COLUMNS} FROM events NOT INDEXED WHERE id BETWEEN ? AND ? ORDER BY id`);

/** `state = 1` and `state = 2` are literals: only so do the partial indexes apply. */
export const countAcked = (db: Database): number =>
  db.prepare<[], number>('SELECT count(*) FROM events WHERE state = 1').pluck().get()!;

export const countQuarantined = (db: Database): number =>
  db.prepare<[], number>('SELECT count(*) FROM events WHERE state = 2').pluck().get()!;

export interface PendingHour {
  readonly hour: number;
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

export const pendingHours = (db: Database): Statement<[], PendingHour> =>
  db.prepare(
    `SELECT hour, min(id) AS first, max(id) AS last, count(*) AS count
     FROM events WHERE state = 0 GROUP BY hour ORDER BY first`,
  );

export const pendingIds = (db: Database): Statement<[], { readonly id: number; readonly hour: number }> =>
  db.prepare('SELECT id, hour FROM events WHERE state = 0 ORDER BY id');

/** Whether a range of ids has a pending row that the index of pending events does not list. */
export const hasUnlistedPending = (db: Database): Statement<[first: number, last: number], 0 | 1> =>
  db
    .prepare<[number, number], 0 | 1>(
      `SELECT EXISTS (
         SELECT 1 FROM events AS found NOT INDEXED WHERE found.state = 0 AND found.id BETWEEN ? AND ? AND NOT EXISTS (
           SELECT 1 FROM events AS listed INDEXED BY pending_by_hour
           WHERE listed.state = 0 AND listed.hour = found.hour AND listed.id = found.id))`,
    )
    .pluck();

/** Pending events of a range of ids, with the times at which they were accepted (ms since 1970). */
export const pendingStamps = (
  db: Database,
): Statement<[first: number, last: number, limit: number], { readonly id: number; readonly at: number }> =>
  db.prepare('SELECT id, at FROM events NOT INDEXED WHERE id BETWEEN ? AND ? AND state = 0 ORDER BY id LIMIT ?');

/** When the last pending event of a range of ids was accepted. */
export const latestPendingAt = (db: Database): Statement<[first: number, last: number], number> =>
  db
    .prepare<[number, number], number>(
      'SELECT at FROM events NOT INDEXED WHERE id BETWEEN ? AND ? AND state = 0 ORDER BY id DESC LIMIT 1',
    )
    .pluck();

/** Heads from an id on, in each order. */
export const headsFrom = (
  db: Database,
): Readonly<Record<'oldest' | 'newest', Statement<[id: number, limit: number], EventHead>>> => ({
  oldest: db.prepare(`SELECT ${HEAD_COLUMNS} FROM events NOT INDEXED WHERE id >= ? ORDER BY id LIMIT ?`),
  newest: db.prepare(`SELECT ${HEAD_COLUMNS} FROM events NOT INDEXED WHERE id <= ? ORDER BY id DESC LIMIT ?`),
});

export const latestQuarantined = (db: Database): Statement<[limit: number], EventHead> =>
  db.prepare(`SELECT ${HEAD_COLUMNS} FROM events WHERE state = 2 ORDER BY at DESC, id DESC LIMIT ?`);

export interface QuarantineReason {
  readonly epoch: Epoch;
  readonly seq: number;
  readonly reason: string;
  /** When it was quarantined, milliseconds since 1970. */
  readonly at: number;
}

/** As `latestQuarantined`, for the statistics. */
export const quarantineReasons = (db: Database): Statement<[limit: number], QuarantineReason> =>
  db.prepare('SELECT epoch, seq, reason, at FROM events WHERE state = 2 ORDER BY at DESC, id DESC LIMIT ?');

export const bodyOf = (db: Database): Statement<[id: number], Buffer> =>
  db.prepare<[number], Buffer>('SELECT body FROM events WHERE id = ?').pluck();

/** The states that an epoch's rows have in a range of ids. */
export const statesBetween = (db: Database): Statement<[epoch: Epoch, first: number, last: number], State> =>
  db
    .prepare<[Epoch, number, number], State>(
      'SELECT DISTINCT state FROM events NOT INDEXED WHERE epoch = ? AND id BETWEEN ? AND ? ORDER BY state',
    )
    .pluck();

export interface SeqState {
  readonly seq: number;
  readonly hour: number;
  readonly state: State;
  readonly reason: string | null;
}

/** Rows of an epoch, whose base is given, by seq. */
export const seqStates = (
  db: Database,
): Statement<[base: number, first: number, last: number, limit: number], SeqState> =>
  db.prepare(
    'SELECT id - ? AS seq, hour, state, reason FROM events NOT INDEXED WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?',
  );

/** The hour of the last row of a range of ids. */
export const lastHourBetween = (db: Database): Statement<[first: number, last: number], number> =>
  db
    .prepare<[number, number], number>(
      'SELECT hour FROM events NOT INDEXED WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1',
    )
    .pluck();

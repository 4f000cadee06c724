/**
 * All statements on `events`: those of its table, queries for opening, support, accounting and
 * recovery, and repairs. Each function prepares them; the file that they read may be damaged.
 *
 * NOT INDEXED means "by id": the partial indexes would be walked whole. `state = 1` and its like
 * are literals: only so do the partial indexes apply.
 */
import type { Buffer } from 'node:buffer';
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import { type EventRow, STATE, type State } from './event-row.ts';

/** The columns that `RowCheck` needs. */
const CHECKED_COLUMNS = 'id, epoch, seq, hour, state, sum, body';

type IdAndHour = { readonly id: number; readonly hour: number };

interface Change {
  readonly from: State;
  readonly to: State;
  readonly at: number;
  readonly reason: string | null;
  /** Is XORed into the checksums. */
  readonly mask: number;
  readonly first: number;
  readonly last: number;
}

const ACKED = 'SELECT id, hour FROM events WHERE state = 1';
const NOT_NEWEST = 'id <> (SELECT max(id) FROM events)';
const HOUR = 'SELECT hour FROM events NOT INDEXED WHERE id';
const OLDEST = `id BETWEEN ? AND ? AND ${NOT_NEWEST} ORDER BY`;

/** The statements of an event's usual life: see `EventTable`. */
export const tableStatements = (db: Database) => ({
  insert: db.prepare<[number, Epoch, number, number, number, number, Uint8Array]>(
    'INSERT INTO events (id, epoch, seq, hour, state, at, sum, body) VALUES (?, ?, ?, ?, 0, ?, ?, ?)',
  ),
  pendingRows: db.prepare<[first: number, last: number], EventRow>(
    `SELECT ${CHECKED_COLUMNS} FROM events NOT INDEXED WHERE id BETWEEN ? AND ? AND state = 0 ORDER BY id`,
  ),
  countsByHour: db.prepare<[first: number, last: number], { hour: number; count: number }>(
    'SELECT hour, count(*) AS count FROM events NOT INDEXED WHERE id BETWEEN ? AND ? AND state = 0 GROUP BY hour',
  ),
  inState: db.prepare<[first: number, last: number, State, limit: number], IdAndHour>(
    'SELECT id, hour FROM events NOT INDEXED WHERE id BETWEEN ? AND ? AND state = ? ORDER BY id LIMIT ?',
  ),
  oldest: {
    [STATE.pending]: db.prepare<[first: number, last: number, limit: number], IdAndHour>(
      `SELECT id, hour FROM events NOT INDEXED WHERE state = 0 AND ${OLDEST} id LIMIT ?`,
    ),
    [STATE.quarantined]: db.prepare<[first: number, last: number, limit: number], IdAndHour>(
      `SELECT id, hour FROM events WHERE state = 2 AND ${OLDEST} at, id LIMIT ?`,
    ),
  },
  firstOfHour: db
    .prepare<[number], number>('SELECT id FROM events WHERE state = 0 AND hour = ? ORDER BY id LIMIT 1')
    .pluck(),
  // (a | b) - (a & b) is XOR, which SQLite lacks.
  change: db.prepare<Change>(
    `UPDATE events NOT INDEXED SET state = @to, at = @at, reason = @reason, sum = (sum | @mask) - (sum & @mask)
     WHERE id BETWEEN @first AND @last AND state = @from`,
  ),
  delete: db.prepare<[first: number, last: number, State]>('DELETE FROM events WHERE id BETWEEN ? AND ? AND state = ?'),
  ackedUpTo: db.prepare<[number, number], IdAndHour>(`${ACKED} AND ${NOT_NEWEST} AND at <= ? ORDER BY at, id LIMIT ?`),
  ackedAfter: db.prepare<[number, number], IdAndHour>(`${ACKED} AND ${NOT_NEWEST} AND at > ? ORDER BY at, id LIMIT ?`),
  acked: db.prepare<[number], IdAndHour>(`${ACKED} ORDER BY at, id LIMIT ?`),
  lastAcked: db.prepare<[number, number, number], IdAndHour>(
    `${ACKED} AND at > ? AND at <= ? ORDER BY at DESC, id DESC LIMIT ?`,
  ),
  hourBefore: db.prepare<[number], number>(`${HOUR} < ? ORDER BY id DESC LIMIT 1`).pluck(),
  hourAfter: db.prepare<[number], number>(`${HOUR} > ? ORDER BY id LIMIT 1`).pluck(),
  hourOf: db.prepare<[number], number>(`${HOUR} = ?`).pluck(),
});

// Queries, for opening, support, accounting and recovery.

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

// Writes beside an event's usual life: recovery, the correction of times, requeue. All run in a
// transaction.

export interface PendingRow extends EventRow {
  /** When it was accepted, milliseconds since 1970. */
  readonly at: number;
}

/** The first pending rows of a range of ids. */
export const pendingRows = (db: Database): Statement<[first: number, last: number, limit: number], PendingRow> =>
  db.prepare(
    `SELECT ${CHECKED_COLUMNS}, at FROM events NOT INDEXED
     WHERE id BETWEEN ? AND ? AND state = 0 ORDER BY id LIMIT ?`,
  );

/** Rewrites an event whose time was corrected. @param shift milliseconds, added to `at` */
export const rewriteEvent = (
  db: Database,
): Statement<[hour: number, shift: number, sum: number, body: Uint8Array, id: number]> =>
  db.prepare('UPDATE events SET hour = ?, at = at + ?, sum = ?, body = ? WHERE id = ?');

/** Which quarantined rows a requeue reads next; `epoch` is null where all epochs are meant. */
export interface QuarantinedPage {
  readonly after: number;
  readonly limit: number;
  readonly epoch: string | null;
  readonly first: number;
  readonly last: number;
}

export const quarantinedRows = (db: Database): Statement<[QuarantinedPage], EventRow & { readonly epoch: Epoch }> =>
  db.prepare(
    `SELECT ${CHECKED_COLUMNS} FROM events NOT INDEXED
     WHERE state = 2 AND id > @after AND (@epoch IS NULL OR epoch = @epoch) AND seq BETWEEN @first AND @last
     ORDER BY id LIMIT @limit`,
  );

/** Quarantined to pending. The reason stays: see `requeue.ts`. */
export const requeueEvent = (db: Database): Statement<[at: number, sum: number, id: number]> =>
  db.prepare('UPDATE events SET state = 0, at = ?, sum = ? WHERE id = ?');

export const eventExists = (db: Database): Statement<[id: number], number> =>
  db.prepare<[number], number>('SELECT 1 FROM events WHERE id = ?').pluck();

export const bodyOfEvent = (db: Database): Statement<[id: number], Uint8Array> =>
  db.prepare<[number], Uint8Array>('SELECT body FROM events WHERE id = ?').pluck();

export interface StateOfRow {
  readonly hour: number;
  readonly state: State;
  readonly sum: number;
}

export const stateOfEvent = (db: Database): Statement<[id: number], StateOfRow> =>
  db.prepare('SELECT hour, state, sum FROM events WHERE id = ?');

export type ImportedColumns = [
  id: number,
  epoch: Epoch,
  seq: number,
  hour: number,
  state: State,
  at: number,
  reason: string | null,
  sum: number,
  body: Uint8Array,
];

/** Stores a recovered row, in any state. */
export const importEvent = (db: Database): Statement<ImportedColumns> =>
  db.prepare(
    'INSERT INTO events (id, epoch, seq, hour, state, at, reason, sum, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  );

/** Any state to another one, with the row's new checksum. */
export const changeEvent = (
  db: Database,
): Statement<[state: State, at: number, reason: string, sum: number, id: number]> =>
  db.prepare('UPDATE events SET state = ?, at = ?, reason = ?, sum = ? WHERE id = ?');

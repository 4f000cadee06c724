/**
 * Statements that write `events` outside an event's usual life (`event-table.ts`): recovery, the
 * correction of times, and support's requeue. Each function prepares one; all run in a transaction.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import { CHECKED_COLUMNS } from './event-queries.ts';
import type { EventRow, State } from './event-row.ts';

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

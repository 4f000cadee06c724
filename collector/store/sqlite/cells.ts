/** Reads and writes the cells of one store table in SQLite (`schema.ts` has the layout). */
import type { Database, Statement } from 'better-sqlite3';
import type { Column, Columns, Put, Row, TableName } from '../tables.ts';
import { EVENTS_BY_TIME } from './schema.ts';

/** Cells that one statement passes over in search of one that is new enough: tenths of a ms. */
const PASSED_CELLS = 256;
/** Up to so many new cells of the table the index by time is used: some milliseconds. */
const RECENT_CELLS = 50_000;

type StoredCell = [column: Column, time: number, value: Uint8Array | null];

const NO_VALUE = new Uint8Array(0);

/** Which cells of a row; undefined: all. */
export interface CellSelection {
  readonly columns?: Columns | undefined;
  readonly keysOnly?: boolean;
  readonly since?: number | undefined;
}

/**
 * The statements of one store table, prepared once. Every method runs within the caller's
 * transaction.
 */
export class Cells {
  readonly #find: Statement<[Uint8Array, string], { time: number; valueId: number }>;
  readonly #value: Statement<[Uint8Array, string], Uint8Array>;
  readonly #exists: Statement<[Uint8Array], number>;
  readonly #insertValue: Statement<[Uint8Array]>;
  readonly #insertCell: Statement<[Uint8Array, string, number, number | bigint]>;
  readonly #updateValue: Statement<[Uint8Array, number]>;
  readonly #updateCell: Statement<[number, Uint8Array, string]>;
  readonly #deleteValues: Statement<[Uint8Array]>;
  readonly #deleteCells: Statement<[Uint8Array]>;
  readonly #nextRow: Statement<[Uint8Array, Uint8Array], Uint8Array>;
  readonly #nextSince: Statement<[Uint8Array, Uint8Array, number], Uint8Array>;
  readonly #lastPassed: Statement<[Uint8Array, Uint8Array], Uint8Array>;
  /** Null where the table has no index by time. */
  readonly #recent: RecentRows | null;
  readonly #keys: Statement<[Uint8Array, Uint8Array, number], [row: Uint8Array, column: Column, time: number]>;
  readonly #read: { readonly values: RangeReader; readonly keys: RangeReader };

  constructor(database: Database, table: TableName) {
    const cells = `${table}_cells`;
    const values = `${table}_values`;
    const value = `(SELECT value FROM ${values} WHERE id = value_id)`;
    this.#find = database.prepare(`SELECT time, value_id AS valueId FROM ${cells} WHERE row = ? AND col = ?`);
    this.#value = database
      .prepare<[Uint8Array, string], Uint8Array>(`SELECT ${value} FROM ${cells} WHERE row = ? AND col = ?`)
      .pluck();
    this.#exists = database.prepare<[Uint8Array], number>(`SELECT 1 FROM ${cells} WHERE row = ? LIMIT 1`).pluck();
    this.#insertValue = database.prepare(`INSERT INTO ${values} (value) VALUES (?)`);
    this.#insertCell = database.prepare(`INSERT INTO ${cells} (row, col, time, value_id) VALUES (?, ?, ?, ?)`);
    this.#updateValue = database.prepare(`UPDATE ${values} SET value = ? WHERE id = ?`);
    this.#updateCell = database.prepare(`UPDATE ${cells} SET time = ? WHERE row = ? AND col = ?`);
    this.#deleteValues = database.prepare(
      `DELETE FROM ${values} WHERE id IN (SELECT value_id FROM ${cells} WHERE row = ?)`,
    );
    this.#deleteCells = database.prepare(`DELETE FROM ${cells} WHERE row = ?`);
    this.#nextRow = database
      .prepare<[Uint8Array, Uint8Array], Uint8Array>(
        `SELECT row FROM ${cells} WHERE row >= ? AND row < ? ORDER BY row LIMIT 1`,
      )
      .pluck();
    const range = `SELECT row, time FROM ${cells} WHERE row >= ? AND row < ? ORDER BY row LIMIT ${PASSED_CELLS}`;
    this.#nextSince = database
      .prepare<[Uint8Array, Uint8Array, number], Uint8Array>(`SELECT row FROM (${range}) WHERE time >= ? LIMIT 1`)
      .pluck();
    this.#lastPassed = database
      .prepare<[Uint8Array, Uint8Array], Uint8Array>(
        `SELECT row FROM ${cells} WHERE row >= ? AND row < ? ORDER BY row LIMIT 1 OFFSET ${PASSED_CELLS - 1}`,
      )
      .pluck();
    this.#recent = RecentRows.of(database, table);
    this.#keys = database
      .prepare<[Uint8Array, Uint8Array, number], [Uint8Array, Column, number]>(
        `SELECT row, col, time FROM ${cells} WHERE row >= ? AND row < ? ORDER BY row, col LIMIT ?`,
      )
      .raw();
    this.#read = {
      values: new RangeReader(database, `SELECT col, time, ${value} FROM ${cells}`),
      keys: new RangeReader(database, `SELECT col, time, NULL FROM ${cells}`),
    };
  }

  /**
   * Applies the cells that are not older than the stored ones. A put without a time is never older:
   * its time is `now`, or the stored cell's time where the clock has been set back since.
   */
  put(put: Put, now: number): void {
    for (const [column, value] of put.cells) {
      const stored = this.#find.get(put.row, column);
      const time = put.time ?? Math.max(now, stored?.time ?? now);
      if (stored === undefined) {
        const { lastInsertRowid } = this.#insertValue.run(value);
        this.#insertCell.run(put.row, column, time, lastInsertRowid);
      } else if (time >= stored.time) {
        this.#updateValue.run(value, stored.valueId);
        this.#updateCell.run(time, put.row, column);
      }
    }
  }

  has(row: Uint8Array): boolean {
    return this.#exists.get(row) !== undefined;
  }

  holds(row: Uint8Array, column: Column, expected: Uint8Array | null): boolean {
    const held = this.#value.get(row, column);
    if (held === undefined || expected === null) return held === undefined && expected === null;
    return Buffer.compare(held, expected) === 0;
  }

  delete(row: Uint8Array): void {
    this.#deleteValues.run(row);
    this.#deleteCells.run(row);
  }

  /**
   * The first row key at or after `start` and before `stop`; with `since`, one that no row with a
   * cell of that time or later lies before. That one need not have such a cell itself.
   */
  nextRow(start: Uint8Array, stop: Uint8Array, since?: number): Uint8Array | undefined {
    if (since === undefined) return this.#nextRow.get(start, stop);
    return this.#nextSince.get(start, stop, since) ?? this.#lastPassed.get(start, stop);
  }

  /**
   * The first rows of a range that have a cell of this time or later, in order; null: there is no
   * index that tells sooner than `nextRow`.
   */
  recentRows(start: Uint8Array, stop: Uint8Array, since: number, limit: number): Uint8Array[] | null {
    const isShort = this.#lastPassed.get(start, stop) === undefined;
    return isShort || this.#recent === null ? null : this.#recent.read(start, stop, since, limit);
  }

  /**
   * The first rows of a range without values, in one statement; fewer than `most` where rows have
   * several cells.
   *
   * @returns `isEnd`: the range has no more rows. Else there may be none, if the first row has more
   *   than `most` cells
   */
  keys(start: Uint8Array, stop: Uint8Array, most: number): { readonly rows: readonly Row[]; readonly isEnd: boolean } {
    const found = this.#keys.all(start, stop, most + 1);
    const isEnd = found.length <= most;
    const rows: { row: Uint8Array; cells: Map<Column, Uint8Array>; time: number }[] = [];
    for (const [row, column, time] of found) {
      const last = rows.at(-1);
      if (last === undefined || Buffer.compare(last.row, row) !== 0)
        rows.push({ row, cells: new Map([[column, NO_VALUE]]), time });
      else {
        last.cells.set(column, NO_VALUE);
        last.time = Math.max(last.time, time);
      }
    }
    // Of the last one there may be more cells.
    if (!isEnd) rows.pop();
    return { rows, isEnd };
  }

  /** Null if the row has no cell of these columns, and none of this time or later. */
  read(row: Uint8Array, { columns, keysOnly = false, since }: CellSelection): Row | null {
    const all = (keysOnly ? this.#read.keys : this.#read.values).read(row, columns);
    const found = since === undefined ? all : all.filter(([, time]) => time >= since);
    if (found.length === 0) return null;
    const cells = new Map<Column, Uint8Array>();
    let newest = found[0]![1];
    for (const [column, time, value] of found) {
      cells.set(column, value ?? NO_VALUE);
      if (time > newest) newest = time;
    }
    return { row, cells, time: newest };
  }
}

/** Finds rows by the times of their cells. */
class RecentRows {
  readonly #count: Statement<[number], number>;
  readonly #rows: Statement<[number, Uint8Array, Uint8Array, number], Uint8Array>;

  private constructor(database: Database) {
    const recent = `FROM events_cells INDEXED BY ${EVENTS_BY_TIME} WHERE time >= ?`;
    this.#count = database.prepare<[number], number>(`SELECT count(*) FROM (SELECT 1 ${recent} LIMIT ${RECENT_CELLS})`);
    this.#count.pluck();
    this.#rows = database.prepare(`SELECT DISTINCT row ${recent} AND row >= ? AND row < ? ORDER BY row LIMIT ?`);
    this.#rows.pluck();
  }

  /** A store that an earlier release made, and no collector has opened since, has no such index. */
  static of(database: Database, table: TableName): RecentRows | null {
    const index = database.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?');
    return table === 'events' && index.get(EVENTS_BY_TIME) !== undefined ? new RecentRows(database) : null;
  }

  read(start: Uint8Array, stop: Uint8Array, since: number, limit: number): Uint8Array[] | null {
    return this.#count.get(since) === RECENT_CELLS ? null : this.#rows.all(since, start, stop, limit);
  }
}

/**
 * Reads the cells of one row. It seeks each requested column, so a row's thousand other cells cost
 * nothing.
 */
class RangeReader {
  readonly #all: Statement<[Uint8Array], StoredCell>;
  readonly #named: Statement<[Uint8Array, string], StoredCell>;
  readonly #family: Statement<[Uint8Array, string, string], StoredCell>;

  constructor(database: Database, select: string) {
    this.#all = database.prepare<[Uint8Array], StoredCell>(`${select} WHERE row = ?`).raw();
    this.#named = database.prepare<[Uint8Array, string], StoredCell>(`${select} WHERE row = ? AND col = ?`).raw();
    this.#family = database
      .prepare<[Uint8Array, string, string], StoredCell>(`${select} WHERE row = ? AND col >= ? AND col < ?`)
      .raw();
  }

  read(row: Uint8Array, columns: Columns | undefined): StoredCell[] {
    if (columns === undefined) return this.#all.all(row);
    // ';' is the character after ':', so this range is the whole family.
    return columns.flatMap((column) =>
      typeof column === 'string'
        ? this.#named.all(row, column)
        : this.#family.all(row, `${column.family}:`, `${column.family};`),
    );
  }
}

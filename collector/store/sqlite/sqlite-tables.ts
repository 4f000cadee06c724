/**
 * The store's port on one SQLite file: the embedded default. Several processes may have it open
 * (the collector, and commands such as `terminals add`); writers queue on the file lock. A write is
 * on disk when its promise resolves.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Database } from 'better-sqlite3';
import type { Column, Columns, Put, Row, Scan, TableName, Tables } from '../tables.ts';
import { StoreUnavailable } from '../tables.ts';
import { Cells } from './cells.ts';
import { fileIdentity, openConnection } from './connection.ts';
import { createTables } from './schema.ts';
import { wrapStoreErrors } from './wrap-error.ts';

/**
 * A page of a scan ends with the row that reaches either bound, so that other work gets its turn.
 */
const PAGE_ROWS = 500;
const PAGE_BYTES = 1024 * 1024;

export interface SqliteOptions {
  /** The database file; created where missing, with its directory. */
  readonly path: string;
  /** The store's own clock, milliseconds since 1970. */
  readonly now?: () => number;
  /**
   * How long a write waits for another process's write, milliseconds. The wait blocks the event
   * loop; no writer takes nearly as long.
   */
  readonly busyTimeoutMs?: number;
}

/**
 * Rejects with `StoreUnavailable` when the file cannot be opened such that commits survive a power
 * cut.
 */
export async function openSqliteTables({
  path,
  now = Date.now,
  busyTimeoutMs = 5_000,
}: SqliteOptions): Promise<Tables> {
  return new SqliteTables(await openConnection(path, busyTimeoutMs), path, now);
}

class SqliteTables implements Tables {
  readonly #database: Database;
  readonly #path: string;
  readonly #now: () => number;
  readonly #cells = new Map<TableName, Cells>();
  readonly #file: ReturnType<typeof fileIdentity>;

  constructor(database: Database, path: string, now: () => number) {
    this.#database = database;
    this.#path = path;
    this.#now = now;
    this.#file = fileIdentity(path);
  }

  async init(): Promise<void> {
    this.#run('init', () => createTables(this.#database));
  }

  async put(table: TableName, puts: readonly Put[]): Promise<void> {
    if (puts.length === 0) return;
    const now = this.#now();
    this.#write(`put to ${table}`, () => {
      const cells = this.#of(table);
      for (const put of puts) cells.put(put, now);
    });
  }

  async putIfAbsent(table: TableName, puts: readonly Put[]): Promise<boolean[]> {
    if (puts.length === 0) return [];
    const now = this.#now();
    return this.#write(`put to ${table}`, () => {
      const cells = this.#of(table);
      return puts.map((put) => {
        const isAbsent = !cells.has(put.row);
        if (isAbsent) cells.put(put, now);
        return isAbsent;
      });
    });
  }

  async exists(table: TableName, rows: readonly Uint8Array[]): Promise<boolean[]> {
    return this.#read(`read of ${table}`, () => {
      const cells = this.#of(table);
      return rows.map((row) => cells.has(row));
    });
  }

  async get(table: TableName, rows: readonly Uint8Array[], columns?: Columns): Promise<(Row | null)[]> {
    return this.#read(`get from ${table}`, () => {
      const cells = this.#of(table);
      return rows.map((row) => cells.read(row, columns, false));
    });
  }

  async *scan(table: TableName, scan: Scan): AsyncGenerator<Row, void, undefined> {
    let start: Uint8Array | undefined = scan.start;
    let left = scan.limit ?? Number.POSITIVE_INFINITY;
    while (start !== undefined && left > 0) {
      const page = this.#page(table, { ...scan, start }, Math.min(left, PAGE_ROWS));
      yield* page.rows;
      left -= page.rows.length;
      start = page.next;
      if (start !== undefined) await nextTurn();
    }
  }

  async checkAndPut(
    table: TableName,
    check: { column: Column; expected: Uint8Array | null },
    put: Put,
  ): Promise<boolean> {
    const now = this.#now();
    return this.#write(`checkAndPut to ${table}`, () => {
      const cells = this.#of(table);
      if (!cells.holds(put.row, check.column, check.expected)) return false;
      cells.put(put, now);
      return true;
    });
  }

  async delete(table: TableName, rows: readonly Uint8Array[]): Promise<void> {
    if (rows.length === 0) return;
    this.#write(`delete from ${table}`, () => {
      const cells = this.#of(table);
      for (const row of rows) cells.delete(row);
    });
  }

  async close(): Promise<void> {
    if (this.#database.open) this.#run('close', () => this.#database.close());
  }

  /**
   * Reads one page within one read transaction. `next` is the start of the following page,
   * undefined at the end of the range.
   */
  #page(table: TableName, scan: Scan, maxRows: number): { rows: Row[]; next: Uint8Array | undefined } {
    return this.#read(`scan of ${table}`, () => {
      const cells = this.#of(table);
      const rows: Row[] = [];
      let bytes = 0;
      // Skipped rows count too: rows without any of the requested columns cost time all the same.
      let start = scan.start;
      for (let passed = 0; rows.length < maxRows && passed < PAGE_ROWS && bytes < PAGE_BYTES; passed++) {
        const key = cells.nextRow(start, scan.stop);
        if (key === undefined) return { rows, next: undefined };
        const row = cells.read(key, scan.columns, scan.keysOnly ?? false);
        if (row !== null) {
          rows.push(row);
          bytes += sizeOf(row);
        }
        start = successor(key);
      }
      return { rows, next: start };
    });
  }

  #of(table: TableName): Cells {
    const known = this.#cells.get(table);
    if (known !== undefined) return known;
    const cells = new Cells(this.#database, table);
    this.#cells.set(table, cells);
    return cells;
  }

  /**
   * Immediate: a transaction that reads first and writes later could fail with BUSY half-way,
   * without waiting.
   */
  #write<T>(operation: string, work: () => T): T {
    const result = this.#run(operation, () => this.#database.transaction(work).immediate());
    if (!this.#run(operation, () => this.#file.inPlace())) {
      throw new StoreUnavailable(
        `${operation} on ${this.#path}: the file was removed or replaced while it was open: put it back, or start the collector again`,
      );
    }
    return result;
  }

  #read<T>(operation: string, work: () => T): T {
    return this.#run(operation, () => this.#database.transaction(work).deferred());
  }

  #run<T>(operation: string, work: () => T): T {
    if (!this.#database.open) throw new StoreUnavailable(`${operation} on ${this.#path}: the store was closed`);
    return wrapStoreErrors(operation, this.#path, work);
  }
}

function sizeOf(row: Row): number {
  let bytes = row.row.length;
  for (const [column, value] of row.cells) bytes += column.length + value.length;
  return bytes;
}

/** The smallest key greater than this one. */
function successor(key: Uint8Array): Uint8Array {
  return Buffer.concat([key, Buffer.of(0)]);
}

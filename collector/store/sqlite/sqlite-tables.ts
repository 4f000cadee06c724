/**
 * The store's port on one SQLite file: the embedded default. Several processes may have it open
 * (the collector, and commands such as `terminals add`); writers queue on the file lock. A write is
 * on disk when its promise resolves.
 *
 * Two threads do the work: one writes, one reads. Neither a lock nor a slow disk stops the event
 * loop, and a write that waits stops no read. A read that begins after a write has resolved sees
 * it: in WAL mode it is committed for every connection.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { STORE_LIMITS } from '../limits.ts';
import type { Column, Columns, KeyRange, Put, Row, Scan, TableName, Tables } from '../tables.ts';
import { type PackedRows, packKeys, packRows, unpackRows } from './packed-rows.ts';
import type { PageScan } from './store-file.ts';
import { StoreThread } from './store-thread.ts';

export interface SqliteOptions {
  /** The database file; created where missing, with its directory. */
  readonly path: string;
  /** The store's own clock, milliseconds since 1970. */
  readonly now?: () => number;
  /** How long a write waits for another process's write, milliseconds. */
  readonly lockWaitMs?: number;
  /** How long a call waits for its answer, milliseconds. */
  readonly callWaitMs?: number;
}

/**
 * Rejects with `StoreUnavailable` when the file cannot be opened such that commits survive a power
 * cut.
 */
export async function openSqliteTables({
  path,
  now = Date.now,
  lockWaitMs = STORE_LIMITS.commandLockWait.value,
  callWaitMs = STORE_LIMITS.callWait.value,
}: SqliteOptions): Promise<Tables> {
  const [writer, reader] = [false, true].map(
    (readOnly) => new StoreThread({ path, lockWaitMs, callWaitMs, readOnly }),
  ) as [StoreThread, StoreThread];
  try {
    await writer.open();
    await reader.open();
  } catch (error) {
    await Promise.all([reader.abandon(), writer.abandon()]);
    throw error;
  }
  return new SqliteTables(writer, reader, now);
}

class SqliteTables implements Tables {
  readonly expiresAfterMs = null;
  readonly #writer: StoreThread;
  readonly #reader: StoreThread;
  readonly #now: () => number;

  constructor(writer: StoreThread, reader: StoreThread, now: () => number) {
    this.#writer = writer;
    this.#reader = reader;
    this.#now = now;
  }

  async init(): Promise<void> {
    await this.#writer.ask('init', []);
  }

  async put(table: TableName, puts: readonly Put[]): Promise<void> {
    await this.#put(table, puts, false);
  }

  putIfAbsent(table: TableName, puts: readonly Put[]): Promise<boolean[]> {
    return this.#put(table, puts, true);
  }

  async #put(table: TableName, puts: readonly Put[], ifAbsent: boolean): Promise<boolean[]> {
    if (puts.length === 0) return [];
    const rows = packRows(puts);
    return this.#writer.ask('put', [table, rows, this.#now(), ifAbsent], memoryOf(rows));
  }

  async exists(table: TableName, rows: readonly Uint8Array[]): Promise<boolean[]> {
    const keys = packKeys(rows);
    return this.#reader.ask('exists', [table, keys], memoryOf(keys));
  }

  async get(table: TableName, rows: readonly Uint8Array[], columns?: Columns): Promise<(Row | null)[]> {
    const keys = packKeys(rows);
    return unpackRows(await this.#reader.ask('get', [table, keys, columns], memoryOf(keys))) as (Row | null)[];
  }

  async *scan(table: TableName, scan: Scan): AsyncGenerator<Row, void, undefined> {
    const { columns, keysOnly = false, since, limit = Number.POSITIVE_INFINITY } = scan;
    let parts: readonly KeyRange[] = (scan.within ?? [scan]).map(({ start, stop }) => ({
      start: ownCopy(start),
      stop: ownCopy(stop),
    }));
    let left = limit;
    while (parts.length > 0 && left > 0) {
      const range: PageScan = { parts, columns, keysOnly, since };
      // Other work has its turn between two pages, however fast they come.
      const [page] = await Promise.all([this.#reader.ask('page', [table, range, left]), nextTurn()]);
      const rows = unpackRows(page.rows) as Row[];
      yield* rows;
      left -= rows.length;
      parts = page.next;
    }
  }

  async checkAndPut(
    table: TableName,
    { column, expected }: { column: Column; expected: Uint8Array | null },
    put: Put,
  ): Promise<boolean> {
    const row = packRows([put]);
    const held = expected === null ? null : ownCopy(expected);
    return this.#writer.ask('checkAndPut', [table, column, held, row, this.#now()], memoryOf(row));
  }

  async delete(table: TableName, rows: readonly Uint8Array[]): Promise<void> {
    if (rows.length === 0) return;
    const keys = packKeys(rows);
    await this.#writer.ask('delete', [table, keys], memoryOf(keys));
  }

  /** The writer is the last to close the file: it empties the WAL. */
  async close(): Promise<void> {
    const readerClosed = this.#reader.close();
    await this.#writer.close(readerClosed.catch(() => undefined));
    await readerClosed;
  }
}

const memoryOf = ({ bytes }: PackedRows): Uint8Array<ArrayBuffer>[] => [bytes];

/** Bytes in memory of their own: a message would copy the whole of what they are a part of. */
const ownCopy = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

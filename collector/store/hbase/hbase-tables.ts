/**
 * The store's port on HBase, through its Thrift2 gateway. Calls are bounded in size, reads are
 * paged.
 */

import { chunks } from '../chunks.ts';
import type { Column, Columns, Put, Row, Scan, TableName, Tables } from '../tables.ts';
import { checkAndPutRow } from './check-and-put.ts';
import { toColumns, toPut, toRow } from './row-mapping.ts';
import { type PageRequest, scanRows } from './scan.ts';
import { createSchema, type SchemaOptions, TTL_SECONDS } from './schema.ts';
import { type Deadlines, Gateway } from './thrift/gateway.ts';
import { deleteMultiple, existsAll, getMultiple, getScannerResults, putMultiple, type TColumn } from './thrift/idl.ts';
import { ReplyTooLarge } from './thrift/reply-scanner.ts';
import { PIECE_CELLS, wholeRow } from './wide-rows.ts';

export interface HBaseTablesOptions {
  /**
   * The Thrift2 gateway: unframed, binary protocol. It has no authentication of its own, so it
   * belongs on the loopback interface.
   */
  readonly host: string;
  readonly port: number;
  /** Calls that run in parallel; 4 if left out. */
  readonly connections?: number;
  /** HBase namespace of the tables; `tillstream` if left out. */
  readonly namespace?: string;
  /** Number of regions of a new table with salted keys; 4 if left out. */
  readonly regions?: number;
  readonly deadlines?: Partial<Deadlines>;
  /** For the pauses between connection attempts, from 0 up to 1; `Math.random` if left out. */
  readonly random?: () => number;
  /** Monotonic milliseconds; the process's own if left out. */
  readonly now?: () => number;
}

const DEADLINES: Deadlines = { connectMs: 3_000, waitMs: 5_000, callMs: 20_000, schemaMs: 60_000 };

/**
 * Bounds of a write call: a few MB keep the gateway's memory small and cost no speed. A single row
 * may be larger.
 */
const MAX_CALL = { bytes: 2 * 1024 * 1024, items: 2_000 };

/** Rows per read call; if together they are too large, they are read in halves. */
const MAX_GET = 256;

/** Longest reply: above HBase's largest cell (10 MB), and small compared to a process. */
const MAX_REPLY_BYTES = 32 * 1024 * 1024;

/**
 * Calls that may wait for a connection: the working set of a busy collector, not the backlog of an
 * outage.
 */
const MAX_WAITING = 1_000;

/** Connects when the first call needs it. */
export function openHBaseTables(options: HBaseTablesOptions): Tables {
  return new HBaseTables(options);
}

class HBaseTables implements Tables {
  readonly expiresAfterMs = TTL_SECONDS * 1_000;
  readonly #gateway: Gateway;
  readonly #schema: SchemaOptions;

  constructor(options: HBaseTablesOptions) {
    const { host, port, connections = 4, namespace = 'tillstream', regions = 4, random = Math.random } = options;
    const now = options.now ?? (() => performance.now());
    const deadlines = { ...DEADLINES, ...options.deadlines };
    const limits = { maxWaiting: MAX_WAITING, maxReplyBytes: MAX_REPLY_BYTES };
    this.#gateway = new Gateway({ host, port, connections, deadlines, random, now, ...limits });
    this.#schema = { namespace, regions, deadlineMs: deadlines.schemaMs };
  }

  init(): Promise<void> {
    return createSchema(this.#gateway, this.#schema);
  }

  async put(table: TableName, puts: readonly Put[]): Promise<void> {
    const { name, bytes } = this.#named(table);
    // A put without cells changes nothing, and HBase would refuse it.
    const effective = puts.filter(({ cells }) => cells.size > 0);
    for (const chunk of chunks(effective, bytesOfPut, MAX_CALL))
      await this.#gateway.call(putMultiple, { table: bytes, tputs: chunk.map(toPut) }, name);
  }

  /**
   * A row alone is put atomically, in one call. HBase has no such call for several rows, so they
   * are asked for first: a put with a later time would become the newest version of its row.
   */
  async putIfAbsent(table: TableName, puts: readonly Put[]): Promise<boolean[]> {
    const first = firstOfEachRow(puts);
    const [only, ...more] = first;
    const [column] = only?.cells.keys() ?? [];
    if (only !== undefined && column !== undefined && more.length === 0) {
      const isNew = await this.checkAndPut(table, { column, expected: null }, only);
      return puts.map((put) => isNew && put === only);
    }
    const existing = await this.exists(
      table,
      first.map(({ row }) => row),
    );
    const absent = new Set(first.filter((_put, index) => !existing[index]));
    await this.put(table, [...absent]);
    return puts.map((put) => absent.has(put));
  }

  async exists(table: TableName, rows: readonly Uint8Array[]): Promise<boolean[]> {
    const { name, bytes } = this.#named(table);
    const existing: boolean[] = [];
    for (const chunk of chunks(rows, (row) => row.length, MAX_CALL))
      existing.push(
        ...(await this.#gateway.call(existsAll, { table: bytes, tgets: chunk.map((row) => ({ row })) }, name)),
      );
    return existing;
  }

  async get(table: TableName, rows: readonly Uint8Array[], columns?: Columns): Promise<(Row | null)[]> {
    const tcolumns = columns && toColumns(columns);
    const read: (Row | null)[] = [];
    for (const chunk of chunks(rows, () => 0, { bytes: 0, items: MAX_GET }))
      read.push(...(await this.#readRows(table, chunk, tcolumns)));
    return read;
  }

  scan(table: TableName, scan: Scan): AsyncIterable<Row> {
    const { name, bytes } = this.#named(table);
    const readPage = (tscan: PageRequest) =>
      this.#gateway.call(getScannerResults, { table: bytes, tscan, numRows: tscan.limit }, name);
    return scanRows(scan, readPage, async (row) => (await this.get(table, [row], scan.columns))[0] ?? null);
  }

  checkAndPut(
    table: TableName,
    check: { readonly column: Column; readonly expected: Uint8Array | null },
    put: Put,
  ): Promise<boolean> {
    const { name, bytes } = this.#named(table);
    return checkAndPutRow(this.#gateway, bytes, name, check, put);
  }

  async delete(table: TableName, rows: readonly Uint8Array[]): Promise<void> {
    const { name, bytes } = this.#named(table);
    for (const chunk of chunks(rows, (row) => row.length, MAX_CALL))
      await this.#gateway.call(deleteMultiple, { table: bytes, tdeletes: chunk.map((row) => ({ row })) }, name);
  }

  close(): Promise<void> {
    return this.#gateway.close();
  }

  async #readRows(
    table: TableName,
    rows: readonly Uint8Array[],
    columns: readonly TColumn[] | undefined,
  ): Promise<(Row | null)[]> {
    const { name, bytes } = this.#named(table);
    const what = { ...(columns && { columns }), storeLimit: PIECE_CELLS };
    const tgets = rows.map((row) => ({ row, ...what }));
    try {
      const results = await this.#gateway.call(getMultiple, { table: bytes, tgets }, name);
      return await Promise.all(results.map(toRow).map((row) => row && this.#wholeRow(table, row, columns)));
    } catch (fault) {
      if (rows.length === 1 || !((fault as Error).cause instanceof ReplyTooLarge)) throw fault;
      const half = Math.ceil(rows.length / 2);
      const first = await this.#readRows(table, rows.slice(0, half), columns);
      return [...first, ...(await this.#readRows(table, rows.slice(half), columns))];
    }
  }

  #wholeRow(table: TableName, row: Row, columns: readonly TColumn[] | undefined): Promise<Row> {
    const { name, bytes } = this.#named(table);
    return wholeRow(row, columns, async (piece) => {
      const [result] = await this.#gateway.call(getMultiple, { table: bytes, tgets: [piece] }, name);
      return result!;
    });
  }

  /** A table's name in HBase, as text for messages and as bytes for calls. */
  #named(table: TableName): { readonly name: string; readonly bytes: Buffer } {
    const name = `${this.#schema.namespace}:${table}`;
    return { name, bytes: Buffer.from(name) };
  }
}

function firstOfEachRow(puts: readonly Put[]): Put[] {
  const named = new Map<string, Put>();
  for (const put of puts) {
    const name = Buffer.from(put.row).toString('latin1');
    if (!named.has(name)) named.set(name, put);
  }
  return [...named.values()];
}

function bytesOfPut({ row, cells }: Put): number {
  let bytes = 0;
  for (const [column, value] of cells) bytes += row.length + column.length + value.length;
  return bytes;
}

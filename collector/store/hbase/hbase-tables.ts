/**
 * The store's port on HBase, through its Thrift2 gateway. Calls are bounded in size, reads are
 * paged.
 */
import type { Columns, Put, Row, Tables } from '../tables.ts';
import { checkAndPutRow } from './check-and-put.ts';
import { chunks } from './chunks.ts';
import { toColumns, toPut, toRow } from './row-mapping.ts';
import { scanRows } from './scan.ts';
import { createSchema } from './schema.ts';
import { type Deadlines, Gateway } from './thrift/gateway.ts';
import { deleteMultiple, getMultiple, getScannerResults, putMultiple, type TColumn } from './thrift/idl.ts';
import { ReplyTooLarge } from './thrift/reply-scanner.ts';

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
  const { host, port, connections = 4, namespace = 'tillstream', regions = 4, random = Math.random } = options;
  const now = options.now ?? (() => performance.now());
  const deadlines = { ...DEADLINES, ...options.deadlines };
  const limits = { maxWaiting: MAX_WAITING, maxReplyBytes: MAX_REPLY_BYTES };
  const gateway = new Gateway({ host, port, connections, deadlines, random, now, ...limits });
  const nameOf = (table: string) => `${namespace}:${table}`;

  async function readRows(
    table: string,
    rows: readonly Uint8Array[],
    columns?: readonly TColumn[],
  ): Promise<(Row | null)[]> {
    const tgets = rows.map((row) => (columns === undefined ? { row } : { row, columns }));
    try {
      const results = await gateway.call(getMultiple, { table: Buffer.from(table), tgets }, table);
      return results.map(toRow);
    } catch (fault) {
      if (rows.length === 1 || !((fault as Error).cause instanceof ReplyTooLarge)) throw fault;
      const half = Math.ceil(rows.length / 2);
      const first = await readRows(table, rows.slice(0, half), columns);
      return [...first, ...(await readRows(table, rows.slice(half), columns))];
    }
  }

  return {
    init: () => createSchema(gateway, { namespace, regions, deadlineMs: deadlines.schemaMs }),

    async put(table, puts) {
      const name = nameOf(table);
      // A put without cells changes nothing, and HBase would refuse it.
      const effective = puts.filter(({ cells }) => cells.size > 0);
      for (const group of chunks(effective, bytesOfPut, MAX_CALL)) {
        await gateway.call(putMultiple, { table: Buffer.from(name), tputs: group.map(toPut) }, name);
      }
    },

    async get(table, rows, columns?: Columns) {
      const tcolumns = columns && toColumns(columns);
      const read: (Row | null)[] = [];
      for (const group of chunks(rows, () => 0, { bytes: 0, items: MAX_GET })) {
        read.push(...(await readRows(nameOf(table), group, tcolumns)));
      }
      return read;
    },

    scan(table, scan) {
      const name = nameOf(table);
      return scanRows(scan, (tscan) =>
        gateway.call(getScannerResults, { table: Buffer.from(name), tscan, numRows: tscan.limit }, name),
      );
    },

    checkAndPut: (table, check, put) => checkAndPutRow(gateway, Buffer.from(nameOf(table)), nameOf(table), check, put),

    async delete(table, rows) {
      const name = nameOf(table);
      for (const group of chunks(rows, (row) => row.length, MAX_CALL)) {
        const tdeletes = group.map((row) => ({ row }));
        await gateway.call(deleteMultiple, { table: Buffer.from(name), tdeletes }, name);
      }
    },

    close: () => gateway.close(),
  };
}

function bytesOfPut({ row, cells }: Put): number {
  let bytes = 0;
  for (const [column, value] of cells) bytes += row.length + column.length + value.length;
  return bytes;
}

/**
 * A scan in pages, each a call of its own that begins after the last key of the previous page. No
 * scanner stays open in the gateway: scanner ids expire and die with the gateway, while a page can
 * be requested again from any gateway.
 */
import type { KeyRange, Row, Scan } from '../tables.ts';
import { filterOf } from './filters.ts';
import { FULL_ROWS, firstPage, KEYS_ONLY, nextPage, type PageSize, smallerPage } from './page-size.ts';
import { toColumns, toRow } from './row-mapping.ts';
import type { TColumn, TResult } from './thrift/idl.ts';
import { ReplyTooLarge } from './thrift/reply-scanner.ts';
import { PIECE_CELLS } from './wide-rows.ts';

export interface PageRequest {
  readonly startRow: Uint8Array;
  readonly stopRow: Uint8Array;
  /** Rows per response of the region server to the gateway: one page. */
  readonly caching: number;
  readonly limit: number;
  readonly columns?: readonly TColumn[];
  readonly filterBytes?: Uint8Array;
  readonly timeRange?: { readonly minStamp: bigint; readonly maxStamp: bigint };
}

/** Exclusive, and above every time. */
const END_OF_TIME = 2n ** 63n - 1n;

/**
 * @param readPage rejects with `ReplyTooLarge` as `cause` when the page is too large to hold
 * @param readWide a row of which the page has the first cells only
 */
export async function* scanRows(
  { start, stop, within, columns, keysOnly = false, limit = Number.POSITIVE_INFINITY, since, rowBytes }: Scan,
  readPage: (page: PageRequest) => Promise<readonly TResult[]>,
  readWide: (row: Uint8Array) => Promise<Row | null>,
): AsyncGenerator<Row> {
  const what = {
    ...(columns && { columns: toColumns(columns) }),
    ...(since !== undefined && { timeRange: { minStamp: BigInt(since), maxStamp: END_OF_TIME } }),
  };
  // A row has few cells but in a family of which all are asked for.
  const mostCells = !keysOnly && columns?.some((column) => typeof column !== 'string') ? PIECE_CELLS : null;
  let size: PageSize = firstPage(keysOnly ? KEYS_ONLY : FULL_ROWS, rowBytes);
  let parts = from(within ?? [{ start, stop }], start);
  let left = limit;
  while (left > 0 && parts.length > 0) {
    const asked = Math.min(size.rows, left);
    const [startRow, stopRow] = [parts[0]!.start, parts.at(-1)!.stop];
    const filterBytes = filterOf(parts, keysOnly, mostCells);
    const page = { startRow, stopRow, caching: asked, limit: asked, ...what, ...(filterBytes && { filterBytes }) };
    let results: readonly TResult[];
    try {
      results = await readPage(page);
    } catch (fault) {
      const smaller = (fault as Error).cause instanceof ReplyTooLarge ? smallerPage(size) : null;
      if (smaller === null) throw fault;
      size = smaller;
      continue;
    }
    let largest = 0;
    let last: Uint8Array | null = null;
    for (const result of results) {
      const row = toRow(result);
      if (row === null) continue;
      largest = Math.max(largest, weigh(row));
      last = row.row;
      left--;
      const whole = row.cells.size === mostCells ? await readWide(row.row) : row;
      if (whole !== null) yield whole;
    }
    if (results.length < asked || last === null) return;
    parts = from(parts, after(last));
    size = nextPage(size, largest);
  }
}

/**
 * What is left of the parts from a key on. In HBase an empty range means one row, and an empty stop
 * the table's end; here both contain nothing.
 */
function from(parts: readonly KeyRange[], key: Uint8Array): KeyRange[] {
  return parts
    .map(({ start, stop }) => ({ start: Buffer.compare(start, key) < 0 ? key : start, stop }))
    .filter(({ start, stop }) => Buffer.compare(start, stop) < 0);
}

/** The smallest key greater than this one. */
function after(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/**
 * Approximate size of a cell in a reply without its value: field heads, family, qualifier, time.
 */
const CELL_BYTES = 60;

function weigh(row: Row): number {
  let bytes = row.row.length;
  for (const value of row.cells.values()) bytes += value.length + CELL_BYTES;
  return bytes;
}

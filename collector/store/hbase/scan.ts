/**
 * A scan in pages, each a call of its own that begins after the last key of the previous page. No
 * scanner stays open in the gateway: scanner ids expire and die with the gateway, while a page can
 * be requested again from any gateway.
 */
import type { Row, Scan } from '../tables.ts';
import { FULL_ROWS, KEYS_ONLY, nextPage, type PageSize, smallerPage } from './page-size.ts';
import { toColumns, toRow } from './row-mapping.ts';
import type { TColumn, TResult } from './thrift/idl.ts';
import { ReplyTooLarge } from './thrift/reply-scanner.ts';

export interface PageRequest {
  readonly startRow: Uint8Array;
  readonly stopRow: Uint8Array;
  /** Rows per response of the region server to the gateway: one page. */
  readonly caching: number;
  readonly limit: number;
  readonly columns?: readonly TColumn[];
  readonly filterString?: Uint8Array;
  readonly timeRange?: { readonly minStamp: bigint; readonly maxStamp: bigint };
}

/** Exclusive, and above every time. */
const END_OF_TIME = 2n ** 63n - 1n;
const KEY_ONLY_FILTER = Buffer.from('KeyOnlyFilter()');

/** @param readPage rejects with `ReplyTooLarge` as `cause` when the page is too large to hold */
export async function* scanRows(
  { start, stop, columns, keysOnly = false, limit = Number.POSITIVE_INFINITY, since }: Scan,
  readPage: (page: PageRequest) => Promise<readonly TResult[]>,
): AsyncGenerator<Row> {
  const what = {
    ...(columns && { columns: toColumns(columns) }),
    ...(keysOnly && { filterString: KEY_ONLY_FILTER }),
    ...(since !== undefined && { timeRange: { minStamp: BigInt(since), maxStamp: END_OF_TIME } }),
  };
  let size: PageSize = keysOnly ? KEYS_ONLY : FULL_ROWS;
  let from = start;
  let left = limit;
  // In HBase an empty range means one row, and an empty stop the table's end; here both contain
  // nothing.
  while (left > 0 && Buffer.compare(from, stop) < 0) {
    const asked = Math.min(size.rows, left);
    const page = { startRow: from, stopRow: stop, caching: asked, limit: asked, ...what };
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
    for (const result of results) {
      const row = toRow(result);
      if (row === null) continue;
      largest = Math.max(largest, weigh(row));
      from = after(row.row);
      left--;
      yield row;
    }
    if (results.length < asked) return;
    size = nextPage(size, largest);
  }
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

/** Maps the port's rows and columns to HBase's Thrift2 structs, and back. */
import type { Column, Columns, Put, Row } from '../tables.ts';
import { DURABILITY, type TColumn, type TPut, type TResult } from './thrift/idl.ts';

export function splitColumn(column: Column): { readonly family: Buffer; readonly qualifier: Buffer } {
  const colon = column.indexOf(':');
  return { family: Buffer.from(column.slice(0, colon)), qualifier: Buffer.from(column.slice(colon + 1)) };
}

/**
 * FSYNC_WAL on each put, because it alone guarantees the disk whatever the site file says: HBase
 * 2.6 ignores `hbase.wal.hsync` for an explicit SYNC_WAL (`HRegion.sync` passes "no fsync"), and
 * reads it only where neither put nor table names a durability. It costs one fsync for everything
 * that waits in the region server's WAL at that moment.
 */
export function toPut({ row, cells, time }: Put): TPut {
  const columnValues = Array.from(cells, ([column, value]) => ({ ...splitColumn(column), value }));
  const put = { row, columnValues, durability: DURABILITY.fsyncWal };
  return time === undefined ? put : { ...put, timestamp: BigInt(time) };
}

/** HBase narrows a family to the names requested beside it; here the family includes them. */
export function toColumns(columns: Columns): TColumn[] {
  const whole = new Set(columns.flatMap((column) => (typeof column === 'string' ? [] : [column.family as string])));
  const families = Array.from(whole, (family) => ({ family: Buffer.from(family) }));
  const names = columns.filter((column) => typeof column === 'string').map(splitColumn);
  return [...families, ...names.filter(({ family }) => !whole.has(family.toString()))];
}

/** Null for a row without (requested) cells. The row's bytes are views of the reply's. */
export function toRow({ row, columnValues }: TResult): Row | null {
  if (row === undefined || columnValues === undefined || columnValues.length === 0) return null;
  const cells = new Map<Column, Uint8Array>();
  let time = 0;
  for (const { family, qualifier, value, timestamp } of columnValues) {
    if (family === undefined || qualifier === undefined || timestamp === undefined) continue;
    cells.set(`${text(family)}:${text(qualifier)}` as Column, value ?? NO_BYTES);
    time = Math.max(time, Number(timestamp));
  }
  return { row, cells, time };
}

const NO_BYTES = new Uint8Array(0);

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
}

/**
 * Rows in one piece of memory, which moves from one thread to the other without a copy.
 *
 *     u32 rows, then each: u32 bytes of the key (2^32 - 1: no row), key, f64 time (NaN: none),
 *     u32 cells, then each: u32 index of its column, u32 bytes of the value, value
 *
 * Numbers are little-endian. The layout is never stored.
 */
import { Buffer } from 'node:buffer';
import type { Column, Put } from '../tables.ts';

export interface PackedRows {
  /** The columns that occur, each once. */
  readonly columns: readonly Column[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const NO_ROW = 2 ** 32 - 1;
const NO_CELLS: ReadonlyMap<Column, Uint8Array> = new Map();
const [LENGTH, TIME] = [4, 8];

export const packKeys = (keys: readonly Uint8Array[]): PackedRows =>
  packRows(keys.map((row) => ({ row, cells: NO_CELLS })));

export function packRows(rows: readonly (Put | null)[]): PackedRows {
  const bytes = new Uint8Array(sizeOf(rows));
  const view = new DataView(bytes.buffer);
  const columns = new Map<Column, number>();
  let at = 0;
  const number = (value: number): void => {
    view.setUint32(at, value, true);
    at += LENGTH;
  };
  const piece = (value: Uint8Array): void => {
    bytes.set(value, at);
    at += value.length;
  };
  number(rows.length);
  for (const put of rows) {
    number(put?.row.length ?? NO_ROW);
    if (put === null) continue;
    piece(put.row);
    view.setFloat64(at, put.time ?? Number.NaN, true);
    at += TIME;
    number(put.cells.size);
    for (const [column, value] of put.cells) {
      const index = columns.get(column) ?? columns.size;
      if (index === columns.size) columns.set(column, index);
      number(index);
      number(value.length);
      piece(value);
    }
  }
  return { columns: [...columns.keys()], bytes };
}

/** Its keys and values are parts of the one piece of memory. */
export function unpackRows({ columns, bytes }: PackedRows): (Put | null)[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let at = 0;
  const number = (): number => {
    at += LENGTH;
    return view.getUint32(at - LENGTH, true);
  };
  const piece = (length: number): Uint8Array => {
    at += length;
    return Buffer.from(bytes.buffer, bytes.byteOffset + at - length, length);
  };
  return Array.from({ length: number() }, () => {
    const keyBytes = number();
    if (keyBytes === NO_ROW) return null;
    const row = piece(keyBytes);
    const time = view.getFloat64(at, true);
    at += TIME;
    const cells = new Map<Column, Uint8Array>();
    for (let left = number(); left > 0; left--) cells.set(columns[number()]!, piece(number()));
    return Number.isNaN(time) ? { row, cells } : { row, cells, time };
  });
}

/** @throws TypeError for a value that is not bytes */
function sizeOf(rows: readonly (Put | null)[]): number {
  let size = LENGTH;
  for (const put of rows) {
    size += LENGTH;
    if (put === null) continue;
    size += put.row.length + TIME + LENGTH;
    for (const [column, value] of put.cells) {
      if (!(value instanceof Uint8Array)) throw new TypeError(`the value of ${column} is not bytes`);
      size += 2 * LENGTH + value.length;
    }
  }
  return size;
}

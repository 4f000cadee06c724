/**
 * Finds the rows of a table page: by its cell pointers, as a b-tree leaf lists them
 * (https://www.sqlite.org/fileformat2.html#b_tree_pages), or anywhere in a page that is damaged.
 */
import type { Buffer } from 'node:buffer';
import { readHeader, readVarint } from './record.ts';

/** The page size of all buffers, without reserved bytes. */
export const PAGE_BYTES = 4096;
/** The largest number of columns of a buffer's table. */
export const MAX_COLUMNS = 10;

const TABLE_LEAF = 0x0d;
const FILE_HEADER_BYTES = 100;
const LEAF_HEADER_BYTES = 8;
/** Larger than any event's row: a cell that claims more is no row. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;
/** The local part of a payload that goes on in overflow pages has MIN_LOCAL to MAX_LOCAL bytes. */
const MAX_LOCAL = PAGE_BYTES - 35;
const MIN_LOCAL = Math.floor(((PAGE_BYTES - 12) * 32) / 255) - 23;

/** The place of a payload. */
export interface Cell {
  /** Offset within the page. */
  readonly start: number;
  readonly localBytes: number;
  readonly payloadBytes: number;
  /** Number of its first overflow page; 0 when there is none. */
  readonly overflow: number;
}

/** Null when a payload of this length does not fit at this place. */
function cellAt(page: Buffer, start: number, payloadBytes: number): Cell | null {
  if (payloadBytes > MAX_PAYLOAD_BYTES) return null;
  if (payloadBytes <= MAX_LOCAL) {
    return start + payloadBytes <= PAGE_BYTES ? { start, localBytes: payloadBytes, payloadBytes, overflow: 0 } : null;
  }
  const most = MIN_LOCAL + ((payloadBytes - MIN_LOCAL) % (PAGE_BYTES - 4));
  const localBytes = most <= MAX_LOCAL ? most : MIN_LOCAL;
  if (start + localBytes + 4 > PAGE_BYTES) return null;
  return { start, localBytes, payloadBytes, overflow: page.readUInt32BE(start + localBytes) };
}

/**
 * The cells that a table leaf points to; none for a page of another kind.
 *
 * @param first whether it is the file's first page, which starts with the file's header
 */
export function leafCells(page: Buffer, first: boolean): Cell[] {
  const at = first ? FILE_HEADER_BYTES : 0;
  if (page[at] !== TABLE_LEAF) return [];
  const pointers = at + LEAF_HEADER_BYTES;
  const count = page.readUInt16BE(at + 3);
  const cells: Cell[] = [];
  for (let index = 0; index < count && pointers + 2 * index + 2 <= PAGE_BYTES; index++) {
    const offset = page.readUInt16BE(pointers + 2 * index);
    const payload = readVarint(page, offset);
    const rowid = payload === null ? null : readVarint(page, offset + payload.length);
    if (payload === null || rowid === null) continue;
    const cell = cellAt(page, offset + payload.length + rowid.length, payload.value);
    if (cell !== null) cells.push(cell);
  }
  return cells;
}

/** Serial types at the start of our records: the key, a NULL, and the epoch, 16 characters. */
const KEY_AND_EPOCH = Uint8Array.of(0x00, 0x2d);

/**
 * Everything in a page that looks like a row of `events` or `losses`, wherever it lies: rows that
 * the page no longer lists. The caller has to check their checksums.
 */
export function strayCells(page: Buffer): Cell[] {
  const cells: Cell[] = [];
  for (let at = page.indexOf(KEY_AND_EPOCH, 1); at > 0; at = page.indexOf(KEY_AND_EPOCH, at + 1)) {
    const header = readHeader(page, at - 1, MAX_COLUMNS);
    if (header === null || header.serials.length < MAX_COLUMNS - 1) continue;
    const cell = cellAt(page, at - 1, header.payloadBytes);
    if (cell !== null) cells.push(cell);
  }
  return cells;
}

/**
 * Pages of a table's rows: the b-tree leaf of https://www.sqlite.org/fileformat2.html#b_tree_pages, and records met anywhere in a page whose
 * own account of itself cannot be trusted.
 */
import type { Buffer } from 'node:buffer';
import { readHeader, readVarint } from './record.ts';

/** The only page size that buffers have, without reserved bytes. */
export const PAGE_BYTES = 4096;
/** The most columns that one of our tables has. */
export const MAX_COLUMNS = 10;

const TABLE_LEAF = 0x0d;
const FILE_HEADER_BYTES = 100;
const LEAF_HEADER_BYTES = 8;
/** Larger than any event with its row: what claims to be longer is none. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;
/** Above this a payload goes on in overflow pages, and what stays lies between the least and this. */
const MAX_LOCAL = PAGE_BYTES - 35;
/** A cell leaves room for a free block. */
const MIN_CELL_BYTES = 4;
const MIN_LOCAL = Math.floor(((PAGE_BYTES - 12) * 32) / 255) - 23;

/** Where a payload lies. */
export interface Cell {
  /** Within the page. */
  readonly start: number;
  readonly localBytes: number;
  readonly payloadBytes: number;
  /** Number of the page where it goes on; 0 when all of it is here. */
  readonly overflow: number;
}

/** Null when so long a payload does not fit in where it is said to lie. */
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

export interface Leaf {
  readonly cells: readonly Cell[];
  /** Whether it is a page of rows whose parts add up to a page. If not, there may be rows that nothing points to. */
  readonly sound: boolean;
}

/** Bytes of the free blocks that a page chains up; null when the chain is none. */
function freeBlockBytes(page: Buffer, first: number, content: number): number | null {
  let bytes = 0;
  for (let at = first, last = content; at !== 0; ) {
    if (at < last || at + 4 > PAGE_BYTES) return null;
    const size = page.readUInt16BE(at + 2);
    bytes += size;
    last = at + Math.max(4, size);
    at = page.readUInt16BE(at);
  }
  return bytes;
}

/**
 * The cells that a page of rows points to; none for a page of another kind.
 *
 * @param first whether it is the file's first page, which starts with the file's header
 */
export function leafCells(page: Buffer, first: boolean): Leaf {
  const at = first ? FILE_HEADER_BYTES : 0;
  if (page[at] !== TABLE_LEAF) return { cells: [], sound: false };
  const pointers = at + LEAF_HEADER_BYTES;
  const count = page.readUInt16BE(at + 3);
  const content = page.readUInt16BE(at + 5);
  const free = freeBlockBytes(page, page.readUInt16BE(at + 1), content);
  if (pointers + 2 * count > Math.min(content, PAGE_BYTES)) return { cells: [], sound: false };
  const cells: Cell[] = [];
  let bytes = content + (free ?? 0) + page[at + 7]!;
  for (let index = 0; index < count; index++) {
    const offset = page.readUInt16BE(pointers + 2 * index);
    const payload = offset < content ? null : readVarint(page, offset);
    const rowid = payload === null ? null : readVarint(page, offset + payload.length);
    if (payload === null || rowid === null) continue;
    const start = offset + payload.length + rowid.length;
    const cell = cellAt(page, start, payload.value);
    if (cell === null) continue;
    cells.push(cell);
    bytes += Math.max(MIN_CELL_BYTES, start - offset + cell.localBytes + (cell.overflow === 0 ? 0 : 4));
  }
  return { cells, sound: free !== null && bytes === PAGE_BYTES };
}

/** A record of ours starts with the row's key, which is a NULL, and then an epoch, which is a text of 16 characters. */
const KEY_AND_EPOCH = Uint8Array.of(0x00, 0x2d);

/**
 * Whatever in a page looks like a row of events or of losses, wherever it lies: rows whose page lost its account of them. The caller has to
 * check their sums.
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

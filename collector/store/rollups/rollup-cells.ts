/** The cells of a published row, and which of them are read. */
import { Buffer } from 'node:buffer';
import type { TerminalId } from '../../../shared/ids.ts';
import { parseRollupKey } from '../../../shared/keys.ts';
import { pack, unpack } from '../../../shared/wire/message-pack.ts';
import { chunks } from '../chunks.ts';
import type { Column, Columns, Row } from '../tables.ts';
import { type Cells, type Rollup, type RollupMeta, UNREADABLE_META } from './rollup.ts';

export const REVISION: Column = 'm:revision';
export const META: Column = 'm:meta';
const PART = 'p:';

/** Bytes of partial aggregates in a call; of more there are several calls. */
const PIECE = { bytes: 1024 * 1024, items: Number.POSITIVE_INFINITY };

/** Partial aggregates in pieces of one call each; at least one piece. */
export function piecesOf(parts: Rollup['parts']): Rollup['parts'][] {
  const pieces = [...chunks([...parts], ([terminal, cell]) => terminal.length + cell.length, PIECE)];
  return pieces.length === 0 ? [parts] : pieces.map((piece) => new Map(piece));
}

export const partCells = (parts: Rollup['parts']): Map<Column, Uint8Array> =>
  new Map([...parts].map(([terminal, bytes]) => [`${PART}${terminal}`, bytes]));

/** A row's cells. */
export function cellsOf({
  revision,
  meta,
  parts,
  views,
}: Pick<Rollup, 'revision' | 'meta' | 'parts' | 'views'>): Map<Column, Uint8Array> {
  const cells = new Map<Column, Uint8Array>([
    [REVISION, revisionBytes(revision)],
    [META, pack(meta)],
    ...partCells(parts),
  ]);
  for (const [name, bytes] of views) cells.set(`v:${name}`, bytes);
  return cells;
}

export function revisionBytes(revision: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(revision);
  return bytes;
}

const partsOf = ({ terminals }: { readonly terminals?: readonly TerminalId[] }): Columns =>
  terminals?.map((terminal): Column => `${PART}${terminal}`) ?? [{ family: 'p' }];

export function columnsOf(cells: Cells): Columns {
  switch (cells.kind) {
    case 'meta':
      return [REVISION, META];
    case 'view':
      return [REVISION, META, `v:${cells.name}`];
    case 'parts':
      return [REVISION, META, ...partsOf(cells)];
    case 'all':
      return [REVISION, META, { family: 'v' }, ...partsOf(cells)];
  }
}

/** Terminals of which there is a partial aggregate. */
export const terminalsOf = (cells: Row['cells']): TerminalId[] =>
  [...cells.keys()]
    .filter((column) => column.startsWith(PART))
    .map((column) => column.slice(PART.length) as TerminalId);

/** The row of a rollup key with these cells; null when it was never published as a whole. */
export function rollup(rowKey: Uint8Array, cells: Row['cells']): Rollup | null {
  const revision = cells.get(REVISION);
  if (revision === undefined) return null;
  const parts = new Map<TerminalId, Uint8Array>();
  const views = new Map<string, Uint8Array>();
  for (const [column, bytes] of cells) {
    if (column.startsWith(PART)) parts.set(column.slice(PART.length) as TerminalId, bytes);
    else if (column.startsWith('v:')) views.set(column.slice(2), bytes);
  }
  return {
    ...parseRollupKey(rowKey),
    revision: Buffer.from(revision).readUInt32BE(0),
    meta: metaOf(cells.get(META)),
    parts,
    views,
  };
}

const DIGEST = /^[0-9a-f]{16}$/;

function metaOf(cell: Uint8Array | undefined): RollupMeta {
  try {
    const meta = unpack(cell!) as Partial<RollupMeta> | null;
    const { readAt, publishedAt, rows, digest, events, conflicts, lost, allReadAt } = meta ?? {};
    const numbers = [readAt, publishedAt, rows, events, conflicts, lost, allReadAt];
    return DIGEST.test(digest ?? '') && numbers.every(Number.isFinite) ? (meta as RollupMeta) : UNREADABLE_META;
  } catch {
    return UNREADABLE_META;
  }
}

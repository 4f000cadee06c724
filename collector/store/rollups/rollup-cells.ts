/** The cells of a published row, and which of them are read. */
import { Buffer } from 'node:buffer';
import type { TerminalId } from '../../../shared/ids.ts';
import { parseRollupKey } from '../../../shared/keys.ts';
import { chunks } from '../chunks.ts';
import type { Column, Columns, Row } from '../tables.ts';
import { packMeta, readMeta } from './meta-cell.ts';
import { type Cells, type PublishedCells, type Rollup, UNREADABLE_META } from './rollup.ts';
import { partCell, partOf, SOLE, viewsOf } from './sole-cells.ts';

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

export const partCells = (parts: Rollup['parts'], sole?: Uint8Array): Map<Column, Uint8Array> =>
  new Map([...parts].map(([terminal, bytes]) => [`${PART}${terminal}`, partCell(bytes, sole)]));

/** A row's cells. */
export function cellsOf({ revision, meta, parts, views, sole }: PublishedCells & Pick<Rollup, 'revision'>) {
  const cells = new Map<Column, Uint8Array>([
    [REVISION, revisionBytes(revision)],
    [META, packMeta(meta, sole !== undefined)],
    ...partCells(parts, sole),
  ]);
  if (sole !== undefined) cells.set(SOLE, sole);
  else for (const [name, bytes] of views) cells.set(`v:${name}`, bytes);
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
      return [REVISION, META, SOLE, `v:${cells.name}`];
    case 'parts':
      return [REVISION, META, SOLE, ...partsOf(cells)];
    case 'all':
      return [REVISION, META, SOLE, { family: 'v' }, ...partsOf(cells)];
  }
}

/** Terminals of which there is a partial aggregate. */
export const terminalsOf = (cells: Row['cells']): TerminalId[] =>
  [...cells.keys()]
    .filter((column) => column.startsWith(PART))
    .map((column) => column.slice(PART.length) as TerminalId);

/**
 * The row of a rollup key with these cells, which were `wanted`; null when it was never published
 * as a whole.
 */
export function rollup(rowKey: Uint8Array, cells: Row['cells'], wanted: Cells): Rollup | null {
  const revision = cells.get(REVISION);
  if (revision === undefined) return null;
  const parts = new Map<TerminalId, Uint8Array>();
  const stored = new Map<string, Uint8Array>();
  const sole = cells.get(SOLE);
  for (const [column, bytes] of cells) {
    if (column.startsWith(PART)) parts.set(column.slice(PART.length) as TerminalId, partOf(bytes, sole));
    else if (column.startsWith('v:')) stored.set(column.slice(2), bytes);
  }
  const { meta, isSole } = readMeta(cells.get(META)) ?? { meta: UNREADABLE_META, isSole: false };
  const row = { ...parseRollupKey(rowKey), revision: Buffer.from(revision).readUInt32BE(0), meta, parts };
  if (!isSole) return { ...row, views: stored };
  const areViewsWanted = wanted.kind === 'view' || wanted.kind === 'all';
  const views = areViewsWanted ? viewsOf(sole, wanted.kind === 'view' ? wanted.name : null) : new Map();
  return { ...row, views, ...(sole !== undefined && { sole }) };
}

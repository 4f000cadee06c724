/**
 * Rows with more cells than a reply should have, such as an hour of a merchant with thousands of
 * tills: they are read in pieces, so that neither this process nor the gateway holds one reply with
 * all of it.
 */
import type { Column, Row } from '../tables.ts';
import { toRow } from './row-mapping.ts';
import type { TColumn, TResult } from './thrift/idl.ts';

/** Cells of a family that one reply has of a row: of a till's usual hour some hundred KiB. */
export const PIECE_CELLS = 500;

export interface Piece {
  readonly row: Uint8Array;
  readonly columns: readonly TColumn[];
  /** Cells of each family. */
  readonly storeLimit: number;
  readonly storeOffset: number;
}

/**
 * Completes a row of which at most `PIECE_CELLS` of each family were read. What is put meanwhile
 * may be in it or not, cell by cell.
 *
 * @param columns that were asked for; left out: all
 */
export async function wholeRow(
  row: Row,
  columns: readonly TColumn[] | undefined,
  readPiece: (piece: Piece) => Promise<TResult>,
): Promise<Row> {
  const pieces: Row[] = [row];
  for (const [family, count] of cellsByFamily(row)) {
    const asked = columns?.filter((column) => column.family!.toString() === family);
    for (let [offset, last] = [count, count]; last >= PIECE_CELLS; offset += last) {
      const piece = {
        row: row.row,
        columns: asked ?? [{ family: Buffer.from(family) }],
        storeLimit: PIECE_CELLS,
        storeOffset: offset,
      };
      const more = toRow(await readPiece(piece));
      last = more?.cells.size ?? 0;
      if (more !== null) pieces.push(more);
    }
  }
  if (pieces.length === 1) return row;
  const cells = pieces.flatMap((piece) => [...piece.cells]).sort(([a], [b]) => (a < b ? -1 : 1));
  return { row: row.row, cells: new Map(cells), time: Math.max(...pieces.map(({ time }) => time)) };
}

function cellsByFamily({ cells }: Row): Map<string, number> {
  const counts = new Map<string, number>();
  for (const column of cells.keys()) {
    const family = familyOf(column);
    counts.set(family, (counts.get(family) ?? 0) + 1);
  }
  return counts;
}

const familyOf = (column: Column): string => column.slice(0, column.indexOf(':'));

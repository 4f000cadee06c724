/**
 * The cells of an hour's row with a sole partial: that of the only terminal, in a column that the
 * readers of every view read, and no views. The terminal's own column says that it is there.
 *
 * `m:sole` counts for the views where the meta says so, and for a terminal where its column says
 * so. Revisions before or after may have views and partials of their own: an `m:sole` that nothing
 * names is of another revision.
 */
import { Buffer } from 'node:buffer';
import { unpackSmallCell } from '../../aggregation/message-pack/unpack-cell.ts';
import { soleViews } from '../../aggregation/views/sole-views.ts';
import type { Column } from '../tables.ts';

/** Not in the family of the views: a collector of before would take it for one. */
export const SOLE: Column = 'm:sole';

/** Cannot be read. */
const MISSING = Buffer.alloc(0);
/** Nil in MessagePack; it is no cell. */
const ELSEWHERE = Buffer.of(0xc0);

/** What a terminal's column holds. */
export const partCell = (cell: Uint8Array, sole: Uint8Array | undefined): Uint8Array =>
  sole !== undefined && Buffer.compare(cell, sole) === 0 ? ELSEWHERE : cell;

/** A terminal's partial, of what its column and `m:sole` hold. */
export const partOf = (cell: Uint8Array, sole: Uint8Array | undefined): Uint8Array =>
  sole !== undefined && Buffer.compare(cell, ELSEWHERE) === 0 ? sole : cell;

/**
 * Views of a row, as contents that are not packed; `unpackCell` takes them. Of a cell that is
 * missing or cannot be read there is a view that cannot be read.
 *
 * @param only that view; null: all
 */
export function viewsOf(sole: Uint8Array | undefined, only: string | null): Map<string, Uint8Array> {
  try {
    return soleViews(unpackSmallCell(sole ?? MISSING), only);
  } catch {
    return new Map([[only ?? 'total', sole ?? MISSING]]);
  }
}

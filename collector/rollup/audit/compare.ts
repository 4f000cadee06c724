/**
 * Compares published rows with what they were made of: an hour's with the keys of the raw log, a
 * day's with its hours'. By number and digest, which add up over terminals and hours.
 */
import type { Slices } from '../../../shared/cooperative.ts';
import { SLOTS_PER_DAY, SLOTS_PER_HOUR } from '../../../shared/time.ts';
import { readArticles, readFigures, readPartial } from '../../aggregation/cell-entries.ts';
import { addDigest, type Digest, digestText, NO_DIGEST, parseDigest } from '../../aggregation/hashes/row-set-digest.ts';
import { unpackCell } from '../../aggregation/message-pack/unpack-cell.ts';
import { emptyTally, mergeTally } from '../../aggregation/partial.ts';
import { ARTICLES_VIEW } from '../../aggregation/views/views.ts';
import { PARTS, type Rollup, readAfterEnd, UNREADABLE_META } from '../../store/rollups/rollup.ts';
import type { RawHour } from './raw-keys.ts';

/** A set of raw rows. */
export interface RowSet {
  readonly rows: number;
  readonly digest: Digest;
}

type Meta = Pick<Rollup, 'meta'>;

export const isMadeOf = ({ meta }: Meta, { rows, digest }: RowSet): boolean =>
  meta.rows === rows && parseDigest(meta.digest) === digest;

/** The rows that the hours of a day were made of. */
export function sumOf(hours: readonly Meta[]): RowSet {
  let rows = 0;
  let digest = NO_DIGEST;
  for (const { meta } of hours) {
    rows += meta.rows;
    digest = addDigest(digest, parseDigest(meta.digest));
  }
  return { rows, digest };
}

/**
 * What is wrong with a row: it is missing, or older than what it covers (`stale`); raw rows that it
 * counted are gone; a cell cannot be read, or the cells do not add up (`damaged`).
 */
export const FAULTS = ['missing', 'stale', 'raw-rows-gone', 'damaged'] as const;
export type Fault = (typeof FAULTS)[number];

export function hourFault(row: Rollup | null, raw: RawHour | null): Fault | null {
  if (row === null) return raw === null ? null : 'missing';
  if (row.meta === UNREADABLE_META) return 'damaged';
  if (raw === null) return 'raw-rows-gone';
  if (!readAfterEnd(row)) return 'missing';
  if (isMadeOf(row, raw)) return null;
  return raw.rows < row.meta.rows ? 'raw-rows-gone' : 'stale';
}

/** @param hours its hours' rows */
export function dayFault(row: Rollup | null, hours: RowSet): Fault | null {
  if (row === null) return hours.rows === 0 ? null : 'missing';
  if (row.meta === UNREADABLE_META) return 'damaged';
  return isMadeOf(row, hours) ? null : 'stale';
}

/** @returns whether each cell can be read, and the partials add up to the meta */
export async function areCellsWhole({ level, time, meta, parts, views }: Rollup, slices: Slices): Promise<boolean> {
  const base = time * (level === 'hour' ? SLOTS_PER_HOUR : SLOTS_PER_DAY);
  const tally = emptyTally();
  const omitted = meta.omitted ?? [];
  try {
    for (const cell of parts.values())
      mergeTally(tally, (await slices.run(readPartial(await unpackCell(cell), base))).tally);
    for (const [name, cell] of views) {
      if (omitted.includes(name)) continue;
      const content = await unpackCell(cell);
      if (name === ARTICLES_VIEW) await slices.run(readArticles(content, base));
      else await slices.run(readFigures(content, 'view', base));
    }
  } catch {
    return false;
  }
  if (omitted.includes(PARTS)) return true;
  const { rows, events, conflicts, lost, digest } = tally;
  return (
    meta.rows === rows &&
    meta.digest === digestText(digest) &&
    meta.events === events &&
    meta.conflicts === conflicts &&
    meta.lost === lost
  );
}

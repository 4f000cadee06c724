/**
 * The row of an hour after some of its terminals sold more: what is new is added to its views. Of a
 * giant merchant's hour that reads one terminal's partial aggregate in place of thousands. It says
 * what a merge of all says; the groups of a view may stand in another order.
 */
import { SLOTS_PER_HOUR } from '../../shared/time.ts';
import { readPartial } from '../aggregation/cell-entries.ts';
import { addDigest, digestText, parseDigest } from '../aggregation/hashes/row-set-digest.ts';
import { unpackCell } from '../aggregation/message-pack/unpack-cell.ts';
import { earlier, emptyTally, mergeTally, type Tally } from '../aggregation/partial.ts';
import { type Growth, grownViews, growthOf, isNothing } from '../aggregation/views/growth.ts';
import type { Rollup } from '../store/rollups/rollup.ts';
import { type Parts, type RowContent, type Run, readCell, UnreadableCell } from './run.ts';

/** More at once are merged with the others. */
export const MAX_GROWN = 16;

/**
 * @param current with all views, and the partial aggregates of the terminals in `fresh`
 * @returns null when all terminals are to be merged: something shrank, was folded or cannot be
 *   read, or nothing is new
 */
export async function grownHour(run: Run, current: Rollup, fresh: Parts): Promise<RowContent | null> {
  const { meta } = current;
  if (meta.overflow > 0 || (meta.omitted?.length ?? 0) > 0 || fresh.size > MAX_GROWN) return null;
  try {
    return await grown(run, current, fresh);
  } catch (error) {
    if (error instanceof UnreadableCell) return null;
    throw error;
  }
}

async function grown(run: Run, { meta, parts, views }: Rollup, fresh: Parts): Promise<RowContent | null> {
  const { due, logic, slices, attempt } = run;
  const base = due.time * SLOTS_PER_HOUR;
  const growths: Growth[] = [];
  const tally: Tally = { ...emptyTally(), ...sums(meta), digest: parseDigest(meta.digest) };
  for (const [terminal, cell] of fresh) {
    const now = await readCell(run, due.time, cell, (content) => readPartial(content, base));
    const old = parts.get(terminal);
    const before =
      old === undefined ? null : await readCell(run, due.time, old, (content) => readPartial(content, base));
    const growth = await slices.run(growthOf(before, now));
    if (growth === null) return null;
    if (!isNothing(growth)) growths.push(growth);
    if (before !== null) takeFrom(tally, before.tally);
    mergeTally(tally, now.tally);
  }
  // Nothing is new, so the run is to repair something.
  if (growths.length === 0) return null;
  const contents = new Map<string, Uint8Array>();
  let bytes = 0;
  for (const [name, cell] of views) {
    const content = await unpacked(due.time, cell);
    contents.set(name, content);
    bytes += content.length;
  }
  await attempt.spend(bytes);
  const encoded = await readAll(due.time, () => slices.run(grownViews(contents, growths, logic, base)));
  if (encoded === null) return null;
  return { meta: { ...tally, digest: digestText(tally.digest), overflow: 0 }, parts: fresh, views: encoded.cells };
}

const sums = ({ rows, events, conflicts, lost, earliestArrival }: Rollup['meta']) => ({
  ...{ rows, events, conflicts, lost, earliestArrival },
});

/** The earliest arrival stays: what was folded is folded still. */
function takeFrom(tally: Tally, of: Tally): void {
  tally.rows -= of.rows;
  tally.events -= of.events;
  tally.conflicts -= of.conflicts;
  tally.lost -= of.lost;
  tally.digest = addDigest(tally.digest, -of.digest);
  tally.earliestArrival = earlier(tally.earliestArrival, of.earliestArrival);
}

const unpacked = (hour: number, cell: Uint8Array): Promise<Uint8Array> => readAll(hour, async () => unpackCell(cell));

/** @throws UnreadableCell */
async function readAll<T>(hour: number, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new UnreadableCell(hour, error);
  }
}

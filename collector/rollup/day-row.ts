/**
 * A day's row: the rows of its hours side by side. Nothing is folded that was not folded in its
 * hour, so a day says what its hours say; what takes too much is left out, and answered from them.
 */
import { SLOTS_PER_DAY, SLOTS_PER_HOUR } from '../../shared/time.ts';
import { digestText, parseDigest } from '../aggregation/hashes/row-set-digest.ts';
import { emptyTally, mergeTally } from '../aggregation/partial.ts';
import { DayViews } from '../aggregation/views/views.ts';
import { PARTS, type Rollup } from '../store/rollups/rollup.ts';
import { DayParts, TERMINALS_AT_ONCE } from './day-parts.ts';
import { type RowContent, type Run, readCell, type Terminals, UnreadableCell } from './run.ts';

/** @returns false when those of a closed hour cannot be read: the day has them as they were */
async function addViews(run: Run, row: Rollup, views: DayViews, current: Rollup | null): Promise<boolean> {
  const { stores, repaired, now } = run;
  try {
    for (const [name, cell] of row.views)
      await readCell(run, row.time, cell, (content) => views.add(name, content, row.time * SLOTS_PER_HOUR));
    return true;
  } catch (error) {
    // Computed anew, it is as it was: its raw rows have expired.
    const isLost = error instanceof UnreadableCell && repaired.has(row.time) && stores.sealed.isClosed(row, now());
    if (!isLost || current === null) throw error;
    return false;
  }
}

/**
 * @param current the row as it is published
 * @param terminals whose partial aggregates are made
 * @param isWhole whether what is published is complete
 * @returns null when there is nothing to publish
 * @throws UnreadableCell
 */
export async function dayRow(
  run: Run,
  current: Rollup | null,
  terminals: Terminals,
  isWhole: boolean,
): Promise<RowContent | null> {
  const { due, logic, stores, attempt, slices } = run;
  const days = new DayParts(run, current);
  const views = new DayViews(logic);
  const tally = emptyTally();
  /** No hour has more terminals than raw rows. */
  let mostRows = 0;
  // Of a few terminals the hours' rows are read once; of thousands their partial aggregates follow.
  const first = [...(terminals ?? [])].slice(0, TERMINALS_AT_ONCE);
  const from = due.time * 24;
  const cells = { kind: 'all', terminals: first } as const;
  for await (const row of stores.rollups.scan(due.merchant, 'hour', logic.version, from, from + 24, cells)) {
    const before = views.bytes;
    days.collect(row);
    if (!(await addViews(run, row, views, current))) return null;
    for (const name of row.meta.omitted ?? []) views.omit(name);
    mergeTally(tally, { ...row.meta, digest: parseDigest(row.meta.digest) });
    mostRows = Math.max(mostRows, row.meta.rows);
    await attempt.spend(Math.max(0, views.bytes - before));
  }
  await days.make();
  const others =
    terminals === null
      ? await stores.rollups.terminals(due.merchant, 'hour', logic.version, from, from + 24, mostRows)
      : [...terminals].slice(TERMINALS_AT_ONCE);
  await days.read(others);
  if (days.isEmpty && (isWhole || current === null)) return null;
  const { cells: encoded, omitted, overflow } = await slices.run(views.encode(due.time * SLOTS_PER_DAY));
  // Of other terminals, one may have been left out before.
  const wasLeftOut = terminals !== null && (current?.meta.omitted?.includes(PARTS) ?? false);
  if (days.isLeftOut || wasLeftOut) omitted.push(PARTS);
  const { rows, events, conflicts, lost, earliestArrival, digest } = tally;
  const meta = { ...{ rows, digest: digestText(digest), earliestArrival, events, conflicts, lost }, overflow };
  return {
    meta: { ...meta, ...(omitted.length > 0 && { omitted }) },
    parts: days.cells,
    views: encoded,
  };
}

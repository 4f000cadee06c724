/**
 * A day's row: the rows of its hours side by side. Nothing is folded that was not folded in its
 * hour, so a day says what its hours say; what takes too much is left out, and answered from them.
 */
import type { TerminalId } from '../../shared/ids.ts';
import { SLOTS_PER_DAY, SLOTS_PER_HOUR } from '../../shared/time.ts';
import { readFigures, tallyOf } from '../aggregation/cell-entries.ts';
import { encodePartial } from '../aggregation/codec.ts';
import { digestText, parseDigest } from '../aggregation/hashes/row-set-digest.ts';
import { AGGREGATION_LIMITS } from '../aggregation/limits.ts';
import { emptyPartial, emptyTally, mergeTally, partialBytes } from '../aggregation/partial.ts';
import { DayViews } from '../aggregation/views/views.ts';
import { type Cells, PARTS, type Rollup } from '../store/rollups/rollup.ts';
import { type RowContent, type Run, readCell, type Terminals, UnreadableCell } from './run.ts';

interface HourPart {
  readonly hour: number;
  readonly cell: Uint8Array;
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
  const hours = new Map<TerminalId, HourPart[]>();
  const closed = new Set<number>();
  const views = new DayViews(logic);
  const tally = emptyTally();
  const cells: Cells = { kind: 'all', ...(terminals !== null && { terminals: [...terminals] }) };
  const from = due.time * 24;
  for await (const row of stores.rollups.scan(due.merchant, 'hour', logic.version, from, from + 24, cells)) {
    const before = views.bytes;
    if (stores.sealed.isClosed(row, run.now())) closed.add(row.time);
    for (const [name, cell] of row.views)
      await readCell(run, row.time, cell, (content) => views.add(name, content, row.time * SLOTS_PER_HOUR));
    for (const name of row.meta.omitted ?? []) views.omit(name);
    for (const [terminal, cell] of row.parts)
      hours.set(terminal, [...(hours.get(terminal) ?? []), { hour: row.time, cell }]);
    mergeTally(tally, { ...row.meta, digest: parseDigest(row.meta.digest) });
    await attempt.spend(Math.max(0, views.bytes - before));
  }
  if (hours.size === 0 && (isWhole || current === null)) return null;
  const parts = new Map<TerminalId, Uint8Array>();
  let kept = 0;
  for (const [terminal, of] of hours) {
    const part = await dayPart(run, of, closed);
    if (part !== null) parts.set(terminal, part.cell);
    // A cell of a closed hour cannot be made again: the day has it, if it was published before.
    if (part?.lacks && current?.parts.has(terminal) && parts.delete(terminal)) kept++;
  }
  const { cells: encoded, omitted, overflow } = await slices.run(views.encode(due.time * SLOTS_PER_DAY));
  // Of other terminals, one may have been left out before.
  const wasLeftOut = terminals !== null && (current?.meta.omitted?.includes(PARTS) ?? false);
  if (parts.size + kept < hours.size || wasLeftOut) omitted.push(PARTS);
  const { rows, events, conflicts, lost, earliestArrival, digest } = tally;
  const meta = { ...{ rows, digest: digestText(digest), earliestArrival, events, conflicts, lost }, overflow };
  return {
    meta: { ...meta, ...(omitted.length > 0 && { omitted }) },
    parts,
    views: encoded,
  };
}

/** @returns null when it takes too much; `lacks`: a cell of a closed hour cannot be read */
async function dayPart(
  run: Run,
  hours: readonly HourPart[],
  closed: ReadonlySet<number>,
): Promise<{ readonly cell: Uint8Array; readonly lacks: boolean } | null> {
  const { due, logic, attempt, slices } = run;
  const part = emptyPartial(logic);
  let lacks = false;
  for (const { hour, cell } of hours) {
    const before = partialBytes(part);
    try {
      const tally = await readCell(run, hour, cell, function* (content) {
        yield* readFigures(content, 'part', hour * SLOTS_PER_HOUR, part.figures);
        return tallyOf(content);
      });
      mergeTally(part.tally, tally);
    } catch (error) {
      // Computed anew, it is as it was: its raw rows have expired.
      if (!(error instanceof UnreadableCell && run.repaired.has(hour))) throw error;
      lacks ||= closed.has(hour);
    }
    await attempt.spend(partialBytes(part) - before);
    if (partialBytes(part) > run.mergeBytes) return null;
  }
  const cell = await slices.run(encodePartial(part, due.time * SLOTS_PER_DAY));
  return cell.length > AGGREGATION_LIMITS.cellBytes.value ? null : { cell, lacks };
}

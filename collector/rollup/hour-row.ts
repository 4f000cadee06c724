/** An hour's row: the raw log folded terminal by terminal, and merged with the other terminals. */
import type { TerminalId } from '../../shared/ids.ts';
import { SLOTS_PER_HOUR } from '../../shared/time.ts';
import { encodePartial } from '../aggregation/codec.ts';
import { FoldTooDear, PartialFold } from '../aggregation/fold.ts';
import { AGGREGATION_LIMITS } from '../aggregation/limits.ts';
import { partialBytes } from '../aggregation/partial.ts';
import { readRow, unpackedTogether } from '../aggregation/raw-row.ts';
import type { RawRow } from '../store/event-log.ts';
import type { Rollup } from '../store/rollups/rollup.ts';
import { grownHour } from './grown-hour.ts';
import { type FreshParts, mergedHour, noFreshParts } from './merged-hour.ts';
import { orPark, type RowContent, type Run, type Terminals } from './run.ts';

// A giant merchant has thousands of partial aggregates. All but a few stay encoded at any time, and
// other work gets its turn within each step.

/** Memory of those that the merge need not decode again. */
const DECODED_BYTES = 8 * 1024 * 1024;

async function foldHour(run: Run, terminals: Terminals): Promise<FreshParts> {
  const { attempt, slices } = run;
  const parts = noFreshParts();
  const folds = new Map<TerminalId, PartialFold>();
  const outdated = new Set<TerminalId>();
  const finish = async (terminal: TerminalId): Promise<void> => {
    const fold = folds.get(terminal);
    folds.delete(terminal);
    if (fold === undefined) return;
    if (fold.isOutdated) outdated.add(terminal);
    else await encodeInto(parts, run, terminal, fold);
  };
  let last: TerminalId | null = null;
  for await (const row of rawRows(run, terminals)) {
    await slices.pause();
    const { terminal, kind } = row.key;
    // Events come terminal by terminal, after the losses: the previous terminal is complete.
    if (kind === 'events' && terminal !== last) {
      if (last !== null) await finish(last);
      last = terminal;
    }
    if (attempt.leavesOut(terminal)) continue;
    const fold = folds.get(terminal) ?? new PartialFold(run.logic);
    folds.set(terminal, fold);
    // Counting a row at once, while it is in the processor's caches, is faster.
    if (!fold.isOutdated) await addRow(run, fold, row, true);
    if (attempt.leavesOut(terminal)) folds.delete(terminal);
  }
  for (const terminal of [...folds.keys()]) await finish(terminal);
  for (const terminal of outdated) await foldAgain(parts, run, terminal);
  return { ...parts, cells: new Map([...parts.cells].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

/** Folds a terminal of which a row claims what was counted, and counts only what is settled. */
async function foldAgain(parts: FreshParts, run: Run, terminal: TerminalId): Promise<void> {
  const fold = new PartialFold(run.logic);
  for await (const row of rawRows(run, new Set([terminal]))) {
    await run.slices.pause();
    await addRow(run, fold, row, false);
    if (run.attempt.leavesOut(terminal)) return;
  }
  await encodeInto(parts, run, terminal, fold);
}

async function addRow({ attempt, slices }: Run, fold: PartialFold, row: RawRow, isCounted: boolean): Promise<void> {
  const before = fold.cost;
  await orPark(attempt, row.key.terminal, async () => {
    await slices.run(fold.add(readRow(row)));
    if (isCounted) await slices.run(fold.settle());
  });
  await attempt.spend(fold.cost - before);
}

async function encodeInto(
  parts: FreshParts,
  { due, attempt, slices }: Run,
  terminal: TerminalId,
  fold: PartialFold,
): Promise<void> {
  const encoded = await orPark(attempt, terminal, async () => {
    const part = await slices.run(fold.finish());
    const cell = await slices.run(encodePartial(part, due.time * SLOTS_PER_HOUR));
    const { value } = AGGREGATION_LIMITS.cellBytes;
    if (cell.length > value) throw new FoldTooDear(`its figures take more than ${value} bytes in a cell`);
    return { part, cell };
  });
  if (encoded === null) return;
  parts.cells.set(terminal, encoded.cell);
  const bytes = partialBytes(encoded.part);
  if (parts.bytes + bytes > DECODED_BYTES) return;
  parts.decoded.set(terminal, encoded.part);
  parts.bytes += bytes;
}

const rawRows = (run: Run, terminals: Terminals): AsyncIterable<RawRow> => unpackedTogether(storedRows(run, terminals));

async function* storedRows(run: Run, terminals: Terminals): AsyncIterable<RawRow> {
  const { sealedAt } = run;
  if (sealedAt === null) yield* allRows(run, terminals);
  else for await (const row of allRows(run, terminals)) if (row.arrival < sealedAt) yield row;
}

async function* allRows({ due, stores }: Run, terminals: Terminals): AsyncIterable<RawRow> {
  const { merchant, time } = due;
  if (terminals === null) yield* stores.log.scan(merchant, time, time + 1);
  else for (const terminal of terminals) yield* stores.log.scanTerminal(merchant, time, terminal);
}

/**
 * The row of all terminals: those that are folded, and the others as they are published.
 *
 * @param terminals that are folded. If it is all, published ones that cannot be read are left out,
 *   since nothing is left to fold them from
 * @param isWhole whether what is published is complete
 * @param whole reads what is published with the partial aggregates of all terminals
 * @returns null when there is nothing to publish
 * @throws UnreadableCell
 */
export async function hourRow(
  run: Run,
  current: Rollup | null,
  terminals: Terminals,
  isWhole: boolean,
  whole: () => Promise<Rollup | null>,
): Promise<RowContent | null> {
  const fresh = await foldHour(run, terminals);
  // A due mark follows its raw row: if none is left, it has expired, and what is published stays.
  const isEmpty = (): boolean => fresh.cells.size === 0 && (isWhole || current === null);
  if (isEmpty()) return null;
  const published = soleAgain(current, fresh);
  const isGrowth = current !== null && isWhole && terminals !== null && current.views.size > 0 && published === null;
  const grown = isGrowth ? await grownHour(run, current, fresh.cells) : null;
  if (grown !== null) return grown;
  const before = published ?? (await whole())?.parts ?? new Map();
  const row = await mergedHour(run, before, fresh, terminals === null);
  return isEmpty() ? null : row;
}

/** What is published of an hour of one terminal, if no other one sold; null: it is another hour. */
function soleAgain(current: Rollup | null, { cells }: FreshParts): Rollup['parts'] | null {
  if (current?.sole === undefined || current.parts.size !== 1) return null;
  return [...cells.keys()].every((terminal) => current.parts.has(terminal)) ? current.parts : null;
}

/**
 * The row of an hour: the partial aggregates of all terminals, merged into views.
 *
 * A terminal's figures take their memory once in each view, so that one terminal within all limits
 * may exceed those of the merge. It is parked then, and the others' figures are published.
 */
import type { TerminalId } from '../../shared/ids.ts';
import { SLOTS_PER_HOUR } from '../../shared/time.ts';
import { readPartial } from '../aggregation/cell-entries.ts';
import { FoldTooDear } from '../aggregation/fold.ts';
import { digestText } from '../aggregation/hashes/row-set-digest.ts';
import { partialKeys } from '../aggregation/logic/logic-version.ts';
import { unpackCell } from '../aggregation/message-pack/unpack-cell.ts';
import { emptyTally, mergeTally, type PartialAggregate, type Tally } from '../aggregation/partial.ts';
import { areFewSales, keepsAllValues, soleViews } from '../aggregation/views/sole-views.ts';
import { Views } from '../aggregation/views/views.ts';
import { ROLLUP_LIMITS } from './limits.ts';
import { type Parts, type RowContent, type Run, readCell, UnreadableCell } from './run.ts';

/** What was folded just now. */
export interface FreshParts {
  readonly cells: Map<TerminalId, Uint8Array>;
  /** Some of them as they were encoded. */
  readonly decoded: Map<TerminalId, PartialAggregate>;
  /** Bytes of memory of these. */
  bytes: number;
}

export const noFreshParts = (): FreshParts => ({ cells: new Map(), decoded: new Map(), bytes: 0 });

/**
 * The row of an hour that one terminal alone sold in, if it sold little: its views are made of its
 * partial aggregate when they are read, so there is nothing to merge, and they are not stored.
 *
 * @returns null when it is another hour, or its partial cannot be read
 */
async function soleRow(run: Run, parts: Parts, decoded: FreshParts['decoded']): Promise<RowContent | null> {
  const [[terminal, cell] = []] = parts;
  if (parts.size !== 1 || terminal === undefined || cell === undefined) return null;
  try {
    const content = await unpackCell(cell);
    if (!areFewSales(content)) return null;
    const read = () => run.slices.run(readPartial(content, run.due.time * SLOTS_PER_HOUR));
    const part = decoded.get(terminal) ?? (await read());
    // A closed hour's may be of another logic version.
    const isOfLogic = part.figures.keys.join() === partialKeys(run.logic).join();
    if (!isOfLogic || !keepsAllValues(part)) return null;
    const meta = { ...part.tally, digest: digestText(part.tally.digest), overflow: 0 };
    return { meta, parts, views: soleViews(content, null), sole: cell };
  } catch {
    return null;
  }
}

/** Merged figures that exceed their limit, and by how much each terminal made them grow. */
class MergeTooDear extends FoldTooDear {
  readonly growths: ReadonlyMap<TerminalId, number>;
  constructor(growths: ReadonlyMap<TerminalId, number>, limit: number) {
    super(`its merged figures take more than ${limit} bytes`);
    this.growths = growths;
  }
}

/**
 * @param published of terminals that `fresh` lacks, too
 * @param fresh terminals that are parked are taken out of it
 * @param isAll whether all were folded: published ones that cannot be read are left out then
 * @throws FoldTooDear, UnreadableCell
 */
export async function mergedHour(run: Run, published: Parts, fresh: FreshParts, isAll: boolean): Promise<RowContent> {
  for (let left = ROLLUP_LIMITS.mergesPerHour.value; ; ) {
    const parts = new Map([...published, ...fresh.cells]);
    const sole = await soleRow(run, parts, fresh.decoded);
    if (sole !== null) return sole;
    try {
      const { views, tally } = await merge(run, parts, fresh.decoded, isAll);
      const { cells, omitted, overflow } = await run.slices.run(views.encode(run.due.time * SLOTS_PER_HOUR));
      const meta = { ...tally, digest: digestText(tally.digest), overflow };
      return { meta: { ...meta, ...(omitted.length > 0 && { omitted }) }, parts: fresh.cells, views: cells };
    } catch (error) {
      if (!(error instanceof MergeTooDear) || --left === 0 || !parkLargest(run, error, fresh.cells)) throw error;
    }
  }
}

async function merge(
  run: Run,
  parts: Parts,
  decoded: FreshParts['decoded'],
  isAll: boolean,
): Promise<{ views: Views; tally: Tally }> {
  const { due, logic, attempt, slices, mergeBytes } = run;
  const base = due.time * SLOTS_PER_HOUR;
  const views = new Views(logic);
  const tally = emptyTally();
  const growths = new Map<TerminalId, number>();
  for (const terminal of [...parts.keys()].sort()) {
    const before = views.bytes;
    let part: PartialAggregate;
    try {
      part =
        decoded.get(terminal) ??
        (await readCell(run, due.time, parts.get(terminal)!, (content) => readPartial(content, base)));
    } catch (error) {
      if (isAll && error instanceof UnreadableCell) continue;
      throw error;
    }
    await slices.run(views.add(part));
    mergeTally(tally, part.tally);
    growths.set(terminal, views.bytes - before);
    await attempt.spend(views.bytes - before);
    if (views.bytes > mergeBytes) throw new MergeTooDear(growths, mergeBytes);
    await slices.pause();
  }
  return { views, tally };
}

/** @returns false when no terminal alone is the cause, or its figures are published already */
function parkLargest(
  { attempt, mergeBytes }: Run,
  { growths }: MergeTooDear,
  fresh: Map<TerminalId, Uint8Array>,
): boolean {
  const [largest] = [...growths].sort(([, a], [, b]) => b - a);
  if (largest === undefined) return false;
  const [terminal, growth] = largest;
  if (growth < mergeBytes * ROLLUP_LIMITS.mergeShare.value || !fresh.delete(terminal)) return false;
  const detail = `its figures take ${growth} of the ${mergeBytes} bytes of memory that those of all terminals may`;
  return attempt.park(terminal, new FoldTooDear(detail));
}

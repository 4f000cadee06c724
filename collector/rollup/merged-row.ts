/**
 * The row of an hour or day: the partial aggregates of all terminals, merged into views.
 *
 * A terminal's figures take their memory once in each view, so that one terminal within all limits
 * may exceed those of the merge. In an hour it is parked then, and the others' figures are
 * published. A day without a row is answered from its hours, whole, so nothing is left out of it.
 */
import type { Slices } from '../../shared/cooperative.ts';
import type { TerminalId } from '../../shared/ids.ts';
import type { Level } from '../../shared/keys.ts';
import { SLOTS_PER_DAY, SLOTS_PER_HOUR } from '../../shared/time.ts';
import { readPartial, unpackCell } from '../aggregation/cell-entries.ts';
import { FoldTooDear } from '../aggregation/fold.ts';
import type { Logic } from '../aggregation/logic-version.ts';
import { emptyTally, mergeTally, type Tally } from '../aggregation/partial.ts';
import { digestText } from '../aggregation/row-set-digest.ts';
import { Views } from '../aggregation/views.ts';
import type { Attempt } from './attempt.ts';
import { ROLLUP_LIMITS } from './limits.ts';

/** Encoded partial aggregates. */
export type Parts = ReadonlyMap<TerminalId, Uint8Array>;

export interface Merging {
  readonly due: { readonly level: Level; readonly time: number };
  readonly logic: Logic;
  readonly attempt: Attempt;
  readonly slices: Slices;
  /** Bytes of memory that the merged figures may take. */
  readonly mergeBytes: number;
}

interface Merged {
  readonly views: Views;
  readonly tally: Tally;
  readonly overflow: number;
}

/** Merged figures that exceed their limit, and by how much each terminal made them grow. */
class MergeTooDear extends FoldTooDear {
  readonly growths: ReadonlyMap<TerminalId, number>;
  constructor(growths: ReadonlyMap<TerminalId, number>, limit: number) {
    super(`its merged figures take more than ${limit} bytes`);
    this.growths = growths;
  }
}

export const slotsOf = { hour: SLOTS_PER_HOUR, day: SLOTS_PER_DAY } as const;

export function checkMerged(bytes: number, { mergeBytes }: Pick<Merging, 'mergeBytes'>): void {
  if (bytes > mergeBytes) throw new FoldTooDear(`its merged figures take more than ${mergeBytes} bytes`);
}

/**
 * @param published of terminals that `fresh` lacks, too
 * @param fresh terminals that are parked are taken out of it
 * @throws FoldTooDear
 */
export async function mergedRow(run: Merging, published: Parts, fresh: Map<TerminalId, Uint8Array>) {
  const base = run.due.time * slotsOf[run.due.level];
  for (let left = run.due.level === 'hour' ? ROLLUP_LIMITS.mergesPerHour.value : 1; ; ) {
    try {
      const { views, tally, overflow } = await merge(run, base, new Map([...published, ...fresh]));
      // Clearances are not evaluated yet: nothing is final, and no terminal is waited for.
      const meta = { ...tally, digest: digestText(tally.digest), overflow, waitingFor: null };
      return { meta, parts: fresh as Parts, views: await run.slices.run(views.encode(base)) };
    } catch (error) {
      if (!(error instanceof MergeTooDear) || --left === 0 || !parkLargest(run, error, fresh)) throw error;
    }
  }
}

async function merge({ logic, attempt, slices, mergeBytes }: Merging, base: number, parts: Parts): Promise<Merged> {
  const views = new Views(logic);
  const tally = emptyTally();
  const growths = new Map<TerminalId, number>();
  let overflow = 0;
  for (const terminal of [...parts.keys()].sort()) {
    const before = views.bytes;
    const part = await slices.run(readPartial(await unpackCell(parts.get(terminal)!), base));
    await slices.run(views.add(part));
    mergeTally(tally, part.tally);
    overflow += part.figures.overflow + part.articles.overflow;
    growths.set(terminal, views.bytes - before);
    await attempt.spend(views.bytes - before);
    if (views.bytes > mergeBytes) throw new MergeTooDear(growths, mergeBytes);
    await slices.pause();
  }
  return { views, tally, overflow: overflow + views.overflow };
}

/** @returns false when no terminal alone is the cause, or its figures are published already */
function parkLargest(
  { attempt, mergeBytes }: Merging,
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

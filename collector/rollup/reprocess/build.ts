/**
 * Builds the rows of a logic version for one merchant from the raw log, beside those of others.
 *
 * An hour whose row holds exactly the raw rows is left as it is, so that a build that was
 * interrupted goes on by being started again. What arrives meanwhile has due marks, and runs keep
 * the rows of each version: a build and a run that meet publish by compare-and-set.
 */
import type { MerchantId } from '../../../shared/ids.ts';
import { DAY_MS, dayOfHour } from '../../../shared/time.ts';
import { readAfterEnd } from '../../store/rollups/rollup.ts';
import { holdDay, matchesLog } from '../hold-log.ts';
import { recompute } from '../recompute.ts';
import type { RunOfVersion } from '../versions.ts';

export interface Hours {
  /** Hours since 1970, half-open. */
  readonly from: number;
  readonly to: number;
}

export interface Built {
  /** Hours with raw rows. */
  hours: number;
  /** Of them, those that were recomputed: the others were right already. */
  recomputed: number;
  /** Hours of which something is parked, or that another run tries at this moment. */
  leftOut: number;
  /** Closed hours: they keep the figures of the version before. */
  kept: number;
  days: number;
}

export const nothingBuilt = (): Built => ({ hours: 0, recomputed: 0, leftOut: 0, kept: 0, days: 0 });

/** @param step called before each hour; it may wait, or throw to end the build */
export async function buildMerchant(
  merchant: MerchantId,
  { from, to }: Hours,
  of: RunOfVersion,
  built: Built,
  step: (hour: number) => Promise<void>,
): Promise<void> {
  let day: number | null = null;
  for await (const hour of hoursToBuild(merchant, { from, to }, of)) {
    if (day !== null && dayOfHour(hour) !== day) await buildDay(merchant, day, of, built);
    day = dayOfHour(hour);
    await step(hour);
    await buildHour(merchant, hour, of, built);
  }
  if (day !== null) await buildDay(merchant, day, of, built);
}

/** Hours with raw rows, and closed ones, of which there may be none left. */
async function* hoursToBuild(merchant: MerchantId, { from, to }: Hours, of: RunOfVersion): AsyncIterable<number> {
  const closed = await closedHours(merchant, { from, to }, of.stores, of.recompute.beside ?? [], of.now());
  let at = 0;
  for await (const hour of of.stores.log.hours(merchant, from, to)) {
    while (at < closed.length && closed[at]! < hour) yield closed[at++]!;
    if (closed[at] === hour) at++;
    yield hour;
  }
  yield* closed.slice(at);
}

/** Hours that are not folded any more, of these logic versions, in order. */
export async function closedHours(
  merchant: MerchantId,
  { from, to }: Hours,
  { rollups, sealed }: Pick<RunOfVersion['stores'], 'rollups' | 'sealed'>,
  versions: readonly number[],
  now: number,
): Promise<number[]> {
  const closed = new Set<number>();
  if (!sealed.areSealed) return [];
  for (const version of versions)
    for await (const row of rollups.scan(merchant, 'hour', version, from, to, { kind: 'meta' }))
      if (sealed.isClosed(row, now)) closed.add(row.time);
  return [...closed].sort((a, b) => a - b);
}

async function buildHour(merchant: MerchantId, hour: number, of: RunOfVersion, built: Built): Promise<void> {
  built.hours++;
  if (await matchesLog(merchant, hour, of)) return;
  const due = { merchant, level: 'hour', time: hour, terminals: null } as const;
  const outcome = await recompute(due, of.logic, of.stores, of.now, of.recompute);
  if (outcome === null || outcome.isParked || outcome.parked.length > 0) built.leftOut++;
  else if (outcome.isClosed) built.kept++;
  else built.recomputed++;
}

/** A day that has hours outside of the range without rows is left to the build that makes those. */
async function buildDay(merchant: MerchantId, day: number, of: RunOfVersion, built: Built): Promise<void> {
  if ((day + 1) * DAY_MS > of.now()) return;
  const rows = new Set<number>();
  const { log, rollups } = of.stores;
  const [from, to] = [day * 24, (day + 1) * 24];
  for await (const row of rollups.scan(merchant, 'hour', of.logic.version, from, to, { kind: 'meta' }))
    if (readAfterEnd(row)) rows.add(row.time);
  for await (const hour of log.hours(merchant, from, to)) if (!rows.has(hour)) return;
  if (await holdDay(merchant, day, of)) built.days++;
  else built.leftOut++;
}

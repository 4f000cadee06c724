/** What a build of a logic version would read, and how long that takes: it writes nothing. */
import { Slices } from '../../../shared/cooperative.ts';
import type { MerchantId } from '../../../shared/ids.ts';
import { PartialFold } from '../../aggregation/fold.ts';
import type { Logic } from '../../aggregation/logic/logic-version.ts';
import { readRow } from '../../aggregation/raw-row.ts';
import type { EventLog, RawRow } from '../../store/event-log.ts';
import type { RunOfVersion } from '../versions.ts';
import { closedHours, type Hours } from './build.ts';

export interface MerchantPlan {
  readonly merchant: MerchantId;
  readonly hours: number;
  readonly rows: number;
  readonly events: number;
  /** Hours since 1970 that cannot be built from the raw log: their figures are kept as they are. */
  readonly sealed: readonly number[];
}

export interface PlanStores {
  readonly log: EventLog;
  readonly rollups: RunOfVersion['stores']['rollups'];
  readonly sealed: RunOfVersion['stores']['sealed'];
}

/**
 * The keys of the raw log; and where that lets rows expire, the active version's rows, without
 * figures.
 */
export async function planOf(
  stores: PlanStores,
  merchant: MerchantId,
  { from, to }: Hours,
  active: number,
  now: number,
): Promise<MerchantPlan> {
  const sealed = await closedHours(merchant, { from, to }, stores, [active], now);
  const isSealed = new Set(sealed);
  const slices = new Slices();
  let [hours, rows, events, last] = [0, 0, 0, -1];
  for await (const { key } of stores.log.scan(merchant, from, to, { keysOnly: true })) {
    await slices.pause();
    if (isSealed.has(key.hour)) continue;
    rows++;
    if (key.kind === 'events') events += key.count;
    if (key.hour !== last) hours++;
    last = key.hour;
  }
  return { merchant, hours, rows, events, sealed };
}

/** Publishing an hour of a small shop takes about as long as folding this many rows. */
const ROWS_PER_HOUR = 4;
const SAMPLE_MS = 1_000;

/**
 * How long a build takes, by folding some of the rows now.
 *
 * @param clock monotonic milliseconds
 * @returns seconds; null when there is nothing to do
 */
export async function estimate(
  log: EventLog,
  logic: Logic,
  plans: readonly MerchantPlan[],
  { from, to }: Hours,
  clock: () => number,
): Promise<number | null> {
  const work = plans.reduce((sum, { hours, rows }) => sum + rows + hours * ROWS_PER_HOUR, 0);
  if (work === 0) return null;
  const start = clock();
  let [done, last] = [0, ''];
  let fold = new PartialFold(logic);
  for (const { merchant } of plans) {
    for await (const row of log.scan(merchant, from, to)) {
      const { hour, terminal, kind } = row.key;
      const place = `${merchant}/${hour}/${kind}/${terminal}`;
      if (place !== last) {
        done += ROWS_PER_HOUR;
        fold = new PartialFold(logic);
      }
      last = place;
      await foldRow(fold, row).catch(() => undefined);
      done++;
      if (clock() - start > SAMPLE_MS) break;
    }
    if (clock() - start > SAMPLE_MS) break;
  }
  return Math.ceil(((clock() - start) / 1_000) * (work / Math.max(1, done)));
}

/** A row that cannot be read, or folded, is parked by the build: it costs no more than another. */
async function foldRow(fold: PartialFold, row: RawRow): Promise<void> {
  const slices = new Slices();
  await slices.run(fold.add(readRow(row)));
  await slices.run(fold.settle());
}

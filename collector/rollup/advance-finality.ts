/**
 * Advances the instant through which a merchant's figures are final.
 *
 *     read the clearances -> each hour before the least of them: does its row hold exactly the rows
 *     of the raw log (else recompute it) -> the day rows over them: do they hold exactly their
 *     hours' rows, of all terminals (else rebuild) -> compare-and-set of the finality record
 *
 * The clearances are read before the raw log: what a till held before its clearance was stored by
 * then, so it is in the rows. Rows are compared by the number and the digest of their keys, which
 * add up over terminals and hours. An hour of which something is parked is a hole: the others
 * become final without it.
 */
import { Slices } from '../../shared/cooperative.ts';
import type { MerchantId } from '../../shared/ids.ts';
import { DAY_MS, dayOfHour, HOUR_MS, hourOf } from '../../shared/time.ts';
import type { Logic } from '../aggregation/logic-version.ts';
import { addDigest, digestOf, NO_DIGEST, parseDigest } from '../aggregation/row-set-digest.ts';
import type { Finality, FinalityRecord, TerminalClearances } from '../store/finality.ts';
import { type Rollup, readAfterEnd } from '../store/rollups.ts';
import { DORMANT_MS, lastHeard, type WaitedTerminal, waitedTerminals } from '../store/waited-terminals.ts';
import { ROLLUP_LIMITS } from './limits.ts';
import { recompute } from './recompute.ts';
import type { RecomputeOptions, RecomputeStores } from './run.ts';

export interface FinalityOptions {
  readonly stores: RecomputeStores & { readonly finality: Pick<Finality, 'read' | 'write'> };
  readonly logic: Logic;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly graceMs: number;
  readonly recompute: RecomputeOptions;
}

export interface FinalityOutcome {
  /** Hours that became final. */
  readonly hours: number;
  /** When to try again, milliseconds since 1970; null: a till's message comes before. */
  readonly recheckAt: number | null;
}

/** Batches that are in progress at a collector: nothing later is final. */
const MARGIN_MS = 60_000;
/** Clocks of two runners differ by less. */
const CLOCKS_APART_MS = 10_000;
/** Compared again when rows arrived meanwhile. */
const MAX_COMPARES = 3;

/** @throws Error when a row or the record could not be published: the due mark must stay */
export async function advanceFinality(merchant: MerchantId, options: FinalityOptions): Promise<FinalityOutcome> {
  const { stores, now, clock, graceMs } = options;
  const startedAt = clock();
  const time = now();
  const { record, terminals } = await stores.finality.read(merchant);
  const waited = waitedTerminals(terminals, time);
  const clear = waited.reduce((least, { clearThrough }) => Math.min(least, clearThrough), time - MARGIN_MS);
  // An hour is first rolled up a grace after its end.
  const end = Math.min(hourOf(clear), hourOf(time - graceMs));
  const isFirst = record === null || record.through === 0;
  const from = isFirst ? await firstHour(merchant, end, options) : hourOf(record.through);
  const progress = { through: from, holes: await heldHoles(merchant, record?.holes ?? [], options) };
  const days = new Set((record?.holes ?? []).map(dayOfHour));
  let compared = 0;
  // Each run gets on, however long the holes took.
  const isLate = (): boolean => compared > 0 && clock() - startedAt > ROLLUP_LIMITS.merchantRound.value;
  for await (const hour of stores.log.hours(merchant, from, end)) {
    if (progress.holes.length >= ROLLUP_LIMITS.finalityHoles.value || isLate()) break;
    if (!(await isWhole(merchant, hour, options))) progress.holes.push(hour);
    compared++;
    progress.through = hour + 1;
    days.add(dayOfHour(hour));
  }
  const isDone = progress.holes.length < ROLLUP_LIMITS.finalityHoles.value && !isLate();
  if (isDone) progress.through = Math.max(from, end);
  for (const day of days) await refreshDay(merchant, day, options);
  const recheckAt = isDone ? recheck(terminals, waited, { time, end, graceMs }) : time + MARGIN_MS;
  const next: FinalityRecord = { through: progress.through * HOUR_MS, holes: progress.holes, recheckAt };
  const isNews = record === null || JSON.stringify(record) !== JSON.stringify(next);
  if (isNews && !(await stores.finality.write(merchant, next, record)))
    throw new Error(`another runner advanced the finality of ${merchant}`);
  return {
    hours: isFirst ? 0 : progress.through - from,
    recheckAt: recheckAt === record?.recheckAt ? null : recheckAt,
  };
}

async function firstHour(merchant: MerchantId, end: number, { stores }: FinalityOptions): Promise<number> {
  for await (const hour of stores.log.hours(merchant, 0, end)) return hour;
  return end;
}

/** The holes that are still parked. */
async function heldHoles(merchant: MerchantId, holes: readonly number[], options: FinalityOptions): Promise<number[]> {
  const held: number[] = [];
  for (const hour of holes) if (!(await isWhole(merchant, hour, options))) held.push(hour);
  return held;
}

/** Makes an hour's row as the raw log is. @returns false when something of it is parked */
async function isWhole(merchant: MerchantId, hour: number, options: FinalityOptions): Promise<boolean> {
  const { stores, logic, now } = options;
  for (let compares = 0; compares < MAX_COMPARES; compares++) {
    if (await matchesLog(merchant, hour, options)) return true;
    const parked = await stores.parked.read({ merchant, level: 'hour', time: hour });
    if (parked !== null && parked.parts.length > 0) return false;
    const outcome = await recompute(
      { merchant, level: 'hour', time: hour, terminals: null },
      logic,
      stores,
      now,
      options.recompute,
    );
    if (outcome === null || outcome.isParked || outcome.parked.length > 0) return false;
  }
  return false;
}

async function matchesLog(merchant: MerchantId, hour: number, options: FinalityOptions): Promise<boolean> {
  const [row] = await rowsOf(merchant, 'hour', hour, hour + 1, options);
  if (row === undefined || !readAfterEnd(row)) return false;
  let rows = 0;
  let digest = NO_DIGEST;
  const slices = new Slices();
  for await (const { rowKey } of options.stores.log.scan(merchant, hour, hour + 1, { keysOnly: true })) {
    await slices.pause();
    rows++;
    digest = addDigest(digest, digestOf(rowKey));
  }
  return row.meta.rows === rows && parseDigest(row.meta.digest) === digest;
}

/** Rebuilds the row of a day that does not hold its hours as they are. */
async function refreshDay(merchant: MerchantId, day: number, options: FinalityOptions): Promise<void> {
  const { stores, logic, now } = options;
  if ((day + 1) * DAY_MS > now()) return;
  for (let compares = 0; compares < MAX_COMPARES; compares++) {
    const [row] = await rowsOf(merchant, 'day', day, day + 1, options);
    // Without a row the day is answered from its hours.
    if (row === undefined) return;
    let rows = 0;
    let digest = NO_DIGEST;
    // Once it was built here, all of it is.
    const isBuilt = compares > 0;
    const hours = await rowsOf(merchant, 'hour', day * 24, (day + 1) * 24, options);
    for (const { meta } of hours) {
      rows += meta.rows;
      digest = addDigest(digest, parseDigest(meta.digest));
    }
    const isNewer = hours.every(({ meta }) => meta.publishedAt + CLOCKS_APART_MS < row.meta.allReadAt);
    if ((isBuilt || isNewer) && row.meta.rows === rows && parseDigest(row.meta.digest) === digest) return;
    const outcome = await recompute(
      { merchant, level: 'day', time: day, terminals: null },
      logic,
      stores,
      now,
      options.recompute,
    );
    // Parked as a whole, it is answered from its hours; parked in part, it names what is missing.
    if (outcome === null || outcome.isParked || outcome.parked.length > 0) return;
  }
}

const rowsOf = (
  merchant: MerchantId,
  level: Rollup['level'],
  from: number,
  to: number,
  { stores, logic }: FinalityOptions,
): Promise<Rollup[]> =>
  Array.fromAsync(stores.rollups.scan(merchant, level, logic.version, from, to, { kind: 'meta' }));

/** When the record may advance though no till says anything. */
function recheck(
  terminals: readonly TerminalClearances[],
  waited: readonly WaitedTerminal[],
  { time, end, graceMs }: { readonly time: number; readonly end: number; readonly graceMs: number },
): number | null {
  const behind = waited.filter(({ clearThrough }) => clearThrough < (end + 1) * HOUR_MS);
  // One of them may have become dormant by tomorrow. One due mark, however often others speak.
  if (behind.length > 0) return Math.floor(time / DAY_MS + 1) * DAY_MS;
  if (waited.length > 0) return null;
  const heard = lastHeard(terminals);
  const nextHour = (hourOf(time) + 1) * HOUR_MS + graceMs;
  // All have signed off, are dormant or retired.
  return heard !== null && time - heard < DORMANT_MS ? nextHour : time + DAY_MS;
}

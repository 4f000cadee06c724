/**
 * Advances the instant through which a merchant's figures are final.
 *
 *     read the clearances -> each hour before the least of them: does its row hold exactly the rows
 *     of the raw log (else recompute it) -> the day rows over them: do they hold exactly their
 *     hours' rows, of all terminals (else rebuild) -> compare-and-set of the finality record
 *
 * The clearances are read before the raw log: what a till held before its clearance was stored by
 * then, so it is in the rows. An hour of which something is parked is a hole: the others become
 * final without it. All this is of the logic version that is active for the merchant; the rows of
 * others are brought up to date on the way, and their parked parts make no hole.
 */
import type { MerchantId } from '../../shared/ids.ts';
import { salt } from '../../shared/keys.ts';
import { DAY_MS, dayOfHour, HOUR_MS, hourOf, MINUTE_MS } from '../../shared/time.ts';
import type { EventLog } from '../store/event-log.ts';
import type { Finality, FinalityRecord, TerminalClearances } from '../store/finality.ts';
import type { ParkedHours } from '../store/parked-hours.ts';
import { DORMANT_MS, lastHeard, type WaitedTerminal, waitedTerminals } from '../store/waited-terminals.ts';
import { holdHour, refreshDay } from './hold-log.ts';
import { ROLLUP_LIMITS } from './limits.ts';
import type { RunOfVersion } from './versions.ts';

export interface FinalityOptions {
  readonly finality: Pick<Finality, 'read' | 'write'>;
  readonly log: EventLog;
  readonly parked: Pick<ParkedHours, 'findSpan'>;
  /** The logic version that is active for the merchant, and the others that runs maintain. */
  readonly active: readonly RunOfVersion[];
  readonly others: readonly RunOfVersion[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly graceMs: number;
}

export interface FinalityOutcome {
  /** Hours that became final. */
  readonly hours: number;
  /** When to try again, milliseconds since 1970; null: a till's message comes before. */
  readonly recheckAt: number | null;
  /** There is more to compare, or another runner was faster: the due mark must stay. */
  readonly isMore: boolean;
}

/** Batches that are in progress at a collector: nothing later is final. */
const MARGIN_MS = 60_000;

/** @throws Error when a row or the record could not be published: the due mark must stay */
export async function advanceFinality(merchant: MerchantId, options: FinalityOptions): Promise<FinalityOutcome> {
  const { finality, log, parked, now, clock, graceMs } = options;
  const startedAt = clock();
  const time = now();
  const { record, terminals, parked: span } = await finality.read(merchant);
  const waited = waitedTerminals(terminals, time);
  const clear = waited.reduce((least, { clearThrough }) => Math.min(least, clearThrough), time - MARGIN_MS);
  // An hour is first rolled up a grace after its end.
  const end = Math.min(hourOf(clear), hourOf(time - graceMs));
  const isFirst = record === null || record.through === 0;
  // A clock that was ahead, and was set right since, made hours final that are to come.
  const from = isFirst ? await firstHour(merchant, end, options) : Math.min(hourOf(record.through), hourOf(time));
  const progress = { through: from, holes: await heldHoles(merchant, record?.holes ?? [], options) };
  const days = new Set((record?.holes ?? []).map(dayOfHour));
  let compared = 0;
  // Each run gets on, however long the holes took.
  const isLate = (): boolean => compared > 0 && clock() - startedAt > ROLLUP_LIMITS.merchantRound.value;
  for await (const hour of log.hours(merchant, from, end)) {
    if (progress.holes.length >= ROLLUP_LIMITS.finalityHoles.value || isLate()) break;
    if (!(await isWhole(merchant, hour, options))) progress.holes.push(hour);
    compared++;
    progress.through = hour + 1;
    days.add(dayOfHour(hour));
  }
  const isDone = progress.holes.length < ROLLUP_LIMITS.finalityHoles.value && !isLate();
  if (isDone) progress.through = Math.max(from, end);
  for (const day of days) for (const of of [...options.active, ...options.others]) await refreshDay(merchant, day, of);
  const next: FinalityRecord = { through: progress.through * HOUR_MS, holes: progress.holes };
  const isNews = record === null || JSON.stringify(record) !== JSON.stringify(next);
  const isMore = (isNews && !(await finality.write(merchant, next, record))) || isLate();
  if (isNews || !span?.isKnown)
    await parked.findSpan(
      merchant,
      [...options.active, ...options.others].map(({ logic }) => logic.version),
    );
  return {
    hours: isFirst ? 0 : Math.max(0, progress.through - from),
    recheckAt: recheck(merchant, terminals, waited, { time, end, graceMs }),
    isMore,
  };
}

async function firstHour(merchant: MerchantId, end: number, { log }: FinalityOptions): Promise<number> {
  for await (const hour of log.hours(merchant, 0, end)) return hour;
  return end;
}

/** The holes that are still parked. */
async function heldHoles(merchant: MerchantId, holes: readonly number[], options: FinalityOptions): Promise<number[]> {
  const held: number[] = [];
  for (const hour of holes)
    if ((await isParked(merchant, hour, options)) || !(await isWhole(merchant, hour, options))) held.push(hour);
  return held;
}

/** Cheaper than to compare the hour with the raw log. */
async function isParked(merchant: MerchantId, time: number, { active }: FinalityOptions): Promise<boolean> {
  for (const { stores } of active) {
    const record = await stores.parked.read({ merchant, level: 'hour', time });
    if (record !== null && record.parts.length > 0) return true;
  }
  return false;
}

/** @returns false when something of the hour is parked in the active version */
async function isWhole(merchant: MerchantId, hour: number, { active, others }: FinalityOptions): Promise<boolean> {
  for (const of of others) await holdHour(merchant, hour, of);
  for (const of of active) if (!(await holdHour(merchant, hour, of))) return false;
  return true;
}

/** When the record may advance though no till says anything. */
function recheck(
  merchant: MerchantId,
  terminals: readonly TerminalClearances[],
  waited: readonly WaitedTerminal[],
  { time, end, graceMs }: { readonly time: number; readonly end: number; readonly graceMs: number },
): number | null {
  const behind = waited.filter(({ clearThrough }) => clearThrough < (end + 1) * HOUR_MS);
  // One of them may have become dormant by tomorrow. Not all merchants in the same minute.
  if (behind.length > 0) return Math.floor(time / DAY_MS + 1) * DAY_MS + salt(merchant) * MINUTE_MS;
  if (waited.length > 0) return null;
  const heard = lastHeard(terminals);
  const nextHour = (hourOf(time) + 1) * HOUR_MS + graceMs;
  // All have signed off, are dormant or retired.
  return heard !== null && time - heard < DORMANT_MS ? nextHour : time + DAY_MS;
}

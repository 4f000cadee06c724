/**
 * Makes the rows of a logic version hold exactly the raw log. Rows are compared by the number and
 * the digest of their keys, which add up over terminals and hours.
 */
import { Slices } from '../../shared/cooperative.ts';
import type { MerchantId } from '../../shared/ids.ts';
import { DAY_MS } from '../../shared/time.ts';
import { type Rollup, readAfterEnd } from '../store/rollups/rollup.ts';
import { dayFault, hourFault, sumOf } from './audit/compare.ts';
import { rawHours } from './audit/raw-keys.ts';
import { recompute } from './recompute.ts';
import type { RunOfVersion } from './versions.ts';

/** Clocks of two runners differ by less. */
const CLOCKS_APART_MS = 10_000;
/** Compared again when rows arrived meanwhile. */
const MAX_COMPARES = 3;

/** Makes an hour's row as the raw log is. @returns false when something of it is parked */
export async function holdHour(merchant: MerchantId, hour: number, of: RunOfVersion): Promise<boolean> {
  const { stores, logic, now } = of;
  for (let compares = 0; compares < MAX_COMPARES; compares++) {
    if (await matchesLog(merchant, hour, of)) return true;
    const parked = await stores.parked.read({ merchant, level: 'hour', time: hour });
    if (parked !== null && parked.parts.length > 0) return false;
    const outcome = await recompute(
      { merchant, level: 'hour', time: hour, terminals: null },
      logic,
      stores,
      now,
      of.recompute,
    );
    if (outcome === null || outcome.isParked || outcome.parked.length > 0) return false;
  }
  return false;
}

/** Whether the row of an hour holds exactly the rows of the raw log. */
export async function matchesLog(merchant: MerchantId, hour: number, of: RunOfVersion): Promise<boolean> {
  const [row] = await rowsOf(merchant, 'hour', hour, hour + 1, of);
  if (row === undefined) return false;
  // It is not folded again: some of its raw rows may have expired.
  if (of.stores.sealed.isSealed(row, of.now())) return true;
  if (!readAfterEnd(row)) return false;
  const [raw] = await Array.fromAsync(rawHours(of.stores.log, merchant, hour, hour + 1, new Slices()));
  return hourFault(row, raw ?? null) === null;
}

/** Rebuilds the row of a day, if it has one, that does not hold its hours as they are. */
export async function refreshDay(merchant: MerchantId, day: number, of: RunOfVersion): Promise<void> {
  const rows = await rowsOf(merchant, 'day', day, day + 1, of);
  // Without a row the day is answered from its hours.
  if (rows.length > 0 && !(await holdDay(merchant, day, of)))
    throw new Error(`day ${day} is being recomputed, or its hours are`);
}

/**
 * Makes a day's row as its hours are.
 *
 * @returns false when it is being recomputed elsewhere, or its hours changed again and again
 */
export async function holdDay(merchant: MerchantId, day: number, of: RunOfVersion): Promise<boolean> {
  const { stores, logic, now } = of;
  if ((day + 1) * DAY_MS > now()) return true;
  for (let compares = 0; compares < MAX_COMPARES; compares++) {
    const [row] = await rowsOf(merchant, 'day', day, day + 1, of);
    if (row !== undefined && (await matchesHours(row, merchant, day, of, compares > 0))) return true;
    const due = { merchant, level: 'day', time: day, terminals: null } as const;
    const outcome = await recompute(due, logic, stores, now, of.recompute);
    if (outcome === null) return false;
    // Parked as a whole, it is answered from its hours; parked in part, it names what is missing.
    if (outcome.isParked || outcome.parked.length > 0) return true;
  }
  return false;
}

/** @param isBuilt whether it was built here, of all terminals */
async function matchesHours(
  row: Rollup,
  merchant: MerchantId,
  day: number,
  of: RunOfVersion,
  isBuilt: boolean,
): Promise<boolean> {
  const hours = await rowsOf(merchant, 'hour', day * 24, (day + 1) * 24, of);
  // A run of some terminals leaves the parts of others as they are.
  const isNewer = hours.every((hour) => hour.meta.publishedAt + CLOCKS_APART_MS < row.meta.allReadAt);
  return (isBuilt || isNewer) && dayFault(row, sumOf(hours)) === null;
}

const rowsOf = (
  merchant: MerchantId,
  level: Rollup['level'],
  from: number,
  to: number,
  { stores, logic }: RunOfVersion,
): Promise<Rollup[]> =>
  Array.fromAsync(stores.rollups.scan(merchant, level, logic.version, from, to, { kind: 'meta' }));

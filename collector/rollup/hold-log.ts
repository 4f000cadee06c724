/**
 * Makes the rows of a logic version hold exactly the raw log. Rows are compared by the number and
 * the digest of their keys, which add up over terminals and hours.
 */
import { Slices } from '../../shared/cooperative.ts';
import type { MerchantId } from '../../shared/ids.ts';
import { DAY_MS } from '../../shared/time.ts';
import { addDigest, digestOf, NO_DIGEST, parseDigest } from '../aggregation/row-set-digest.ts';
import { type Rollup, readAfterEnd } from '../store/rollups.ts';
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

async function matchesLog(merchant: MerchantId, hour: number, of: RunOfVersion): Promise<boolean> {
  const [row] = await rowsOf(merchant, 'hour', hour, hour + 1, of);
  if (row === undefined || !readAfterEnd(row)) return false;
  let rows = 0;
  let digest = NO_DIGEST;
  const slices = new Slices();
  for await (const { rowKey } of of.stores.log.scan(merchant, hour, hour + 1, { keysOnly: true })) {
    await slices.pause();
    rows++;
    digest = addDigest(digest, digestOf(rowKey));
  }
  return row.meta.rows === rows && parseDigest(row.meta.digest) === digest;
}

/** Rebuilds the row of a day that does not hold its hours as they are, of all terminals. */
export async function refreshDay(merchant: MerchantId, day: number, of: RunOfVersion): Promise<void> {
  const { stores, logic, now } = of;
  if ((day + 1) * DAY_MS > now()) return;
  for (let compares = 0; compares < MAX_COMPARES; compares++) {
    const [row] = await rowsOf(merchant, 'day', day, day + 1, of);
    // Without a row the day is answered from its hours.
    if (row === undefined) return;
    let rows = 0;
    let digest = NO_DIGEST;
    const hours = await rowsOf(merchant, 'hour', day * 24, (day + 1) * 24, of);
    for (const { meta } of hours) {
      rows += meta.rows;
      digest = addDigest(digest, parseDigest(meta.digest));
    }
    // A run of some terminals leaves the parts of others as they are. Built here, all are new.
    const isBuilt = compares > 0;
    const isNewer = hours.every(({ meta }) => meta.publishedAt + CLOCKS_APART_MS < row.meta.allReadAt);
    if ((isBuilt || isNewer) && row.meta.rows === rows && parseDigest(row.meta.digest) === digest) return;
    const outcome = await recompute(
      { merchant, level: 'day', time: day, terminals: null },
      logic,
      stores,
      now,
      of.recompute,
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
  { stores, logic }: RunOfVersion,
): Promise<Rollup[]> =>
  Array.fromAsync(stores.rollups.scan(merchant, level, logic.version, from, to, { kind: 'meta' }));

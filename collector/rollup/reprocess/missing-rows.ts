/** Hours that a switch to another logic version would take from a merchant's rows. */
import type { MerchantId } from '../../../shared/ids.ts';
import { readAfterEnd } from '../../store/rollups/rollup.ts';
import type { Rollups } from '../../store/rollups/rollups.ts';

const LAST_HOUR = 2 ** 32 - 1;

/**
 * Hours with a row of the active version and none of the other. An hour that has neither is folded
 * from the raw log, by either. If the raw rows of an hour have expired, nothing can make its row.
 */
export async function missingRows(
  rollups: Pick<Rollups, 'scan'>,
  merchant: MerchantId,
  active: number,
  other: number,
): Promise<number> {
  const rows = await hoursWithRows(rollups, merchant, other);
  let missing = 0;
  for (const hour of await hoursWithRows(rollups, merchant, active)) if (!rows.has(hour)) missing++;
  return missing;
}

export async function hoursWithRows(
  rollups: Pick<Rollups, 'scan'>,
  merchant: MerchantId,
  version: number,
  from = 0,
  to = LAST_HOUR,
): Promise<Set<number>> {
  const hours = new Set<number>();
  for await (const row of rollups.scan(merchant, 'hour', version, from, to, { kind: 'meta' }))
    if (readAfterEnd(row)) hours.add(row.time);
  return hours;
}

/** Merchants with raw rows, and those of whom figures alone are left. */
import { Buffer } from 'node:buffer';
import type { MerchantId } from '../../../shared/ids.ts';
import { terminalsPrefix } from '../../../shared/keys.ts';
import type { EventLog } from '../event-log.ts';
import type { Rollups } from '../rollups/rollups.ts';
import type { SealedHours } from './sealed-hours.ts';

export interface MerchantStores {
  readonly log: Pick<EventLog, 'merchants'>;
  readonly rollups: Pick<Rollups, 'merchants'>;
  readonly sealed: Pick<SealedHours, 'areSealed'>;
}

/**
 * In the order of their keys.
 *
 * @param salts half-open; with `after` only those behind that one
 */
export async function* allMerchants(
  { log, rollups, sealed }: MerchantStores,
  salts?: readonly [number, number],
  after: MerchantId | null = null,
): AsyncIterable<MerchantId> {
  const ofLog = log.merchants(salts, after)[Symbol.asyncIterator]();
  let next = await ofLog.next();
  if (sealed.areSealed)
    for await (const merchant of rollups.merchants(salts, after)) {
      for (; !next.done && compare(next.value, merchant) < 0; next = await ofLog.next()) yield next.value;
      if (!next.done && next.value === merchant) next = await ofLog.next();
      yield merchant;
    }
  for (; !next.done; next = await ofLog.next()) yield next.value;
}

const compare = (a: MerchantId, b: MerchantId): number => Buffer.compare(terminalsPrefix(a), terminalsPrefix(b));

/** A store that lets raw rows expire, as a test tells it to. */
import type { Tables } from '../../../collector/store/tables.ts';
import { DAY_MS } from '../../../shared/time.ts';
import { HookedTables } from './hooked-tables.ts';
import type { Region } from './region.ts';

export class ExpiringTables extends HookedTables {
  constructor(tables: Tables) {
    super(tables, (_call, make) => make());
  }
  override get expiresAfterMs(): number {
    return 400 * DAY_MS;
  }
}

/** Deletes what the store has let expire by the region's clock. @returns how many rows */
export async function expire({ delivered, now, tables }: Region): Promise<number> {
  const expired = delivered.filter(({ arrival }) => arrival <= now - 400 * DAY_MS);
  await tables.delete(
    'events',
    expired.map(({ rowKey }) => rowKey),
  );
  return expired.length;
}

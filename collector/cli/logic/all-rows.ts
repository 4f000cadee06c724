/** What `logic activate` and `logic drop` do to the rows of all merchants. */
import type { MerchantId } from '../../../shared/ids.ts';
import { rollupKey } from '../../../shared/keys.ts';
import type { Stores } from '../../app/context.ts';
import { missingRows } from '../../rollup/reprocess/missing-rows.ts';
import type { LogicSet } from '../../store/logic-versions.ts';
import { allMerchants } from '../../store/sealing/all-merchants.ts';
import type { Tables } from '../../store/tables.ts';

/** Keys of `history` begin with those of `rollups`. */
const ROWS = [
  ...[['rollups', 'hour'] as const, ['rollups', 'day'] as const],
  ...[['history', 'hour'] as const, ['history', 'day'] as const],
];
const LAST = 2 ** 32 - 1;
const ROWS_PER_DELETE = 500;

export interface Missing {
  readonly merchant: MerchantId;
  /** Hours that have figures by the active version, and none by the other. */
  readonly hours: number;
}

/** @param merchants null: all */
export async function missingOf(
  stores: Pick<Stores, 'log' | 'rollups' | 'sealed'>,
  set: LogicSet,
  version: number,
  merchants: readonly MerchantId[] | null,
  progress: (checked: number) => void,
  signal: AbortSignal,
): Promise<Missing[]> {
  const missing: Missing[] = [];
  let checked = 0;
  for await (const merchant of merchants ?? allMerchants(stores)) {
    signal.throwIfAborted();
    const active = set.active(merchant);
    const hours = active === version ? 0 : await missingRows(stores.rollups, merchant, active, version);
    if (hours > 0) missing.push({ merchant, hours });
    progress(++checked);
  }
  return missing;
}

/** A version's rows are written by nobody after it was dropped: their keys are never used again. */
export async function dropRows(
  tables: Tables,
  stores: Pick<Stores, 'log' | 'rollups' | 'sealed'>,
  version: number,
  progress: (rows: number) => void,
  signal: AbortSignal,
): Promise<number> {
  let rows = 0;
  for await (const merchant of allMerchants(stores))
    for (const [table, level] of ROWS) {
      const range = { start: rollupKey(merchant, level, version, 0), stop: rollupKey(merchant, level, version, LAST) };
      let keys: Uint8Array[] = [];
      const remove = async (): Promise<void> => {
        signal.throwIfAborted();
        if (keys.length > 0) await tables.delete(table, keys);
        rows += keys.length;
        progress(rows);
        keys = [];
      };
      for await (const { row } of tables.scan(table, { ...range, keysOnly: true }))
        if (keys.push(row) === ROWS_PER_DELETE) await remove();
      await remove();
    }
  return rows;
}

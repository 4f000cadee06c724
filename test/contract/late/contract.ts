/**
 * Contract of late data on any store: what is late grows the rows that it is of, and what is too
 * late leaves them as they are.
 */
import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { giantContract, type LargestCall } from './giant.ts';
import { grownContract } from './grown.ts';
import { sealedContract } from './sealed.ts';

/** @param largestCall of the store's gateway, if it has one */
export async function lateContract(
  t: Test,
  open: () => Promise<Tables>,
  largestCall: LargestCall = null,
): Promise<void> {
  const tables = await open();
  try {
    await tables.init();
    await t.test('hours that grow', (t) => grownContract(t, tables));
    await t.test('a giant merchant', (t) => giantContract(t, tables, largestCall));
    await t.test('sealed hours', (t) => sealedContract(t, tables));
  } finally {
    await tables.close();
  }
}

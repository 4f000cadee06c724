/** Contract of what is final, on any store. */
import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { finalityContract } from './finality.ts';
import { hostileFinalityContract } from './hostile.ts';
import { parkedSpanContract } from './parked-span.ts';

export async function finalityContracts(t: Test, open: () => Promise<Tables>): Promise<void> {
  const tables = await open();
  try {
    await tables.init();
    await t.test('finality', (t) => finalityContract(t, tables));
    await t.test('the span of what is parked', (t) => parkedSpanContract(t, tables));
    await t.test('finality against odds', (t) => hostileFinalityContract(t, tables));
  } finally {
    await tables.close();
  }
}

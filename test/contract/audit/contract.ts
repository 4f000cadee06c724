/**
 * Contract of the audit on any store: what differs from the raw log is found and repaired, and the
 * sweep does so once a day.
 */
import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { rowsContract } from './rows.ts';
import { sweepContract } from './sweep.ts';

export async function auditContract(t: Test, open: () => Promise<Tables>): Promise<void> {
  const tables = await open();
  try {
    await tables.init();
    await t.test('rows', (t) => rowsContract(t, tables));
    await t.test('sweep', (t) => sweepContract(t, tables));
  } finally {
    await tables.close();
  }
}

/**
 * Contract of the history of published figures, on any store: `await historyContract(t, () =>
 * openSomeTables(…))`. Every merchant in it is a fresh one.
 */
import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { asOfContract } from './as-of.ts';
import { asOfProperty } from './as-of-property.ts';
import { logicSwitchesContract } from './logic-switches.ts';
import { replacedRowsContract } from './replaced-rows.ts';
import { restatementsContract } from './restatements.ts';

export async function historyContract(t: Test, open: () => Promise<Tables>): Promise<void> {
  const tables = await open();
  try {
    await tables.init();
    await t.test('restatements', (t) => restatementsContract(t, tables));
    await t.test('switches of the logic version', (t) => logicSwitchesContract(t, tables));
    await t.test('rows that are replaced', (t) => replacedRowsContract(t, tables));
    await t.test('answers as of an earlier moment', (t) => asOfContract(t, tables));
    await t.test('whatever happens, an answer is given again as it was', (t) => asOfProperty(t, tables));
  } finally {
    await tables.close();
  }
}

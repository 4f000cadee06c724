/**
 * Contract of the typed stores on top of the store's port, on any store: `await storesContract(t,
 * () => openSomeTables(…))`. Merchants are fresh ones, so the suite can run again and again on a
 * store that keeps them.
 */
import type { Test } from 'tap';
import type { Tables } from '../../collector/store/tables.ts';
import { controlContract } from './stores/control.ts';
import { dueMarksContract } from './stores/due-marks.ts';
import { eventLogContract } from './stores/event-log.ts';
import { largeRowsContract } from './stores/large-rows.ts';
import { rollupsContract } from './stores/rollups.ts';
import { solePartialsContract } from './stores/sole-partials.ts';
import { terminalsContract } from './stores/terminals.ts';

export async function storesContract(t: Test, open: () => Promise<Tables>): Promise<void> {
  const tables = await open();
  try {
    await tables.init();
    await t.test('event log', (t) => eventLogContract(t, tables));
    await t.test('due marks', (t) => dueMarksContract(t, tables));
    await t.test('rollups', (t) => rollupsContract(t, tables));
    await t.test('large rows', (t) => largeRowsContract(t, tables));
    await t.test('sole partials', (t) => solePartialsContract(t, tables));
    await t.test('terminals', (t) => terminalsContract(t, tables));
    await t.test('control', (t) => controlContract(t, tables));
  } finally {
    await tables.close();
  }
}

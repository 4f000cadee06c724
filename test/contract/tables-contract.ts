/**
 * Contract of `collector/store/tables.ts`: one suite that every adapter passes.
 *
 *     await tablesContract(t, () => openSomeTables(…));
 *
 * `open` is called several times against the same store. All rows lie under fresh random prefixes,
 * so the suite can run again and again on a store that keeps them.
 */
import type { Test } from 'tap';
import { checkAndPutContract } from './tables/check-and-put.ts';
import { deleteContract } from './tables/delete.ts';
import { getContract } from './tables/get.ts';
import { lifecycleContract } from './tables/lifecycle.ts';
import { putContract } from './tables/put.ts';
import { putIfAbsentContract } from './tables/put-if-absent.ts';
import type { OpenTables } from './tables/rows.ts';
import { scanContract } from './tables/scan.ts';
import { scanPagesContract } from './tables/scan-pages.ts';
import { scanPartsContract } from './tables/scan-parts.ts';
import { wideRowsContract } from './tables/wide-rows.ts';

export async function tablesContract(t: Test, open: OpenTables): Promise<void> {
  await t.test('init and close', (t) => lifecycleContract(t, open));
  const tables = await open();
  try {
    await t.test('put', (t) => putContract(t, tables));
    await t.test('putIfAbsent and exists', (t) => putIfAbsentContract(t, tables));
    await t.test('get', (t) => getContract(t, tables));
    await t.test('scan', (t) => scanContract(t, tables));
    await t.test('scan over pages', (t) => scanPagesContract(t, tables));
    await t.test('scan of parts', (t) => scanPartsContract(t, tables));
    await t.test('wide rows', (t) => wideRowsContract(t, tables));
    await t.test('checkAndPut', (t) => checkAndPutContract(t, tables));
    await t.test('delete', (t) => deleteContract(t, tables));
  } finally {
    await tables.close();
  }
}

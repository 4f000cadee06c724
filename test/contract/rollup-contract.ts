/**
 * Contract of the rollup, from due marks to rows, on any store: `await rollupContract(t, () =>
 * openSomeTables(…))`. Every merchant in it is a fresh one, so the suite can run again and again on
 * a store that keeps them.
 */
import type { Test } from 'tap';
import type { Tables } from '../../collector/store/tables.ts';
import { backlogContract } from './rollup/backlog.ts';
import { clockSetBackContract } from './rollup/clock-set-back.ts';
import { crashContract } from './rollup/crashes.ts';
import { daysContract } from './rollup/days.ts';
import { hoursContract } from './rollup/hours.ts';
import { leasesContract } from './rollup/leases.ts';
import { rollupLogicContract } from './rollup/logic-versions.ts';
import { passesContract } from './rollup/passes.ts';
import { racesContract } from './rollup/races.ts';
import { randomDaysContract } from './rollup/random-days.ts';
import { randomMarksContract } from './rollup/random-marks.ts';
import { reprocessContract } from './rollup/reprocess.ts';
import { turnsContract } from './rollup/turns.ts';

export async function rollupContract(t: Test, open: () => Promise<Tables>): Promise<void> {
  const tables = await open();
  try {
    await tables.init();
    await t.test('hours', (t) => hoursContract(t, tables));
    await t.test('days', (t) => daysContract(t, tables));
    await t.test('passes', (t) => passesContract(t, tables));
    await t.test('logic versions', (t) => rollupLogicContract(t, tables));
    await t.test('reprocess', (t) => reprocessContract(t, tables));
    await t.test('leases', (t) => leasesContract(t, tables));
    await t.test('merchants in turn', (t) => turnsContract(t, tables));
    await t.test('a backlog beside live hours', (t) => backlogContract(t, tables));
    await t.test('long-lived runners', (t) => randomMarksContract(t, tables));
    await t.test('several runners', (t) => racesContract(t, tables));
    await t.test('crashes and failing stores', (t) => crashContract(t, tables));
    await t.test('a clock that was ahead', (t) => clockSetBackContract(t, tables));
    await t.test('random days', (t) => randomDaysContract(t, tables));
  } finally {
    await tables.close();
  }
}

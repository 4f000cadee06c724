/**
 * Contract of the merchants' HTTP API, on any store: `await apiContract(t, () =>
 * openSomeTables(…))`. Every merchant in it is a fresh one, so the suite can run again and again on
 * a store that keeps them.
 */
import type { Test } from 'tap';
import type { Tables } from '../../collector/store/tables.ts';
import { admissionContract } from './api/admission.ts';
import { authContract } from './api/auth.ts';
import { compareContract } from './api/compare.ts';
import { csvContract } from './api/csv.ts';
import { eventsContract } from './api/events.ts';
import { freshnessContract } from './api/freshness.ts';
import { groupsContract } from './api/groups.ts';
import { lossesContract } from './api/losses.ts';
import { metricsContract } from './api/metrics.ts';
import { servedAlikeContract } from './api/served-alike.ts';
import { serverContract } from './api/server.ts';
import { timeContract } from './api/time.ts';
import { topContract } from './api/top.ts';
import { wrongQuestionsContract } from './api/wrong-questions.ts';
import { callsContract, type GatewayCalls } from './calls/month-by-day.ts';

export async function apiContract(
  t: Test,
  open: () => Promise<Tables>,
  gatewayCalls: GatewayCalls = null,
): Promise<void> {
  const tables = await open();
  try {
    await tables.init();
    await t.test('metrics', (t) => metricsContract(t, tables));
    await t.test('time', (t) => timeContract(t, tables));
    await t.test('dimensions', (t) => groupsContract(t, tables));
    await t.test('compare', (t) => compareContract(t, tables));
    await t.test('CSV', (t) => csvContract(t, tables));
    await t.test('top', (t) => topContract(t, tables));
    await t.test('events', (t) => eventsContract(t, tables));
    await t.test('losses', (t) => lossesContract(t, tables));
    await t.test('keys and tenants', (t) => authContract(t, tables));
    await t.test('admission', (t) => admissionContract(t, tables));
    await t.test('wrong questions', (t) => wrongQuestionsContract(t, tables));
    await t.test('server', (t) => serverContract(t, tables));
    await t.test('freshness', (t) => freshnessContract(t, tables));
    await t.test('calls of the store', (t) => callsContract(t, tables, gatewayCalls));
    await t.test('raw, by the hour and by the day', (t) => servedAlikeContract(t, tables));
  } finally {
    await tables.close();
  }
}

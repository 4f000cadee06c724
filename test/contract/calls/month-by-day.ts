/**
 * How many calls of the store one question makes. Counted are reads through the port, and where the
 * store tells them, calls of its gateway: a scan of many pages is several. Not counted are the
 * merchant's key and the active logic version, which a process remembers for 10 s and for 0.5 s.
 */
import type { Test } from 'tap';
import { LogicVersions } from '../../../collector/store/logic-versions.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../shared/time.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { Api } from '../../support/region/api.ts';
import { CountedTables } from '../../support/region/counted-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';
import { say } from '../../support/region/tills.ts';

const MOST = 3;
const DAY = Math.floor(HOUR / 24);
/** Days before HOUR's day are of the same month, and have no sales. */
const SOLD_ON = [0, 1, 4, 5, 7];
const TODAY = 8;
const MONTH = { from: '2011-03-13', to: '2011-04-12', interval: 'day' };

/** Calls of the store's gateway so far; null: the store has none. */
export type GatewayCalls = (() => number) | null;

/** One till that sold on some days; today an hour is rolled up, one is to be, one is open. */
async function smallMerchant(tables: Tables): Promise<{ region: Region; sold: number }> {
  const region = new Region(tables);
  let seq = 1;
  const sell = async (hour: number): Promise<void> => {
    await region.deliver(region.events('a', seq, salesIn(hour, [1, 2, 3])));
    seq += 3;
  };
  for (const day of SOLD_ON) {
    for (const hour of [8, 9, 17]) await sell((DAY + day) * 24 + hour);
    region.now = (DAY + day + 1) * DAY_MS;
    await region.passDay(DAY + day);
  }
  const today = (DAY + TODAY) * 24;
  await sell(today + 8);
  region.now = (today + 9) * HOUR_MS;
  await region.passDay(DAY + TODAY - 2);
  region.now = (today + 9) * HOUR_MS + 10 * MINUTE_MS;
  await say(region, 'a', (today + 9) * HOUR_MS);
  await region.pass();
  await sell(today + 9);
  await sell(today + 10);
  region.now = (today + 10) * HOUR_MS + MINUTE_MS;
  return { region, sold: seq - 1 };
}

export async function callsContract(t: Test, tables: Tables, gatewayCalls: GatewayCalls = null): Promise<void> {
  const { counted, tables: through } = CountedTables.of(tables);
  const { region, sold } = await smallMerchant(tables);
  const asked = region.through(through);
  asked.now = region.now;
  /** The sales of each day, and what it took. */
  const ask = async (api: Api) => {
    const before = gatewayCalls?.() ?? 0;
    const values = await counted.during(() => api.values('sales.count', MONTH));
    const gateway = (gatewayCalls?.() ?? 0) - before;
    const sales = values.flat().reduce<number>((sum, value) => sum + (value as number), 0);
    return { sales, calls: counted.calls.map(({ operation, table }) => `${operation} ${table}`), gateway };
  };
  const few = (t: Test, { calls, gateway }: Awaited<ReturnType<typeof ask>>, what: string): void => {
    t.ok(calls.length <= MOST, `${what}: ${calls.length} calls (${calls.join(', ')})`);
    t.ok(counted.rounds <= MOST, `${what}: ${counted.rounds} rounds`);
    t.ok(gateway <= MOST, `${what}: ${gateway} calls of the gateway`);
  };
  const open = async (): Promise<Api> => {
    const api = await Api.open(asked);
    await api.ask('metrics', { from: '2011-02-01', to: '2011-02-02', interval: 'day' });
    return api;
  };

  await t.test('a month by day with days without sales, and a day that is not over, takes three', async (t) => {
    const api = await open();
    for (const what of ['the first question', 'the second one', 'the third one']) {
      const answered = await ask(api);
      t.equal(answered.sales, sold);
      few(t, answered, what);
    }
    await api.close();
  });

  await t.test('so it does when something was sold since, in an open hour and in a gap', async (t) => {
    const api = await open();
    await ask(api);
    await region.deliver(region.events('a', 1_000, salesIn((DAY + TODAY) * 24 + 10, [1])));
    const open_ = await ask(api);
    t.equal(open_.sales, sold + 1);
    few(t, open_, 'in the open hour');
    await region.deliver(region.events('a', 1_001, salesIn((DAY + TODAY) * 24 + 3, [1])));
    const gap = await ask(api);
    t.equal(gap.sales, sold + 2);
    few(t, gap, 'in an hour of today that had none');
    await region.deliver(region.events('a', 1_002, salesIn((DAY + 2) * 24 + 3, [1])));
    t.equal((await ask(api)).sales, sold + 3, 'a day that had none: how many calls it takes is no matter');
    await api.close();
  });

  await t.test('which logic version is active is one call', async (t) => {
    await counted.during(() => new LogicVersions(through).read());
    t.equal(counted.calls.length, 1);
  });
}

import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../shared/time.ts';
import { HOUR, tillEvent } from '../../support/collector/till-events.ts';
import { Api, type Query } from '../../support/region/api.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { RECENT_HOUR } from '../../support/region/recent.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';
import { finalThrough, say } from '../../support/region/tills.ts';

const DAY = Math.floor(HOUR / 24);
const T = '2011-03-27T00:00:00+00:00';

interface Listed {
  readonly at: string;
  readonly t: string;
  readonly reason: string;
  readonly wasFinal: boolean;
  readonly changes: Readonly<Record<string, readonly [number | null, number]>>;
}

const listed = async (region: Region, query: Query = { all: 'true' }): Promise<Listed[]> => {
  const api = await Api.open(region);
  return (await api.get('restatements', query)).restatements;
};

/** An hour with a sale of `a`, rolled up five minutes after its end. */
async function rolledUp(tables: Tables): Promise<Region> {
  const region = new Region(tables);
  await region.deliver(region.events('a', 1, salesIn(HOUR, [100])));
  region.now = (HOUR + 1) * HOUR_MS + 5 * MINUTE_MS;
  await region.pass();
  return region;
}

/** The same, and final. */
async function final(tables: Tables): Promise<Region> {
  const region = await rolledUp(tables);
  await say(region, 'a', (HOUR + 1) * HOUR_MS);
  await region.pass();
  return region;
}

const LATE = {
  'events.count': [1, 2],
  'sales.count': [1, 2],
  'sales.amount.GBP': [100, 130],
  'net.amount.GBP': [100, 130],
};

export async function restatementsContract(t: Test, tables: Tables): Promise<void> {
  await t.test('a late event restates a provisional hour; it is listed on request', async (t) => {
    const region = await rolledUp(tables);
    t.same(await listed(region), []);
    await region.deliver(region.events('a', 2, salesIn(HOUR, [30])));
    await region.pass();
    const at = new Date(region.now).toISOString().replace(/\.000Z$/, '+00:00');
    t.same(await listed(region), [{ at, level: 'hour', t: T, reason: 'late', wasFinal: false, changes: LATE }]);
    t.same(await listed(region, {}), []);
  });

  await t.test('a final hour that changes says so, by default', async (t) => {
    const region = await final(tables);
    await region.deliver(region.events('b', 1, salesIn(HOUR, [30])));
    await region.pass();
    t.match(await listed(region, {}), [{ t: T, reason: 'late', wasFinal: true, changes: LATE }]);
  });

  await t.test('so does one that was final without a sale, and its till of nothing', async (t) => {
    const region = new Region(tables);
    await say(region, 'a', (HOUR + 1) * HOUR_MS);
    region.now = (HOUR + 1) * HOUR_MS + 5 * MINUTE_MS;
    await region.pass();
    t.equal(await finalThrough(region), (HOUR + 1) * HOUR_MS);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [7])));
    await region.pass();
    await region.pass();
    const changes = { 'sales.count': [0, 1], 'sales.amount.GBP': [0, 7] };
    t.match(await listed(region, {}), [{ t: T, reason: 'late', wasFinal: true, changes }]);
  });

  await t.test('a final hour whose row is made anew, as after a restore, restates nothing', async (t) => {
    for (const [arrived, rowMade] of [
      [10 * MINUTE_MS, 2 * HOUR_MS],
      [2 * HOUR_MS, 3 * DAY_MS],
    ] as const) {
      const region = new Region(tables);
      const start = RECENT_HOUR * HOUR_MS;
      region.now = start + rowMade;
      await region.finality.write(region.merchant, { through: start + HOUR_MS, holes: [] }, null);
      const arrival = start + arrived;
      await region.deliver(region.events('a', 1, salesIn(RECENT_HOUR, [7]), { hour: RECENT_HOUR, arrival }));
      await region.pass();
      t.equal(await region.revision('hour', RECENT_HOUR), 1);
      t.same(await listed(region), []);
    }
  });

  await t.test('each change is listed once, the oldest first', async (t) => {
    const region = await final(tables);
    await region.deliver(region.events('a', 2, salesIn(HOUR, [30])));
    await region.pass();
    const since = region.now + 1;
    await region.deliver(region.events('a', 3, salesIn(HOUR, [1])));
    await region.passDay(DAY);
    const both = await listed(region, {});
    t.match(both, [
      { changes: { 'sales.count': [1, 2], 'sales.amount.GBP': [100, 130] } },
      { changes: { 'sales.count': [2, 3], 'sales.amount.GBP': [130, 131] } },
    ]);
    t.equal(both.length, 2);
    t.same(await listed(region, { since: new Date(since).toISOString() }), both.slice(1));
    t.same(await listed(region, { since: '2011-04-30' }), []);
  });

  await t.test('a batch that comes again, cut otherwise, restates nothing', async (t) => {
    const region = await rolledUp(tables);
    const [first] = salesIn(HOUR, [100]);
    await region.deliver(region.events('a', 1, [first!]));
    await region.deliver(region.events('a', 2, salesIn(HOUR, [30, 40])));
    await region.pass();
    await region.deliver(region.events('a', 2, salesIn(HOUR, [30])));
    await region.pass();
    t.equal((await listed(region)).length, 1);
  });

  await t.test('what a till lost restates, and is told apart', async (t) => {
    const region = await final(tables);
    await region.deliver(region.losses('a', 2, 3));
    await region.pass();
    t.match(await listed(region, {}), [{ reason: 'loss', wasFinal: true }]);
    t.same((await listed(region, {}))[0]?.changes, { 'events.lost': [0, 3] });
  });

  await t.test('a seq that is decided otherwise is a correction', async (t) => {
    const region = await rolledUp(tables);
    const arrival = Date.now() - MINUTE_MS;
    await region.deliver(region.events('a', 1, [tillEvent({ amount: 70 })], { arrival }));
    await region.pass();
    const changes = { 'sales.amount.GBP': [100, 70], 'net.amount.GBP': [100, 70] };
    t.match(await listed(region), [{ reason: 'correction', wasFinal: false }]);
    t.same((await listed(region))[0]?.changes, changes);
  });

  await t.test('so is a damaged batch that can be read again', async (t) => {
    const region = new Region(tables);
    const bad = region.events('b', 1, salesIn(HOUR, [30]));
    await region.deliver(region.events('a', 1, salesIn(HOUR, [100])), bad);
    await region.overwrite(bad, bad.bytes.subarray(0, -1));
    region.now = (HOUR + 1) * HOUR_MS + 5 * MINUTE_MS;
    await region.pass();
    await region.overwrite(bad);
    region.now += DAY_MS;
    await region.pass();
    t.match(await listed(region), [{ reason: 'correction', changes: LATE }]);
  });

  await t.test('refunds and pieces are told too, each currency for itself', async (t) => {
    const region = await rolledUp(tables);
    const items = [{ sku: 'A1', qty: 1_500, price: 20 }];
    const refund = tillEvent({ type: 'refund', amount: 30, currency: 'EUR', items });
    await region.deliver(region.events('a', 2, [refund, tillEvent({ type: 'void', amount: null, currency: null })]));
    await region.pass();
    t.same((await listed(region))[0]?.changes, {
      'events.count': [1, 3],
      'refunds.count': [0, 1],
      'items.quantity': [0, -1.5],
      'refunds.amount.EUR': [0, 30],
      'net.amount.EUR': [0, -30],
    });
  });

  await t.test('figures of running hours are no restatement', async (t) => {
    const region = new Region(tables);
    region.now = HOUR * HOUR_MS + 10 * MINUTE_MS;
    await region.deliver(region.events('a', 1, salesIn(HOUR + 5, [1])));
    await region.pass();
    await region.deliver(region.events('a', 2, salesIn(HOUR + 5, [1])));
    await region.pass();
    await region.passDay(DAY);
    t.same(await listed(region), []);
  });

  await t.test('pages', async (t) => {
    const region = new Region(tables);
    const hours = Array.from({ length: 105 }, (_, at) => HOUR + at);
    for (const hour of hours) await region.deliver(region.events('a', hour, salesIn(hour, [1])));
    region.now = (HOUR + 200) * HOUR_MS;
    await region.pass();
    for (const hour of hours) await region.deliver(region.events('b', hour, salesIn(hour, [2])));
    await region.pass();
    const api = await Api.open(region);
    const first = await api.get('restatements', { all: 'true' });
    const second = await api.get('restatements', { all: 'true', cursor: first.next });
    t.equal(first.restatements.length, 100);
    t.equal(second.next, null);
    const all = [...first.restatements, ...second.restatements] as Listed[];
    t.equal(new Set(all.map(({ t }) => t)).size, 105);
    for (const [query, parameter] of [
      [{ cursor: 'x' }, 'cursor'],
      [{ cursor: Buffer.from('[1,2]').toString('base64url') }, 'cursor'],
      [{ since: 'yesterday' }, 'since'],
      [{ all: 'maybe' }, 'all'],
      [{ from: '2011-01-01' }, 'from'],
    ] as const)
      t.match(await api.ask('restatements', query), { status: 400, body: { errors: [{ parameter }] } });
  });

  await t.test('an hour that becomes final while its change is made, was final', async (t) => {
    const region = await rolledUp(tables);
    await region.deliver(region.events('a', 2, salesIn(HOUR, [30])));
    const racing = region.through(
      new HookedTables(tables, async ({ operation, table }, make) => {
        const isPublication = operation === 'checkAndPut' && table === 'rollups';
        if (isPublication) {
          const through = (HOUR + 1) * HOUR_MS;
          await region.finality.write(region.merchant, { through, holes: [] }, null);
        }
        return make();
      }),
    );
    await racing.pass();
    t.match(await listed(region, {}), [{ wasFinal: true, changes: LATE }]);
  });
}

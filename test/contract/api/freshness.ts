import type { Test } from 'tap';
import { recompute } from '../../../collector/rollup/recompute.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../shared/time.ts';
import { HOUR, LOGIC } from '../../support/collector/till-events.ts';
import { Api } from '../../support/region/api.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { GRACE_MS, Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const DAY = Math.floor(HOUR / 24);
const RANGE = { from: '2011-03-20', to: '2011-04-10', interval: 'total' };

/** The merchant's sales as the API has them now. */
const sold = async (api: Api): Promise<number> => (await api.values('sales.count', RANGE))[0]![0] as number;

export async function freshnessContract(t: Test, tables: Tables): Promise<void> {
  await t.test('an event is in the next answer, in whatever hour it lies', async (t) => {
    const region = new Region(tables);
    region.now = (HOUR + 5) * HOUR_MS + 10 * MINUTE_MS;
    const api = await Api.open(region);
    for (const [i, hour] of [HOUR + 5, HOUR + 4, HOUR, HOUR - 30, HOUR + 6, HOUR + 200].entries()) {
      await region.deliver(region.events('a', i + 1, salesIn(hour, [1])));
      t.equal(await sold(api), i + 1);
    }
  });

  await t.test('figures never dip at the top of an hour, nor at midnight, whatever minute it is', async (t) => {
    const region = new Region(tables);
    const api = await Api.open(region);
    let seq = 1;
    let highest = 0;
    // Two tills sell every minute, around 23:00 and midnight; a third has its backlog of the
    // evening stored some minutes after midnight.
    region.now = (DAY * 24 + 22) * HOUR_MS + 55 * MINUTE_MS;
    while (region.now < (DAY + 1) * DAY_MS + 10 * MINUTE_MS) {
      if (region.now === (DAY * 24 + 23) * HOUR_MS + 10 * MINUTE_MS) region.now += 45 * MINUTE_MS;
      const hour = Math.floor(region.now / HOUR_MS);
      const minute = Math.floor((region.now % HOUR_MS) / MINUTE_MS);
      await region.deliver(region.events('a', seq, salesIn(hour, [1], minute)));
      // This one's clock is slow: what it sells after the hour is still of the hour before.
      await region.deliver(region.events('b', seq, salesIn(hour - (minute < 3 ? 1 : 0), [1], minute)));
      if (hour === (DAY + 1) * 24 && minute < 6)
        await region.deliver(region.events('c', seq, salesIn(DAY * 24 + 17 + minute, [1], minute)));
      seq++;
      const before = await sold(api);
      await region.pass();
      const after = await sold(api);
      t.ok(before > highest && after >= before, `${new Date(region.now).toISOString()} ${highest} ${before} ${after}`);
      highest = after;
    }
    t.equal(highest, region.delivered.length);
    await region.passDay(DAY + 1);
    t.equal(await sold(api), region.delivered.length);
  });

  await t.test('a closed hour with a pending mark serves what was last published', async (t) => {
    const region = new Region(tables);
    const api = await Api.open(region);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1, 1])));
    region.now = (HOUR + 1) * HOUR_MS + GRACE_MS;
    await region.pass();
    await region.deliver(region.events('b', 1, salesIn(HOUR, [1])));
    t.equal(await sold(api), 2);
    await region.pass();
    t.equal(await sold(api), 3);
  });

  await t.test('a late event of a day long rolled up shows after the next pass', async (t) => {
    const region = new Region(tables);
    const api = await Api.open(region);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    await region.passDay(DAY);
    region.now += 5 * DAY_MS;
    await region.deliver(region.events('b', 1, salesIn(HOUR, [1])), region.events('b', 2, salesIn(HOUR + 7, [1])));
    await region.pass();
    t.equal(await sold(api), 3);
  });

  await t.test('an event stamped ahead of time does not hide the others once its hour has come', async (t) => {
    const region = new Region(tables);
    const api = await Api.open(region);
    await region.deliver(region.events('fast', 1, salesIn(HOUR + 3, [1])));
    await region.pass();
    t.equal(await sold(api), 1, 'rolled up early');
    region.now = (HOUR + 3) * HOUR_MS + 30 * MINUTE_MS;
    await region.deliver(region.events('right', 1, salesIn(HOUR + 3, [1, 1])));
    t.equal(await sold(api), 3, 'while the hour runs');
    region.now = (HOUR + 4) * HOUR_MS + 1;
    t.equal(await sold(api), 3, 'right after it');
    await region.passDay(DAY);
    t.equal(await sold(api), 3);
  });

  await t.test(
    'a day rolled up before it has ended, by a clock that is fast, is not taken for the whole',
    async (t) => {
      const region = new Region(tables);
      const api = await Api.open(region);
      await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
      region.now = (HOUR + 2) * HOUR_MS;
      await region.pass();
      await recompute(
        { merchant: region.merchant, level: 'day', time: DAY, terminals: new Set() },
        LOGIC,
        region,
        () => region.now,
      );
      t.equal(await region.revision('day', DAY), 1);
      await region.deliver(region.events('a', 2, salesIn(HOUR + 2, [1])));
      t.equal(await sold(api), 2);
      await region.passDay(DAY);
      t.equal(await sold(api), 2);
    },
  );

  await t.test('what a clock that was ahead has rolled up, and that was set right since, hides nothing', async (t) => {
    for (const level of ['hour', 'day'] as const) {
      const region = new Region(tables);
      const api = await Api.open(region);
      region.now = HOUR * HOUR_MS + 30 * MINUTE_MS;
      await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
      await recompute(
        { merchant: region.merchant, level, time: level === 'hour' ? HOUR : DAY, terminals: new Set() },
        LOGIC,
        region,
        () => region.now + 2 * DAY_MS,
      );
      await region.deliver(region.events('a', 2, salesIn(HOUR, [1])));
      t.equal(await sold(api), 2, 'while the hour runs');
      region.now = (HOUR + 1) * HOUR_MS + 1;
      t.equal(await sold(api), 2, 'right after it');
      await region.passDay(DAY);
      t.equal(await sold(api), 2);
    }
  });

  await t.test('an hour whose first mark names one till of several hides none of the others', async (t) => {
    const region = new Region(tables);
    const api = await Api.open(region);
    region.now = HOUR * HOUR_MS + 50 * MINUTE_MS;
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])), region.events('b', 1, salesIn(HOUR, [1])));
    // Stored after the hour, and so due in the next minute; the others are due a grace after the
    // hour.
    region.now = (HOUR + 1) * HOUR_MS + 1;
    await region.deliver(region.events('c', 1, salesIn(HOUR, [1])));
    await region.pass();
    t.same(await region.revision('hour', HOUR), 1);
    t.equal(await sold(api), 3);
  });

  await t.test('a day that is rolled up while its last hours are not hides none of them', async (t) => {
    const region = new Region(tables);
    const api = await Api.open(region);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    region.now = (HOUR + 2) * HOUR_MS;
    await region.pass();
    region.now = (DAY + 1) * DAY_MS + GRACE_MS;
    // A backlog comes while the pass that makes the day runs: after its marks were listed, before
    // its hours are read.
    let once = true;
    const slow = region.through(
      new HookedTables(tables, async ({ operation, table }, make) => {
        if (operation === 'scan' && table === 'rollups' && once) {
          once = false;
          await region.deliver(region.events('b', 1, salesIn(HOUR + 9, [1, 1])));
          t.equal(await sold(api), 3);
        }
        return make();
      }),
    );
    await slow.pass();
    t.equal(await region.revision('day', DAY), 1);
    t.equal(await sold(api), 3);
  });

  await t.test('what figures go without is named, live, rolled up by the hour and by the day', async (t) => {
    const region = new Region(tables);
    const bad = region.events('bad', 1, salesIn(HOUR, [1]));
    await region.deliver(bad, region.events('good', 1, salesIn(HOUR, [2, 4])));
    await region.overwrite(bad, bad.bytes.subarray(0, -1));
    const api = await Api.open(region);
    const day = { from: '2011-03-27', to: '2011-03-28' };
    const whole = { ...day, interval: 'total', metrics: 'sales.count' };
    const parked = [{ t: '2011-03-27T00:00:00+00:00', terminal: 'bad', reason: 'unreadable' }];
    const DAY = Math.floor(HOUR / 24);
    const steps: [string, () => Promise<unknown>][] = [
      ['live', async () => undefined],
      [
        'by the hour',
        async () => {
          region.now = (HOUR + 2) * HOUR_MS;
          await region.pass();
        },
      ],
      [
        'by the day',
        async () => {
          region.now = (DAY + 1) * DAY_MS + 2 * HOUR_MS;
          await region.pass();
          await region.pass();
        },
      ],
    ];
    for (const [what, step] of steps) {
      await step();
      t.match(
        await api.get('metrics', whole),
        { meta: { parked }, series: [{ points: [{ 'sales.count': 2 }] }] },
        what,
      );
      t.match(await api.get('top', day), { meta: { parked } }, what);
      const before = await api.get('metrics', { ...whole, from: '2011-03-26', to: '2011-03-27' });
      t.notOk('parked' in before.meta, 'of this hour alone');
    }
    t.not(await region.revision('day', DAY), null);
  });

  await t.test('an hour or a day that is parked as a whole is answered from what lies below it', async (t) => {
    const region = new Region(tables);
    const [day, DAY] = [{ from: '2011-03-27', to: '2011-03-28', interval: 'total' }, Math.floor(HOUR / 24)];
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    await region.passDay(DAY);
    const api = await Api.open(region);
    const park = (level: 'hour' | 'day', time: number) => {
      const part = { terminal: null, reason: 'crash', detail: '', attempts: 1, since: 0, retryAt: 9e15 } as const;
      const record = { merchant: region.merchant, level, time, parts: [part], startedAt: null, crashes: 0 };
      return region.parked.write(record, null);
    };
    await park('hour', HOUR);
    await region.append(region.events('b', 1, salesIn(HOUR, [2])));
    const counted = async () =>
      (await api.get('metrics', { ...day, metrics: 'sales.count' })).series[0].points[0]['sales.count'];
    t.equal(await counted(), 1, 'the day as it was published');
    await park('day', DAY);
    t.equal(await counted(), 2, 'the hour from the raw log');
    await api.close();
  });
}

import type { Test } from 'tap';
import { ROLLUP_LIMITS } from '../../../collector/rollup/limits.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { DORMANT_MS } from '../../../collector/store/waited-terminals.ts';
import { DAY_MS, HOUR_MS } from '../../../shared/time.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { Api } from '../../support/region/api.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';
import { closeEpoch, E1, E2, finalThrough, retire, say } from '../../support/region/tills.ts';
import { finalityProperty } from './finality-property.ts';

const at = (hour: number): number => (HOUR + hour) * HOUR_MS;

/** The hour has ended, and its first pass is due. */
const afterHour = (region: Region): void => {
  region.now = at(1) + 5 * 60_000;
};

export async function finalityContract(t: Test, tables: Tables): Promise<void> {
  await t.test('an hour is final once each terminal said that it is clear through its end', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])), region.events('b', 1, salesIn(HOUR, [2])));
    afterHour(region);
    await say(region, 'a', at(1));
    await say(region, 'b', at(1) - 1);
    await region.pass();
    t.equal(await finalThrough(region), at(0));
    await say(region, 'b', at(1) + 60_000);
    t.match(await region.pass(), { failures: 0, finalHours: 1 });
    t.equal(await finalThrough(region), at(1));
  });

  await t.test('a till that is off is named, until it is retired', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    await say(region, 'off', at(0) + 60_000);
    afterHour(region);
    await say(region, 'a', at(1));
    await region.pass();
    const api = await Api.open(region);
    const query = { from: '2011-03-27T00:00:00Z', to: '2011-03-27T01:00:00Z', interval: 'hour' };
    t.match(await api.get('metrics', query), {
      meta: {
        ...{ status: 'provisional', finalThrough: null },
        waitingFor: [{ terminal: 'off', clearThrough: '2011-03-27T00:01:00+00:00', lastSeen: /^2011-03-27T00:00/ }],
      },
      series: [{ points: [{ status: 'provisional', 'sales.count': 1 }] }],
    });
    t.match(await api.ask('metrics', { ...query, complete: 'only' }), {
      status: 409,
      body: { status: 409, finalThrough: null, waitingFor: [{ terminal: 'off' }] },
    });
    await retire(region, 'off');
    await region.pass();
    t.match(await api.get('metrics', { ...query, complete: 'only' }), {
      meta: { status: 'final', finalThrough: '2011-03-27T01:00:00+00:00', waitingFor: [] },
      series: [{ points: [{ status: 'final', 'sales.count': 1 }] }],
    });
    t.match(await api.ask('top', { ...query, interval: [], complete: 'only' }), { status: 200 });
  });

  await t.test('a silent till is waited for during seven days, without anybody saying anything', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    await say(region, 'a', at(0));
    afterHour(region);
    await region.pass();
    region.now = at(0) + DORMANT_MS - DAY_MS;
    await region.pass();
    t.equal(await finalThrough(region), at(0));
    region.now = at(0) + DORMANT_MS + 2 * DAY_MS;
    await region.pass();
    t.ok((await finalThrough(region))! >= at(24 * 7));
  });

  await t.test('a shop without sales becomes final, and stays so after it signed off', async (t) => {
    const region = new Region(tables);
    await say(region, 'a', at(1));
    region.now = at(2);
    await region.pass();
    t.equal(await finalThrough(region), at(1));
    await closeEpoch(region, 'a', E1, 0, E1);
    region.now = at(5) + 5 * 60_000;
    await region.pass();
    t.equal(await finalThrough(region), at(5));
    // Nobody says anything any more.
    region.now = at(9) + 5 * 60_000;
    await region.pass();
    t.equal(await finalThrough(region), at(9));
  });

  await t.test('what was stored before a clearance is in the figures, also without its own run', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    await region.passDay(Math.floor(HOUR / 24));
    // The collector died between the row and its due mark.
    await region.append(region.events('a', 2, salesIn(HOUR, [5])));
    await say(region, 'a', at(2));
    await region.pass();
    t.equal(await finalThrough(region), at(2));
    await t.resolves(region.check('hour', HOUR));
    await t.resolves(region.check('day', Math.floor(HOUR / 24)), 'nor is the day without it');
  });

  await t.test('an epoch is waited for until a buffer that knows all of it says it is over', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1, 2, 3])));
    await say(region, 'a', at(0), { epoch: E1, lastSeq: 3 });
    afterHour(region);
    // A clone of the till, from when it had two events.
    await say(region, 'a', at(1), { epoch: E2, closed: [[E1, 2]] });
    await region.pass();
    t.equal(await finalThrough(region), at(0));
    await say(region, 'a', at(1), { epoch: E2, closed: [[E1, 3]] });
    await region.pass();
    t.equal(await finalThrough(region), at(1));
  });

  await t.test('an hour of which something is parked is not final; the others are, and it follows', async (t) => {
    const region = new Region(tables);
    const bad = region.events('a', 1, salesIn(HOUR, [1]));
    await region.deliver(bad, region.events('a', 2, salesIn(HOUR + 1, [1]), { hour: HOUR + 1 }));
    await region.overwrite(bad, bad.bytes.subarray(0, -1));
    region.now = at(2) + 5 * 60_000;
    await say(region, 'a', at(2));
    await region.pass();
    const api = await Api.open(region);
    const query = { from: '2011-03-27T00:00:00Z', to: '2011-03-27T02:00:00Z', interval: 'hour' };
    const statuses = async (): Promise<unknown> =>
      (await api.get('metrics', query)).series[0]?.points.map(({ status }: { status: string }) => status);
    t.same(await statuses(), ['provisional', 'final']);
    await region.overwrite(bad);
    region.now += ROLLUP_LIMITS.parkedRetry.value + 60_000;
    await say(region, 'a', at(3));
    await region.pass();
    await region.pass();
    t.same(await statuses(), ['final', 'final']);
  });

  await t.test('whatever comes in whatever order, nothing final lacks what its tills said it has', (t) =>
    finalityProperty(t, tables),
  );
}

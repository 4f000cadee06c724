/** Which hours of a merchant anything was ever parked in: what saves a question the look for it. */
import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { Api } from '../../support/region/api.ts';
import { CountedTables } from '../../support/region/counted-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';
import { say } from '../../support/region/tills.ts';

const DAY = { from: '2011-03-27', to: '2011-03-28', interval: 'total', metrics: 'sales.count' };
const PART = { reason: 'crash', detail: '', attempts: 1, since: 0, retryAt: 9e15 } as const;
const terminal = 'a' as never;

/** A till that sold, and hours later said that this was all. */
async function merchant(tables: Tables): Promise<Region> {
  const region = new Region(tables);
  await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
  region.now = (HOUR + 2) * HOUR_MS;
  await region.pass();
  return region;
}

async function finality(region: Region): Promise<void> {
  await say(region, 'a', region.now);
  await region.pass();
}

const park = (region: Region, hour: number, whole = false): Promise<boolean> => {
  const part = { ...PART, terminal: whole ? null : terminal };
  const place = { merchant: region.merchant, level: 'hour', time: hour } as const;
  return region.parked.write({ ...place, parts: [part], startedAt: null, crashes: 0 }, null);
};

const spanOf = async (region: Region) => (await region.finality.state(region.merchant)).parked;

export async function parkedSpanContract(t: Test, tables: Tables): Promise<void> {
  await t.test('nothing is known before the first look, and parking begins none', async (t) => {
    const region = await merchant(tables);
    await park(region, HOUR);
    t.equal(await spanOf(region), null);
  });

  await t.test('the first look finds what was parked before it, in days and hours', async (t) => {
    const region = await merchant(tables);
    await park(region, HOUR - 500);
    const day = { merchant: region.merchant, level: 'day', time: HOUR / 24 + 3 } as const;
    const parts = [{ ...PART, terminal: null }];
    await region.parked.ofLogic(2).write({ ...day, parts, startedAt: null, crashes: 0 }, null);
    await finality(region);
    t.same(await spanOf(region), { isKnown: true, from: HOUR - 500, to: HOUR - 499 }, 'of the versions in use');
    await region.parked.findSpan(region.merchant, [1, 2]);
    t.same(await spanOf(region), { isKnown: true, from: HOUR - 500, to: HOUR + 4 * 24 });
  });

  await t.test('what is parked later is named, and its hours are looked at from then on', async (t) => {
    const region = await merchant(tables);
    await finality(region);
    t.match(await spanOf(region), { isKnown: true, from: 0, to: 0 });
    const { counted, tables: through } = CountedTables.of(tables);
    const asked = region.through(through);
    asked.now = region.now;
    const api = await Api.open(asked);
    const looks = () =>
      counted.calls.filter(({ operation, table }) => table === 'control' && operation === 'scan').length;
    const before = await counted.during(() => api.get('metrics', DAY));
    t.same([looks(), before.meta.parked, before.series[0].points], [0, undefined, before.series[0].points]);
    await park(region, HOUR);
    const after = await counted.during(() => api.get('metrics', DAY));
    t.match(after.meta, { parked: [{ terminal: 'a', reason: 'crash' }] });
    t.equal(looks(), 1);
    await counted.during(() => api.get('metrics', { ...DAY, from: '2011-03-20', to: '2011-03-21' }));
    t.equal(looks(), 0, 'not those of another day');
    await api.close();
  });

  await t.test('what is parked while the look is under way is not missed', async (t) => {
    const region = await merchant(tables);
    await region.finality.write(region.merchant, { through: 0, holes: [] }, null);
    await region.finality.beginParked(region.merchant);
    await park(region, HOUR + 7);
    t.same(await spanOf(region), { isKnown: false, from: HOUR + 7, to: HOUR + 8 });
    await region.parked.findSpan(region.merchant, [1]);
    t.same(await spanOf(region), { isKnown: true, from: HOUR + 7, to: HOUR + 8 });
  });
}

import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { SLOT_MS } from '../../../shared/time.ts';
import { tillEvent } from '../../support/collector/till-events.ts';
import { Api, type Query } from '../../support/region/api.ts';
import { Region } from '../../support/region/region.ts';

/** A sale of one minor unit at the start of every slot from `from` on and before `to`. */
async function everySlot(tables: Tables, from: string, to: string): Promise<{ api: Api; region: Region }> {
  const region = new Region(tables);
  let seq = 1;
  for (let at = Date.parse(from); at < Date.parse(to); at += 4 * SLOT_MS) {
    const events = [0, 1, 2, 3].map((slot) => tillEvent({ ts: at + slot * SLOT_MS, amount: 1 }));
    await region.append(region.events('a', seq, events));
    seq += events.length;
  }
  region.now = Date.parse(to);
  return { api: await Api.open(region), region };
}

interface Point {
  readonly t: string;
  readonly status: string;
  readonly 'sales.count': number;
}
const points = async (api: Api, query: Query): Promise<Point[]> =>
  (await api.get('metrics', { metrics: 'sales.count', ...query })).series[0].points;
/** `t` and slots sold in, one line a point. */
const lines = async (api: Api, query: Query): Promise<string[]> =>
  (await points(api, query)).map((point) => `${point.t} ${point['sales.count']}`);

export async function timeContract(t: Test, tables: Tables): Promise<void> {
  const { api, region } = await everySlot(tables, '2011-03-25T00:00Z', '2011-04-05T00:00Z');

  await t.test('London: the day on which summer time begins has 23 hours', async (t) => {
    const days = { interval: 'day', tz: 'Europe/London', from: '2011-03-26', to: '2011-03-29' };
    t.same(await lines(api, days), [
      '2011-03-26T00:00:00+00:00 96',
      '2011-03-27T00:00:00+00:00 92',
      '2011-03-28T00:00:00+01:00 96',
    ]);
    const hours = { interval: 'hour', tz: 'Europe/London', from: '2011-03-27', to: '2011-03-27T04:00:00+01:00' };
    t.same(await lines(api, hours), [
      '2011-03-27T00:00:00+00:00 4',
      '2011-03-27T02:00:00+01:00 4',
      '2011-03-27T03:00:00+01:00 4',
    ]);
  });

  await t.test('Kolkata and Kathmandu: days and hours begin at half and three-quarter hours of UTC', async (t) => {
    const day = { interval: 'day', from: '2011-03-27', to: '2011-03-28' };
    t.same(await lines(api, { ...day, tz: 'Asia/Kolkata' }), ['2011-03-27T00:00:00+05:30 96']);
    t.same(await lines(api, { ...day, tz: 'Asia/Kathmandu' }), ['2011-03-27T00:00:00+05:45 96']);
    t.same(
      await lines(api, {
        ...{ interval: 'hour', tz: 'Asia/Kathmandu' },
        ...{ from: '2011-03-27T05:30:00+05:45', to: '2011-03-27T07:15:00+05:45' },
      }),
      ['2011-03-27T05:30:00+05:45 2', '2011-03-27T06:00:00+05:45 4', '2011-03-27T07:00:00+05:45 1'],
      'clipped at both ends',
    );
  });

  await t.test('Lord Howe: the night of a half-hour shift has 24 hours and a half', async (t) => {
    const day = { interval: 'day', tz: 'Australia/Lord_Howe', from: '2011-04-03', to: '2011-04-04' };
    t.same(await lines(api, day), ['2011-04-03T00:00:00+11:00 98']);
  });

  await t.test('weeks begin on Monday, months on the first, clipped to the range', async (t) => {
    const range = { tz: 'Europe/London', from: '2011-03-26', to: '2011-04-04' };
    t.same(await lines(api, { ...range, interval: 'week' }), [
      '2011-03-26T00:00:00+00:00 188',
      '2011-03-28T00:00:00+01:00 672',
    ]);
    t.same(await lines(api, { ...range, interval: 'month' }), [
      '2011-03-26T00:00:00+00:00 572',
      '2011-04-01T00:00:00+01:00 288',
    ]);
  });

  await t.test('total is one point that begins with the range', async (t) => {
    const range = { from: '2011-03-26T10:00:00Z', to: '2011-03-27T11:15:00Z' };
    t.same(await lines(api, { ...range, interval: 'total' }), ['2011-03-26T10:00:00+00:00 101']);
  });

  await t.test('a range is half-open', async (t) => {
    const quarter = { interval: '15m', from: '2011-03-27T10:15:00Z', to: '2011-03-27T10:45:00Z' };
    t.same(await lines(api, quarter), ['2011-03-27T10:15:00+00:00 1', '2011-03-27T10:30:00+00:00 1']);
  });

  await t.test('instants off a quarter hour are widened outwards, and meta shows the range used', async (t) => {
    const query = { interval: 'total', from: '2011-03-27T10:14:59.999Z', to: '2011-03-27T10:30:00.001Z' };
    const { meta, series } = await api.get('metrics', { ...query, metrics: 'sales.count', tz: 'Asia/Kolkata' });
    t.match(meta, { from: '2011-03-27T15:30:00+05:30', to: '2011-03-27T16:15:00+05:30', tz: 'Asia/Kolkata' });
    t.match(series[0].points, [{ t: '2011-03-27T15:30:00+05:30', 'sales.count': 3 }]);
  });

  await t.test('an instant may have any offset, whatever tz says; a plus sign that became a space too', async (t) => {
    const range = { interval: 'total', tz: 'Europe/London', to: '2011-03-27T06:00:00Z' };
    t.same(await lines(api, { ...range, from: '2011-03-27T05:30:00+05:30' }), ['2011-03-27T00:00:00+00:00 24']);
    t.same(await lines(api, { ...range, from: '2011-03-27T05:30:00 05:30' }), ['2011-03-27T00:00:00+00:00 24']);
  });

  await t.test('by default: the local day so far, by the hour, in UTC', async (t) => {
    region.now = Date.parse('2011-03-28T02:20:00Z');
    const { meta, series } = await api.get('metrics');
    t.match(meta, {
      tz: 'UTC',
      interval: 'hour',
      from: '2011-03-28T00:00:00+00:00',
      to: '2011-03-28T02:30:00+00:00',
      asOf: '2011-03-28T02:20:00+00:00',
    });
    t.match(series[0].points, [
      { t: '2011-03-28T00:00:00+00:00', status: 'provisional', 'sales.count': 4, 'sales.amount': 4 },
      { t: '2011-03-28T01:00:00+00:00', status: 'provisional', 'sales.count': 4 },
      { t: '2011-03-28T02:00:00+00:00', status: 'open' },
    ]);
    t.match((await api.get('metrics', { tz: 'Asia/Kolkata' })).meta, { from: '2011-03-28T00:00:00+05:30' });
    t.match((await api.get('metrics', { to: '2011-03-27' })).meta, { from: '2011-03-26T00:00:00+00:00' });
  });

  await t.test('the future is open and empty', async (t) => {
    region.now = Date.parse('2011-04-05T00:00:00Z');
    const found = await points(api, { interval: 'day', from: '2011-04-04', to: '2011-04-07' });
    t.match(found, [
      { status: 'provisional', 'sales.count': 96 },
      { status: 'open', 'sales.count': 0 },
      { status: 'open', 'sales.count': 0 },
    ]);
    t.match((await api.get('metrics', { from: '2011-04-04', to: '2099-12-31', interval: 'total' })).meta, {
      status: 'open',
    });
  });

  await t.test('a bucket is open while the hour of its last slot runs', async (t) => {
    region.now = Date.parse('2011-04-01T10:20:00Z');
    const statuses = async (query: Query): Promise<string[]> => (await points(api, query)).map(({ status }) => status);
    const quarters = { interval: '15m', from: '2011-04-01T09:30:00Z', to: '2011-04-01T10:45:00Z' };
    t.same(await statuses(quarters), ['provisional', 'provisional', 'open', 'open', 'open']);
    t.same(await statuses({ interval: 'day', from: '2011-03-31', to: '2011-04-02' }), ['provisional', 'open']);
  });

  await t.test('a local date that its zone leapt over begins with the next day', async (t) => {
    const samoa = { tz: 'Pacific/Apia', interval: 'day', from: '2011-12-29', to: '2011-12-31' };
    t.same(await lines(api, samoa), ['2011-12-29T00:00:00-10:00 0']);
  });

  await api.close();
}

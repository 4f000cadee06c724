import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { storeId } from '../../../shared/ids.ts';
import { HOUR, tillEvent } from '../../support/collector/till-events.ts';
import { Api, type Query } from '../../support/region/api.ts';
import { Region } from '../../support/region/region.ts';

const DAY = { from: '2011-03-27', to: '2011-03-28' };

/** Route, query, the wrong parameter and the message about it. */
const WRONG: readonly [what: string, query: Query, parameter: string, detail: RegExp][] = [
  ['metrics', { metrics: 'sales.count,sold' }, 'metrics', /has no "sold"; there are events.count, /],
  ['metrics', { metrics: '' }, 'metrics', /has no ""/],
  ['metrics', { metrics: 'constructor' }, 'metrics', /has no "constructor"/],
  ['metrics', { metrics: ['sales.count', 'net.amount'] }, 'metrics', /must be string/],
  ['metrics', { interval: 'year' }, 'interval', /must be one of 15m, hour, day, week, month, total/],
  ['metrics', { by: 'colour' }, 'by', /knows no dimension "colour"; there are terminal, store, type, method, cashier/],
  ['metrics', { by: '' }, 'by', /knows no dimension ""/],
  ['metrics', { by: 'currency' }, 'by', /knows no dimension "currency"/],
  ['metrics', { by: '__proto__' }, 'by', /knows no dimension/],
  ['metrics', { by: 'constructor' }, 'by', /knows no dimension/],
  ['metrics', { filter: 'upi' }, 'filter', /must be dimension:value/],
  ['metrics', { filter: ':upi' }, 'filter', /must be dimension:value/],
  ['metrics', { filter: 'colour:red' }, 'filter', /knows no dimension "colour"/],
  ['metrics', { filter: ['method:upi', '__proto__:x'] }, 'filter', /knows no dimension "__proto__"/],
  ['metrics', { filter: Array.from({ length: 9 }, () => 'type:sale') }, 'filter', /more than 8/],
  ['metrics', { compare: 'last_week' }, 'compare', /must be one of previous_period, previous_year/],
  ['metrics', { form: '2011-03-27' }, 'form', /is not a known parameter/],
  ['metrics', { limit: '5' }, 'limit', /is not a known parameter/],
  ['metrics', { ['__proto__']: '1' }, '__proto__', /is not a known parameter/],
  ['metrics', { from: 'yesterday' }, 'from', /or a local date such as 2026-11-22/],
  ['metrics', { from: '2011-03-27T00:00:00' }, 'from', /offset/],
  ['metrics', { from: '2011-02-29' }, 'from', /is not a date that exists/],
  ['metrics', { from: '2011-13-01' }, 'from', /is not a date that exists/],
  ['metrics', { from: '1999-12-30' }, 'from', /must lie in the years 2000 to 2099/],
  ['metrics', { to: '2101-01-01' }, 'to', /must lie in the years 2000 to 2099/],
  ['metrics', { from: '' }, 'from', /./],
  ['metrics', { to: '1301184000000' }, 'to', /./],
  ['metrics', { from: ['2011-03-27', '2011-03-26'] }, 'from', /must be string/],
  ['metrics', { from: '2011-03-28' }, 'from', /must lie before to/],
  ['metrics', { from: '2011-03-29' }, 'from', /must lie before to/],
  ['metrics', { tz: 'Mars/Olympus' }, 'tz', /is not a known IANA time zone/],
  ['metrics', { tz: '' }, 'tz', /is not a known IANA time zone/],
  ['metrics', { tz: '+05:37' }, 'tz', /is not a known IANA time zone/],
  ['metrics', { tz: '2011-03-27T00:00+05:37[Asia/Kolkata]' }, 'tz', /is not a known IANA time zone/],
  ['metrics', { interval: '15m', from: '2000-01-01', to: '2099-12-31' }, 'interval', /more than 10000 points/],
  ['metrics', { interval: 'hour', from: '2000-01-01', to: '2099-12-31' }, 'interval', /more than 10000 points/],
  ['metrics', { interval: 'day', from: '2000-01-01', to: '2099-12-31' }, 'interval', /more than 10000 points/],
  ['top', { of: 'colour' }, 'of', /must be one of sku/],
  ['top', { by: 'name' }, 'by', /must be one of amount, quantity/],
  ['top', { limit: '0' }, 'limit', />= 1/],
  ['top', { limit: '1001' }, 'limit', /<= 1000/],
  ['top', { limit: 'many' }, 'limit', /must be integer/],
  ['top', { interval: 'day' }, 'interval', /is not a known parameter/],
  ['top', { tz: 'Mars/Olympus' }, 'tz', /./],
  ['events', { limit: '1.5' }, 'limit', /must be integer/],
  ['events', { limit: '0' }, 'limit', />= 1/],
  ['events', { metrics: 'sales.count' }, 'metrics', /is not a known parameter/],
  ['events', { from: '2011-03-28' }, 'from', /must lie before to/],
];

export async function wrongQuestionsContract(t: Test, tables: Tables): Promise<void> {
  const region = new Region(tables);
  const errors: Error[] = [];
  const api = await Api.open(region, { errors });

  await t.test('a wrong question is answered with the parameter to blame and the reason', async (t) => {
    for (const [what, query, parameter, detail] of WRONG) {
      const { status, headers, body } = await api.ask(what, { ...DAY, ...query });
      const asked = `${what} ${JSON.stringify(query)}`;
      t.equal(status, 400, asked);
      t.match(headers, { 'content-type': 'application/problem+json' }, asked);
      t.match(body, { type: 'about:blank', title: 'Bad Request', status: 400 }, asked);
      t.match(body.errors, [{ parameter, detail }], asked);
      t.match(body.detail, parameter, asked);
    }
    t.same(errors, [], 'none of them is a fault of ours');
  });

  await t.test('several unknown parameters are all named', async (t) => {
    const { body } = await api.ask('metrics', { ...DAY, form: '1', till: '2' });
    t.same(
      body.errors.map(({ parameter }: { parameter: string }) => parameter),
      ['form'],
      'or at least the first',
    );
  });

  await t.test('a century in one total is answered', async (t) => {
    const century = { from: '2000-01-01', to: '2100-01-01', interval: 'total', tz: 'Pacific/Kiritimati' };
    t.same(await api.values('sales.count', century), [[0]]);
  });

  await t.test('ten thousand points are the most', async (t) => {
    const quarters = (to: string) => ({ from: '2011-01-01', to, interval: '15m', metrics: 'sales.count' });
    const { series } = await api.get('metrics', quarters('2011-04-15T04:00:00Z'));
    t.equal(series[0].points.length, 10_000);
    t.match(await api.ask('metrics', quarters('2011-04-15T04:15:00Z')), { status: 400 });
  });

  await t.test('more values than an answer can hold are refused while they are counted', async (t) => {
    const many = new Region(tables);
    const events = Array.from({ length: 30 }, (_, i) => tillEvent({ store: storeId(`s${i}`), ts: HOUR * 3_600_000 }));
    await many.append(many.events('a', 1, events));
    const answer = await (await Api.open(many)).ask('metrics', {
      ...{ from: '2011-01-01', to: '2011-04-15T04:00:00Z', interval: '15m', by: 'store' },
      metrics: 'events.count,sales.count,refunds.count,items.quantity',
    });
    t.match(answer, { status: 400, body: { errors: [{ parameter: 'by', detail: /more than 1000000 values/ }] } });
  });

  await api.close();
}

import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { tillEvent } from '../../support/collector/till-events.ts';
import { Api } from '../../support/region/api.ts';
import { Region } from '../../support/region/region.ts';

export async function compareContract(t: Test, tables: Tables): Promise<void> {
  const region = new Region(tables);
  const sales: [at: string, amount: number][] = [
    ['2010-03-27T12:00Z', 1],
    ['2011-02-28T12:00Z', 2],
    ['2011-03-25T12:00Z', 4],
    ['2011-03-26T12:00Z', 8],
    ['2011-03-26T23:30Z', 16],
    ['2011-03-27T12:00Z', 32],
    ['2012-02-28T12:00Z', 64],
    ['2012-02-29T12:00Z', 128],
  ];
  for (const [i, [at, amount]] of sales.entries())
    await region.append(region.events('a', i + 1, [tillEvent({ ts: Date.parse(at), amount })]));
  region.now = Date.parse('2012-03-01T00:00Z');
  const api = await Api.open(region);

  const compared = async (compare: string, from: string, to: string, tz = 'Europe/London') => {
    const { compare: earlier } = await api.get('metrics', {
      ...{ metrics: 'sales.amount', interval: 'total', from, to, tz, compare },
    });
    const { meta, series } = earlier;
    return [meta.from, meta.to, series[0].points[0]['sales.amount']];
  };

  await t.test('the previous period of local days is as many local days, whatever the clock does', async (t) => {
    t.same(await compared('previous_period', '2011-03-27', '2011-03-28'), [
      '2011-03-26T00:00:00+00:00',
      '2011-03-27T00:00:00+00:00',
      24,
    ]);
    t.same(await compared('previous_period', '2011-03-28', '2011-03-30'), [
      '2011-03-26T00:00:00+00:00',
      '2011-03-28T00:00:00+01:00',
      56,
    ]);
  });

  await t.test('the previous period of anything else is just as long', async (t) => {
    t.same(await compared('previous_period', '2011-03-27T00:00:00Z', '2011-03-27T01:00:00Z'), [
      '2011-03-26T23:00:00+00:00',
      '2011-03-27T00:00:00+00:00',
      16,
    ]);
  });

  await t.test('the previous year is the same dates a year earlier', async (t) => {
    t.same(await compared('previous_year', '2011-03-27', '2011-03-28'), [
      '2010-03-27T00:00:00+00:00',
      '2010-03-28T00:00:00+00:00',
      1,
    ]);
  });

  await t.test(
    '28 February compares with itself also when 29 February follows, and the leap day with the 28th',
    async (t) => {
      const february28 = ['2011-02-28T00:00:00+00:00', '2011-03-01T00:00:00+00:00', 2];
      t.same(await compared('previous_year', '2012-02-28', '2012-02-29'), february28);
      t.same(await compared('previous_year', '2012-02-29', '2012-03-01'), february28);
      t.same(await compared('previous_year', '2012-02-28', '2012-03-01'), february28);
      t.same(await compared('previous_year', '2012-02-28T06:00:00Z', '2012-02-29T06:00:00Z'), [
        '2011-02-28T06:00:00+00:00',
        '2011-03-01T06:00:00+00:00',
        2,
      ]);
    },
  );

  await t.test('both answers have the same shape', async (t) => {
    const range = { interval: 'day', from: '2011-03-26', to: '2011-03-28', compare: 'previous_period' };
    const { compare, ...answer } = await api.get('metrics', { ...range, metrics: 'sales.amount' });
    t.same(Object.keys(compare), Object.keys(answer));
    t.same(Object.keys(compare.meta), Object.keys(answer.meta));
    t.equal(compare.series[0].points.length, 2);
  });

  await t.test('a comparison that would reach back before the year 2000 is refused', async (t) => {
    const century = { interval: 'total', from: '2000-01-01', to: '2099-12-31' };
    for (const compare of ['previous_period', 'previous_year'])
      t.match(await api.ask('metrics', { ...century, compare }), {
        status: 400,
        body: { errors: [{ parameter: 'compare', detail: /before the year 2000/ }] },
      });
  });

  await api.close();
}

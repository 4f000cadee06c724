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

  await t.test('the previous period of a part of a day has the same local times', async (t) => {
    t.same(await compared('previous_period', '2011-03-27T00:00:00Z', '2011-03-27T01:00:00Z'), [
      '2011-03-26T00:00:00+00:00',
      '2011-03-26T02:00:00+00:00',
      0,
    ]);
    t.same(await compared('previous_period', '2011-03-27', '2011-03-27T12:30:00+01:00'), [
      '2011-03-26T00:00:00+00:00',
      '2011-03-26T12:30:00+00:00',
      8,
    ]);
  });

  await t.test('the previous period of whole months is as many months', async (t) => {
    t.same(await compared('previous_period', '2011-03-01', '2011-04-01'), [
      '2011-02-01T00:00:00+00:00',
      '2011-03-01T00:00:00+00:00',
      2,
    ]);
  });

  await t.test('a point without a counterpart is null', async (t) => {
    const march = { metrics: 'sales.amount', interval: 'day', from: '2011-03-01', to: '2011-04-01' };
    const { series, compare } = await api.get('metrics', { ...march, compare: 'previous_period' });
    const { points } = compare.series[0];
    t.equal(points.length, series[0].points.length);
    t.match(points[27], { t: '2011-02-28T00:00:00+00:00', 'sales.amount': 2 });
    t.same(points.slice(28), [null, null, null]);
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

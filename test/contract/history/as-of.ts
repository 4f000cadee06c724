import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, minuteOf } from '../../../shared/time.ts';
import { tillEvent } from '../../support/collector/till-events.ts';
import { Api, type Query } from '../../support/region/api.ts';
import { RECENT_HOUR as HOUR } from '../../support/region/recent.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';
import { TwoLogics } from '../../support/region/two-logics.ts';

const iso = (ms: number): string => new Date(ms).toISOString();
const RANGE = { from: iso(HOUR * HOUR_MS), to: iso((HOUR + 24) * HOUR_MS), interval: 'total' };

export async function asOfContract(t: Test, tables: Tables): Promise<void> {
  await t.test('an hour as it was before and between its late events, by any division', async (t) => {
    const region = new Region(tables);
    region.now = HOUR * HOUR_MS;
    const moments: number[] = [];
    const now = (): { arrival: number } => ({ arrival: ++region.now });
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1]), now()));
    region.now = (HOUR + 1) * HOUR_MS + 5 * MINUTE_MS;
    await region.pass();
    moments.push(++region.now);
    await region.deliver(region.events('b', 1, salesIn(HOUR, [2]), now()));
    await region.pass();
    moments.push(++region.now);
    await region.deliver(region.events('a', 2, salesIn(HOUR, [4]), now()));
    await region.pass();
    moments.push(++region.now);
    region.now += MINUTE_MS;
    const api = await Api.open(region);
    const by = async (query: Query, asOf: number): Promise<unknown> => {
      const { meta, series } = await api.get('metrics', { ...RANGE, ...query, asOf: iso(asOf) });
      t.equal(Date.parse(meta.asOf), asOf);
      return series.map(({ key, points }: { key: { terminal?: string }; points: Record<string, number>[] }) => [
        key.terminal ?? null,
        points[0]?.['sales.amount'],
      ]);
    };
    const totals: unknown[] = [];
    const terminals: unknown[] = [];
    for (const moment of moments) {
      totals.push(await by({}, moment));
      terminals.push(await by({ by: 'terminal' }, moment));
    }
    t.same(totals, [[[null, 1]], [[null, 3]], [[null, 7]]]);
    t.same(terminals, [
      [['a', 1]],
      [
        ['a', 1],
        ['b', 2],
      ],
      [
        ['a', 5],
        ['b', 2],
      ],
    ]);
    await api.close();
  });

  await t.test('by the logic version that was active then; it restates what it changed while active', async (t) => {
    const region = new Region(tables);
    const logics = new TwoLogics();
    const late = async (amount: number): Promise<number> => {
      const sent = region.events(`of-${amount}`, 1, salesIn(HOUR, [amount]), { arrival: ++region.now });
      await region.deliver(sent);
      region.now = (minuteOf(region.now) + 1) * MINUTE_MS;
      await region.runner({ logics }).runDue();
      return ++region.now;
    };
    const refund = tillEvent({ type: 'refund', amount: 10, ts: HOUR * HOUR_MS });
    region.now = (HOUR + 1) * HOUR_MS + 5 * MINUTE_MS;
    await region.deliver(region.events('a', 1, [refund], { arrival: HOUR * HOUR_MS + 1 }));
    const moments = [await late(1)];
    logics.addFixed();
    moments.push(await late(2), await late(4));
    logics.activate(2, null, ++region.now);
    moments.push(++region.now, await late(8));
    const api = await Api.open(region, { logics });
    const answers: unknown[] = [];
    for (const moment of moments) {
      const { meta, series } = await api.get('metrics', { ...RANGE, asOf: iso(moment) });
      answers.push([meta.logicVersion, series[0].points[0]['sales.amount']]);
    }
    t.same(answers, [
      [1, 11],
      [1, 13],
      [1, 17],
      [2, 7],
      [2, 15],
    ]);
    const { restatements } = await api.get('restatements', { all: 'true' });
    t.same(
      restatements.map(({ changes }: { changes: Record<string, unknown> }) => changes['sales.amount.GBP']),
      [
        [11, 13],
        [13, 17],
        [17, 7],
        [7, 15],
      ],
    );
    await api.close();
  });

  await t.test('says what it does not know: what was final then', async (t) => {
    const region = new Region(tables);
    region.now = (HOUR + 30) * HOUR_MS;
    const api = await Api.open(region);
    const asOf = iso((HOUR + 2) * HOUR_MS);
    const { meta, series } = await api.get('metrics', { ...RANGE, interval: 'hour', asOf });
    t.match(meta, { finalThrough: null, waitingFor: [], status: 'open' });
    t.same(
      series[0].points.map(({ status }: { status: string }) => status),
      ['provisional', 'provisional', ...Array.from({ length: 22 }, () => 'open')],
    );
    await api.close();
  });

  await t.test('wrong ones are told in words', async (t) => {
    const region = new Region(tables);
    const api = await Api.open(region);
    for (const [query, detail] of [
      [{ asOf: iso(region.now + 1) }, /lies in the future/],
      [{ asOf: iso(region.now - 401 * DAY_MS) }, /more than 400 days back/],
      [{ asOf: 'then' }, /asOf/],
      [{ asOf: iso(region.now), complete: 'only' }, /cannot be combined with complete/],
    ] as const)
      for (const what of ['metrics', 'top']) {
        const { interval, ...range } = RANGE;
        const asked = what === 'top' ? range : { ...range, interval };
        const answer = await api.ask(what, { ...asked, ...query });
        t.match(answer, { status: 400, body: { detail, errors: [{ parameter: 'asOf' }] } });
      }
    await api.close();
  });
}

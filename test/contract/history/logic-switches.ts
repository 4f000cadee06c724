/** What a switch of the logic version restates: what a comparison of the answers finds. */
import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { HOUR_MS, MINUTE_MS } from '../../../shared/time.ts';
import { HOUR, tillEvent } from '../../support/collector/till-events.ts';
import { Api, type Query } from '../../support/region/api.ts';
import { Region } from '../../support/region/region.ts';
import { TwoLogics } from '../../support/region/two-logics.ts';

/** Of each hour the type of its second event. The first version counts refunds as sales. */
const SECOND = ['sale', 'refund', 'sale', 'void', 'refund', 'sale', 'refund', 'sale'];
const REFUNDS = [1, 4, 6].map((at) => HOUR + at);
const SUMS = ['events.count', 'sales.count', 'refunds.count', 'items.quantity'];
const AMOUNTS = ['sales.amount', 'refunds.amount', 'net.amount'];

type Sums = Readonly<Record<string, number>>;
interface Announced {
  readonly t: string;
  readonly reason: string;
  readonly wasFinal: boolean;
  readonly changes: Readonly<Record<string, readonly [number, number]>>;
}

const iso = (hour: number): string => new Date(hour * HOUR_MS).toISOString().replace('.000Z', '+00:00');

/** The hours of a merchant, as answers show them. */
async function answered(api: Api): Promise<Map<string, Sums>> {
  const range = { from: iso(HOUR), to: iso(HOUR + SECOND.length), interval: 'hour' };
  const { series } = await api.get('metrics', { ...range, metrics: [...SUMS, ...AMOUNTS].join(',') });
  return new Map(
    series[0].points.map((point: Sums & { t: string }) => [
      point.t,
      Object.fromEntries([
        ...SUMS.map((name) => [name, point[name]]),
        ...AMOUNTS.map((name) => [`${name}.GBP`, point[name]]),
      ]),
    ]),
  );
}

/** Old and new value of each sum that differs, by hour. */
function changedBetween(before: Map<string, Sums>, after: Map<string, Sums>): Pick<Announced, 't' | 'changes'>[] {
  return [...before].flatMap(([t, was]) => {
    const is = after.get(t)!;
    const changed = Object.keys(was).filter((name) => was[name] !== is[name]);
    return changed.length === 0
      ? []
      : [{ t, changes: Object.fromEntries(changed.map((name) => [name, [was[name]!, is[name]!]])) }];
  });
}

/** Hours with rows of both versions, some of them final. */
async function region(tables: Tables): Promise<{ region: Region; logics: TwoLogics; api: Api }> {
  const [region, logics] = [new Region(tables), new TwoLogics()];
  logics.addFixed();
  for (const [at, type] of SECOND.entries()) {
    const [hour, ts] = [HOUR + at, (HOUR + at) * HOUR_MS];
    const events = [tillEvent({ ts, amount: 100 }), tillEvent({ ts: ts + 1, amount: 7, type })];
    await region.deliver(region.events('a', 1 + 2 * at, events, { hour }));
  }
  region.now = (HOUR + SECOND.length) * HOUR_MS + 5 * MINUTE_MS;
  await region.runner({ logics }).runDue();
  await region.finality.write(region.merchant, { through: (HOUR + 6) * HOUR_MS, holes: [HOUR + 1] }, null);
  return { region, logics, api: await Api.open(region, { logics }) };
}

export async function logicSwitchesContract(t: Test, tables: Tables): Promise<void> {
  await t.test('a switch of the logic version and back restate exactly what answers change by', async (t) => {
    const { region: of, logics, api } = await region(tables);
    const announced = async (query: Query): Promise<Announced[]> => (await api.get('restatements', query)).restatements;
    const answers = [await answered(api)];
    const moments: number[] = [];
    for (const version of [2, 1] as const) {
      moments.push(++of.now);
      logics.activate(version, null, of.now);
      answers.push(await answered(api));
    }
    const expected = [0, 1].flatMap((at) => changedBetween(answers[at]!, answers[at + 1]!));
    t.same(
      expected.map(({ t }) => t),
      [...REFUNDS, ...REFUNDS].map(iso),
      'a comparison finds the hours with refunds, twice',
    );
    const all = await announced({ all: 'true' });
    t.same(
      all.map(({ t, changes }) => ({ t, changes })),
      expected,
    );
    t.ok(all.every(({ reason }) => reason === 'logic'));
    t.same(
      (await announced({})).map(({ t }) => t),
      [HOUR + 4, HOUR + 4].map(iso),
      'by default those of final hours',
    );
    const since = new Date(moments[1]!).toISOString();
    t.same(await announced({ all: 'true', since }), all.slice(REFUNDS.length));
    await api.close();
  });

  await t.test('what a version changed before it was active restates nothing', async (t) => {
    const { region: of, logics, api } = await region(tables);
    logics.activate(2, null, ++of.now);
    const before = (await api.get('restatements', { all: 'true' })).restatements;
    t.equal(before.length, REFUNDS.length);
    of.now += MINUTE_MS;
    const late = tillEvent({ ts: HOUR * HOUR_MS, amount: 5, type: 'refund' });
    await of.deliver(of.events('b', 1, [late]));
    of.now += 2 * MINUTE_MS;
    await of.runner({ logics }).runDue();
    const after = (await api.get('restatements', { all: 'true' })).restatements;
    t.same(after.slice(0, -1), before, 'a late refund leaves what the switch restated as it is');
    t.match(after.at(-1), { reason: 'late', t: iso(HOUR), changes: { 'refunds.count': [0, 1] } });
    await api.close();
  });

  await t.test(
    'a switch for other merchants restates nothing, one to a version that was dropped neither',
    async (t) => {
      const { region: of, logics, api } = await region(tables);
      logics.activate(2, [(await region(tables)).region.merchant], ++of.now);
      t.same((await api.get('restatements', { all: 'true' })).restatements, []);
      logics.activate(2, null, ++of.now);
      logics.activate(1, null, ++of.now);
      logics.drop(2);
      t.same((await api.get('restatements', { all: 'true' })).restatements, []);
      await api.close();
    },
  );

  await t.test('pages', async (t) => {
    const { region: of, logics, api } = await region(tables);
    for (let at = 0; at < 120; at++) {
      const [hour, ts] = [HOUR + 10 + at, (HOUR + 10 + at) * HOUR_MS];
      await of.deliver(of.events('c', 1 + at, [tillEvent({ ts, amount: 7, type: 'refund' })], { hour }));
    }
    of.now = (HOUR + 200) * HOUR_MS;
    await of.runner({ logics }).runDue();
    for (const version of [2, 1] as const) logics.activate(version, null, ++of.now);
    const found: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query: Query = cursor === '' ? { all: 'true' } : { all: 'true', cursor };
      const page = await api.get('restatements', query);
      found.push(...page.restatements.map(({ at, t }: Announced & { at: string }) => `${at} ${t}`));
      cursor = page.next;
    }
    t.equal(found.length, 2 * (120 + REFUNDS.length));
    t.equal(new Set(found).size, found.length);
    t.same(found, [...found].sort());
    await api.close();
  });
}

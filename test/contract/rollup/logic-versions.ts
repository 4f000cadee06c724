import type { Test } from 'tap';
import { ROLLUP_LIMITS } from '../../../collector/rollup/limits.ts';
import { LogicSet, UnknownRules } from '../../../collector/store/logic-versions.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { HOUR_MS, minuteOf } from '../../../shared/time.ts';
import { HOUR, tillEvent } from '../../support/collector/till-events.ts';
import { Api } from '../../support/region/api.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';
import { finalThrough, say } from '../../support/region/tills.ts';
import { BUGGY, FIXED, TwoLogics } from '../../support/region/two-logics.ts';

const DAY = Math.floor(HOUR / 24);
const FOR_EVER = 2 ** 31;
const QUERY = { from: '2011-03-27T00:00:00Z', to: '2011-03-28T00:00:00Z', interval: 'total' };

const refundIn = (hour: number, amount: number) => tillEvent({ type: 'refund', amount, ts: hour * HOUR_MS });

export async function rollupLogicContract(t: Test, tables: Tables): Promise<void> {
  await t.test('each version has its own rows of hours and days, and its own figures', async (t) => {
    const [region, logics] = [new Region(tables), new TwoLogics()];
    logics.addFixed();
    await region.deliver(region.events('a', 1, [...salesIn(HOUR, [5]), refundIn(HOUR, 2)]));
    region.now = (DAY + 1) * 24 * HOUR_MS + 2 * HOUR_MS;
    for (let minute = 0; minute < 4; minute++) {
      region.now += 60_000;
      await region.runner({ logics }).runDue();
    }
    await t.resolves(region.checkAll(BUGGY));
    await t.resolves(region.checkAll(FIXED));
    t.same(await region.marksThrough(FOR_EVER), []);
  });

  await t.test('a merchant is answered by his active version, with and without its rows', async (t) => {
    const [region, logics] = [new Region(tables), new TwoLogics()];
    await region.deliver(region.events('a', 1, [...salesIn(HOUR, [5]), refundIn(HOUR, 2)]));
    region.now = (HOUR + 2) * HOUR_MS;
    await region.runner({ logics }).runDue();
    const api = await Api.open(region, { logics });
    t.teardown(() => api.close());
    const asked = async () => {
      const { meta, series } = await api.get('metrics', { ...QUERY, metrics: 'sales.amount,refunds.amount' });
      const [{ 'sales.amount': sales, 'refunds.amount': refunds }] = series[0].points;
      return [meta.logicVersion, sales, refunds];
    };
    t.same(await asked(), [1, 7, 0]);
    logics.addFixed();
    t.same(await asked(), [1, 7, 0], 'an added version is not active');
    logics.activate(2, [region.merchant]);
    t.same(await asked(), [2, 5, 2], 'folded from the raw log by the rules of the active version');
    logics.activate(1);
    t.same(await asked(), [1, 7, 0]);
  });

  await t.test('a version that was added after a pass began is maintained from its next list on', async (t) => {
    const [region, logics] = [new Region(tables), new TwoLogics()];
    await region.deliver(region.events('a', 1, salesIn(HOUR, [5])));
    region.now = (HOUR + 2) * HOUR_MS;
    await region.runner({ logics }).runDue();
    logics.addFixed();
    await region.deliver(region.events('b', 1, [refundIn(HOUR, 2)]));
    region.now += 120_000;
    await region.runner({ logics }).runDue();
    await t.resolves(region.check('hour', HOUR, region.delivered, FIXED), 'the first run takes all terminals');
  });

  await t.test('the marks stay where a version has rules that the release does not know', async (t) => {
    const region = new Region(tables);
    const record = { version: 2, rules: 999, dimensions: [], state: 'building' } as const;
    const logics = { read: async () => new LogicSet([record], []) };
    await region.deliver(region.events('a', 1, salesIn(HOUR, [5])));
    region.now = (HOUR + 2) * HOUR_MS;
    await t.rejects(region.runner({ logics }).runDue(), UnknownRules);
    t.equal((await region.marksThrough(minuteOf(region.now))).length, 1);
    const api = await Api.open(region, { logics: { read: async () => new LogicSet([{ ...record, version: 1 }], []) } });
    t.teardown(() => api.close());
    t.match(await api.ask('metrics', QUERY), { status: 503, body: { detail: /newer release/ } });
  });

  await t.test('what is parked is so by each version for itself, and each tries it again', async (t) => {
    const [region, logics] = [new Region(tables), new TwoLogics()];
    logics.addFixed();
    const damaged = region.events('b', 1, [refundIn(HOUR, 2)]);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [5])), damaged);
    await region.overwrite(damaged, new Uint8Array(8));
    region.now = (HOUR + 2) * HOUR_MS;
    t.match(await region.runner({ logics }).runDue(), { hours: 1, parked: 2, failures: 0 });
    const listed = await Array.fromAsync(region.parked.list());
    t.same(
      listed
        .filter(({ merchant }) => merchant === region.merchant)
        .map(({ logic }) => logic)
        .sort(),
      [1, 2],
    );
    await region.overwrite(damaged);
    for (let minute = 0; minute < 3; minute++) {
      region.now += ROLLUP_LIMITS.parkedRetry.value / 2 + 60_000;
      await region.runner({ logics }).runDue();
    }
    for (const logic of [BUGGY, FIXED]) await t.resolves(region.check('hour', HOUR, region.delivered, logic));
  });

  await t.test('what is final is so in the active version, and the others are brought up to date', async (t) => {
    const [region, logics] = [new Region(tables), new TwoLogics()];
    logics.addFixed();
    await region.append(region.events('a', 1, [...salesIn(HOUR, [5]), refundIn(HOUR, 2)]));
    region.now = (HOUR + 1) * HOUR_MS + 5 * 60_000;
    await say(region, 'a', (HOUR + 1) * HOUR_MS);
    region.now += 60_000;
    await region.runner({ logics }).runDue();
    t.equal(await finalThrough(region), (HOUR + 1) * HOUR_MS);
    for (const logic of [BUGGY, FIXED]) await t.resolves(region.check('hour', HOUR, region.delivered, logic));
  });
}

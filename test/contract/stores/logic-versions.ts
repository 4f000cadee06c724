import type { Test } from 'tap';
import { LogicVersions } from '../../../collector/store/logic-versions.ts';
import { CommitTimes } from '../../../collector/store/reprocess/commit-times.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { controlKey } from '../../../shared/keys.ts';
import { pack } from '../../../shared/wire/message-pack.ts';
import { freshMerchant } from '../../support/region/fresh.ts';

const record = (version: number, dimensions: readonly string[] = []) =>
  ({ version, rules: 1, dimensions, state: 'building' }) as const;

/** @param open opens tables that nobody has initialized yet */
export async function logicVersionsContract(t: Test, open: () => Promise<Tables>): Promise<void> {
  const tables = await open();
  t.teardown(() => tables.close());
  await tables.init();
  const logics = new LogicVersions(tables);

  await t.test('a store without a version has none that runs could maintain', async (t) => {
    const none = await logics.read();
    t.same(none.records, []);
    t.throws(() => none.maintained(), { message: /no logic version/ });
  });

  await t.test('one write flips the version, of some merchants or of all, and back', async (t) => {
    const [some, other] = [freshMerchant(), freshMerchant()];
    const active = async (): Promise<number[]> => {
      const set = await logics.read();
      return [null, some, other].map((merchant) => set.active(merchant));
    };
    t.same(await active(), [1, 1, 1], 'a store without an activation');
    t.equal((await logics.read()).rolledBack(), null);
    const before = await logics.read();
    t.equal(await logics.activate(before, { at: 1, version: 2, merchants: [some] }), true);
    t.equal(await logics.activate(before, { at: 2, version: 2, merchants: [other] }), false, 'somebody was faster');
    t.same(await active(), [1, 2, 1]);
    t.ok((await logics.read()).isActive(2));
    await logics.activate(await logics.read(), { at: 3, version: 2, merchants: null });
    t.same(await active(), [2, 2, 2]);
    t.equal((await logics.read()).exceptions.size, 0);
    const rollback = async (at: number) => logics.activate(await logics.read(), { at, version: null, merchants: null });
    t.equal((await logics.read()).rolledBack()!.active(some), 2);
    await rollback(4);
    t.same(await active(), [1, 2, 1], 'as before the last activation');
    await rollback(5);
    t.same(await active(), [1, 1, 1]);
    t.equal((await logics.read()).isActive(2), false);
    t.same(
      (await logics.read()).activations.map(({ at }) => at),
      [1, 3, 4, 5],
    );
  });

  await t.test('a version is what its first caller says, and is never used again once it is dropped', async (t) => {
    const settled = await Promise.all(
      [['method'], ['cashier'], []].map((dimensions) => logics.create(record(7, dimensions))),
    );
    t.ok(settled.every((one) => JSON.stringify(one) === JSON.stringify(settled[0])));
    t.equal(await logics.setState(7, ['building', 'live'], 'dropped'), true);
    t.equal(await logics.setState(7, ['building'], 'live'), false);
    t.match(await logics.create(record(7)), { state: 'dropped' });
    t.equal(await logics.setState(8, ['building'], 'live'), false, 'there is none');
    await logics.create(record(10));
    t.same(
      (await logics.read()).records.map(({ version }) => version),
      [7, 10],
      'in order of their numbers',
    );
  });

  await t.test('a record from before there were several versions is the first rules, and live', async (t) => {
    const value = pack({ version: 1, dimensions: ['method'] });
    await tables.put('control', [{ row: controlKey('logic', '1'), cells: new Map([['m:value', value]]) }]);
    t.same((await logics.read()).record(1), { version: 1, rules: 1, dimensions: ['method'], state: 'live' });
    t.equal(await logics.setState(1, ['live'], 'live'), true, 'compared with what is there');
  });

  await t.test('rules that this release lacks are named', async (t) => {
    await logics.create({ ...record(20), rules: 999 });
    const set = await logics.read();
    t.throws(() => set.maintained(), { name: 'UnknownRules', message: /logic version 20 has the rules 999/ });
    t.match(set.logic(freshMerchant()), { version: 1 });
    await logics.setState(20, ['building'], 'dropped');
    t.match((await logics.read()).maintained(), [{ version: 1 }, { version: 10 }]);
  });

  await t.test('the longest commit time of those who said it lately is told', async (t) => {
    const times = new CommitTimes(tables);
    t.equal(await times.longest(20_000), null);
    await times.publish('one', { at: 15_000, p99: 7 });
    await times.publish('two', { at: 15_000, p99: 9 });
    await times.publish('gone', { at: 1_000, p99: 99 });
    t.equal(await times.longest(20_000), 9);
    t.equal(await times.longest(30_000), null);
  });
}

import type { Test } from 'tap';
import { LEASE_MS, SaltShare } from '../../../collector/rollup/passes/salt-share.ts';
import { Leases } from '../../../collector/store/leases.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const SALTS = Array.from({ length: 256 }, (_, salt) => salt);

/** Runners of a region of its own: the store may hold leases of others. */
function standing(tables: Tables) {
  const clock = { now: 0 };
  const kept: Awaited<ReturnType<Leases['list']>> = [];
  const store = new Leases(tables);
  // Slots of this test alone, far above those of others.
  const base = 100 + Math.floor(Math.random() * 800);
  const leases: Pick<Leases, 'list' | 'write'> = {
    list: async () => {
      const all = (await store.list()).filter(({ slot }) => slot >= base && slot < base + 8);
      kept.splice(0, kept.length, ...all);
      return all.map((lease) => ({ ...lease, slot: lease.slot - base }));
    },
    write: (next, expected) =>
      store.write(
        { ...next, slot: next.slot + base },
        expected === null ? null : { ...expected, slot: expected.slot + base },
      ),
  };
  const runner = (owner: string) => new SaltShare({ leases, owner, now: () => clock.now });
  return { clock, runner, leases };
}

const counts = (...runners: readonly SaltShare[]): number[] =>
  SALTS.map((salt) => runners.filter((runner) => runner.owns(salt)).length);

export async function leasesContract(t: Test, tables: Tables): Promise<void> {
  await t.test('runners divide the salts, and take over those of one that is gone within its lease', async (t) => {
    const { clock, runner } = standing(tables);
    const [a, b, c] = ['a', 'b', 'c'].map(runner) as [SaltShare, SaltShare, SaltShare];
    t.ok(
      counts(a).every((of) => of === 1),
      'without a lease all are worked on',
    );
    for (const one of [a, b, c]) await one.renew();
    for (const one of [a, b, c]) await one.renew();
    t.same([a.runners, b.runners, c.runners], [3, 3, 3]);
    t.ok(
      counts(a, b, c).every((of) => of === 1),
      'each salt has one runner',
    );
    clock.now += LEASE_MS - 1;
    t.equal(await a.renew(), false);
    await c.renew();
    clock.now += 1;
    t.equal(await a.renew(), true, 'b is gone');
    await c.renew();
    t.ok(counts(a, c).every((of) => of === 1));
    // It was frozen, and takes them for its own until its next renewal.
    t.ok(counts(a, b, c).some((of) => of === 2));
    await b.renew();
    for (const one of [a, c]) await one.renew();
    t.ok(counts(a, b, c).every((of) => of === 1));
    await a.free();
    for (const one of [b, c]) await one.renew();
    t.ok(
      counts(b, c).every((of) => of === 1),
      'at once when it stops',
    );
    t.equal(await a.renew(), false, 'which it does for good');
  });

  await t.test('two that take a slot at the same time do not both hold it', async (t) => {
    const { runner } = standing(tables);
    const [a, b] = ['a', 'b'].map(runner) as [SaltShare, SaltShare];
    await Promise.all([a.renew(), b.renew()]);
    for (const one of [a, b, a, b]) await one.renew();
    t.ok(counts(a, b).every((of) => of === 1));
  });

  await t.test('a runner works on its salts alone; the marks of the others stay', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    region.now = (HOUR + 2) * HOUR_MS;
    t.match(await region.runner({ owns: () => false }).runDue(), { hours: 0, marks: 0 });
    t.match(await region.runner({ owns: () => true }).runDue(), { hours: 1 });
  });
}

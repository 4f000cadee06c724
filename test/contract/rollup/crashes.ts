import type { Test } from 'tap';
import { StoreUnavailable, type Tables } from '../../../collector/store/tables.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { type Around, HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const DAY = Math.floor(HOUR / 24);

/**
 * Counts the calls and, from the `at`th on, makes none any more: the process is dead. With `heard`
 * false, that one is made all the same.
 */
function dyingAt(at: number, heard: boolean): { around: Around; calls: () => number } {
  let calls = 0;
  return {
    calls: () => calls,
    around: async (_call, make) => {
      calls++;
      if (calls < at) return make();
      if (calls === at && !heard) await make();
      throw new StoreUnavailable(`dead since call ${at}`);
    },
  };
}

/** Some marks of two hours and of their day, the day's row being there already. */
async function region(tables: Tables): Promise<Region> {
  const region = new Region(tables);
  await region.deliver(region.events('a', 1, salesIn(HOUR, [1])), region.events('b', 1, salesIn(HOUR + 1, [2])));
  await region.passDay(DAY);
  await region.deliver(region.events('a', 2, salesIn(HOUR, [4])), region.events('c', 1, salesIn(HOUR + 2, [8])));
  await region.pass();
  await region.deliver(region.events('b', 2, salesIn(HOUR + 1, [16])), region.losses('b', 9, 3, { hour: HOUR + 1 }));
  return region;
}

export async function crashContract(t: Test, tables: Tables): Promise<void> {
  for (const heard of [true, false]) {
    const what = heard ? 'before' : 'right after';
    await t.test(`a runner that dies ${what} any of its calls loses nothing and counts nothing twice`, async (t) => {
      const whole = dyingAt(Number.POSITIVE_INFINITY, heard);
      t.match(await (await region(tables)).through(new HookedTables(tables, whole.around)).pass(), {
        hours: 1,
        days: 1,
      });
      t.ok(whole.calls() > 8);
      for (let at = 1; at <= whole.calls(); at++) {
        const crashed = await region(tables);
        const dying = dyingAt(at, heard);
        await crashed
          .through(new HookedTables(tables, dying.around))
          .pass()
          .catch(() => null);
        t.ok(dying.calls() >= at, `call ${at} came`);
        await crashed.passDay(DAY);
        await t.resolves(crashed.checkAll(), `after a death at call ${at}`);
        t.same(await crashed.marksThrough(2 ** 31), []);
      }
    });
  }

  await t.test('a store that fails now and then fails runs, not figures', async (t) => {
    const shaky = await region(tables);
    let calls = 0;
    const around: Around = async (_call, make) => {
      if (++calls % 7 === 0) throw new StoreUnavailable('now and then');
      return make();
    };
    for (let minute = 0; minute < 6; minute++) {
      const trying = shaky.through(new HookedTables(tables, around));
      await trying.pass().catch(() => null);
      shaky.now = trying.now;
    }
    await shaky.passDay(DAY);
    await t.resolves(shaky.checkAll());
  });

  await t.test('a pass whose marks cannot be listed rejects, and the runner continues with the next', async (t) => {
    const shaky = await region(tables);
    let down = true;
    const around: Around = async (_call, make) => {
      if (down) throw new StoreUnavailable('down');
      return make();
    };
    const trying = shaky.through(new HookedTables(tables, around));
    trying.now += 60_000;
    const runner = trying.runner();
    await t.rejects(runner.runDue(), { name: 'StoreUnavailable' });
    down = false;
    t.match(await runner.runDue(), { hours: 1, failures: 0 });
  });
}

import type { Test } from 'tap';
import type { RollupRunner } from '../../../collector/rollup/passes/runner.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, minuteOf } from '../../../shared/time.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const FOR_EVER = 2 ** 32 - 2;

export async function clockSetBackContract(t: Test, tables: Tables): Promise<void> {
  for (const [name, ahead] of Object.entries({
    'a week': 7 * DAY_MS,
    'a year': 365 * DAY_MS,
    'ten years': 3_650 * DAY_MS,
  })) {
    await t.test(`what was stored while the clock was ${name} ahead is rolled up once it is right`, async (t) => {
      const region = new Region(tables);
      const right = (HOUR + 26) * HOUR_MS;
      region.now = right + ahead;
      await region.deliver(region.events('a', 1, salesIn(HOUR, [1])), region.events('b', 1, salesIn(HOUR + 1, [2])));
      await region.pass();
      // Of one hour more, and its day, the clock is right again before their minute comes.
      await region.deliver(region.events('a', 2, salesIn(HOUR, [4])), region.events('c', 1, salesIn(HOUR + 2, [8])));
      region.now = right;
      await region.passDay(Math.floor(HOUR / 24));
      await t.resolves(region.checkAll());
      t.same(await region.marksThrough(FOR_EVER), []);
    });
  }

  await t.test('it is noticed while the runner runs', async (t) => {
    const region = new Region(tables);
    let clock = 0;
    const runner: RollupRunner = region.runner({ clock: () => clock });
    const pass = async (now: number) => {
      region.now = now;
      clock += MINUTE_MS;
      await runner.runDue();
    };
    const right = (HOUR + 26) * HOUR_MS;
    await pass(right);
    region.now = right + 365 * DAY_MS;
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    await pass(right + 365 * DAY_MS);
    t.equal(await region.revision('hour', HOUR), null);
    await pass(right + MINUTE_MS);
    await pass(right + 2 * MINUTE_MS);
    t.equal(await region.revision('hour', HOUR), 1);
  });

  await t.test('marks of what lies ahead itself stay where they are, and so do those of the next days', async (t) => {
    const region = new Region(tables);
    region.now = HOUR * HOUR_MS;
    const at = [
      { minute: minuteOf((HOUR + 1) * HOUR_MS) + 2, level: 'hour' as const, time: HOUR },
      { minute: minuteOf((HOUR + 48) * HOUR_MS), level: 'hour' as const, time: HOUR },
      { minute: minuteOf((HOUR + 9_001) * HOUR_MS) + 2, level: 'hour' as const, time: HOUR + 9_000 },
      { minute: minuteOf((HOUR + 24 * 401) * HOUR_MS) + 2, level: 'day' as const, time: Math.floor(HOUR / 24) + 400 },
    ];
    await region.marks.add(at.map((mark) => ({ ...mark, merchant: region.merchant, terminals: [] })));
    await region.runner().runDue();
    const left = await region.marksThrough(FOR_EVER);
    t.same(
      left.map(({ minute, level, time }) => ({ minute, level, time })),
      at,
    );
    await region.marks.remove(left);
  });
}

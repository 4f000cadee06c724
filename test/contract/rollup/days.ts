import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import type { TerminalId } from '../../../shared/ids.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, minuteOf } from '../../../shared/time.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { GRACE_MS, Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const DAY = Math.floor(HOUR / 24);

export async function daysContract(t: Test, tables: Tables): Promise<void> {
  await t.test('a day gets its row from its hours a grace after its end, not before', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])), region.events('b', 1, salesIn(HOUR + 3, [2])));
    region.now = (DAY + 1) * DAY_MS + GRACE_MS - 120_000;
    await region.pass();
    t.equal(await region.revision('hour', HOUR + 3), 1);
    t.equal(await region.revision('day', DAY), null);
    await region.pass();
    t.equal(await region.revision('day', DAY), 1);
    await t.resolves(region.checkAll());
  });

  await t.test('hours come before their day in one pass', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    region.now = (HOUR + 2) * HOUR_MS;
    await region.pass();
    await region.deliver(region.events('a', 2, salesIn(HOUR + 23, [2])));
    region.now = (DAY + 1) * DAY_MS + GRACE_MS;
    t.match(await region.pass(), { hours: 1, days: 1 });
    await t.resolves(region.check('day', DAY));
  });

  await t.test('a late event is in its hour and in its day after the next pass', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])), region.events('b', 1, salesIn(HOUR, [2])));
    await region.passDay(DAY);
    await region.deliver(region.events('a', 2, salesIn(HOUR, [4])));
    t.match(await region.pass(), { hours: 1, days: 1, marks: 2 });
    await t.resolves(region.checkAll());
    t.same(await region.marksThrough(minuteOf(region.now) + 10), []);
  });

  await t.test('a year late it is in its hour and its day as soon', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    await region.passDay(DAY);
    region.now += 365 * DAY_MS;
    const sent = region.now;
    await region.deliver(region.events('a', 2, salesIn(HOUR + 5, [4])));
    await region.pass();
    await t.resolves(region.checkAll());
    t.ok(region.now - sent <= 2 * MINUTE_MS);
  });

  await t.test('the run of a day that was due anyway has the hours of the same pass', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    await region.passDay(DAY);
    const day = { minute: minuteOf(region.now), merchant: region.merchant, level: 'day' as const, time: DAY };
    await region.marks.add([{ ...day, terminals: ['a'] as TerminalId[] }]);
    await region.deliver(region.events('b', 1, salesIn(HOUR, [4])));
    t.match(await region.pass(), { hours: 1, days: 1, marks: 2 });
    await t.resolves(region.checkAll());
  });

  await t.test('a backlog for hours of a day that has a row is in it after a pass', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR + 1, [1])));
    await region.passDay(DAY);
    for (const hour of [HOUR, HOUR + 1, HOUR + 9]) await region.deliver(region.events('b', hour, salesIn(hour, [2])));
    await region.pass();
    await t.resolves(region.checkAll());
    t.equal(await region.revision('day', DAY), 2);
  });

  await t.test('an hour whose mark comes later than its day, or never, is not missing from the day', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    await region.append(region.events('b', 1, salesIn(HOUR + 9, [2])), region.events('a', 2, salesIn(HOUR + 23, [4])));
    region.now = (DAY + 1) * DAY_MS + GRACE_MS;
    await region.pass();
    await region.pass();
    await t.resolves(region.checkAll());
  });

  await t.test(
    'an hour without a mark is found too when the day has a row, and all its terminals are taken',
    async (t) => {
      const region = new Region(tables);
      await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
      await region.passDay(DAY);
      await region.append(region.events('b', 1, salesIn(HOUR + 9, [2])));
      await region.mark(HOUR, 'a');
      await region.pass();
      await region.pass();
      await t.resolves(region.checkAll());
    },
  );

  await t.test('an hour that was rolled up ahead of its time alone is not missing from the day', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('fast', 1, salesIn(HOUR + 9, [1])));
    await region.pass();
    t.same(await region.terminals('hour', HOUR + 9), ['fast']);
    region.now = (HOUR + 9) * HOUR_MS;
    await region.append(region.events('right', 1, salesIn(HOUR + 9, [2])));
    await region.deliver(region.events('right', 2, salesIn(HOUR + 10, [4])));
    // The mark of the hour's end is lost.
    await region.marks.remove(await region.marksThrough(minuteOf((HOUR + 10) * HOUR_MS + GRACE_MS)));
    await region.passDay(DAY);
    await t.resolves(region.checkAll());
  });

  await t.test('the marks of a day name the terminals of its hours', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    await region.deliver(region.events('b', 1, salesIn(HOUR, [1])), region.events('c', 1, salesIn(HOUR + 1, [1])));
    region.now = (HOUR + 3) * HOUR_MS;
    await region.pass();
    const minute = minuteOf((DAY + 1) * DAY_MS + GRACE_MS);
    const marks = await region.marksThrough(minute);
    for (const mark of marks) t.match(mark, { minute, level: 'day', time: DAY });
    t.same(marks.flatMap(({ terminals }) => terminals).toSorted(), ['a', 'b', 'c']);
  });

  await t.test('events at both ends of a day are of that day', async (t) => {
    const region = new Region(tables);
    const [first, last] = [DAY * 24, DAY * 24 + 23];
    await region.deliver(
      region.events('a', 1, salesIn(first - 1, [1], 59)),
      region.events('a', 2, salesIn(first, [2])),
      region.events('a', 3, salesIn(last, [4], 59)),
      region.events('a', 4, salesIn(last + 1, [8])),
    );
    await region.passDay(DAY + 1);
    await t.resolves(region.checkAll());
  });
}

import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { HOUR_MS, MINUTE_MS, minuteOf } from '../../../shared/time.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { GRACE_MS, Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

export async function hoursContract(t: Test, tables: Tables): Promise<void> {
  await t.test('an hour gets its row a grace after its end, not before', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1, 2, 4])));
    region.now = (HOUR + 1) * HOUR_MS + GRACE_MS - MINUTE_MS - 1;
    await region.pass();
    t.equal(await region.revision('hour', HOUR), null);
    await region.pass();
    t.equal(await region.revision('hour', HOUR), 1);
    await t.resolves(region.check('hour', HOUR));
  });

  await t.test('the first run takes all terminals that have something, whoever the mark names', async (t) => {
    const region = new Region(tables);
    await region.append(region.events('b', 1, salesIn(HOUR, [8])));
    await region.append(region.losses('c', 1, 5));
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    region.now = (HOUR + 2) * HOUR_MS;
    await region.pass();
    t.same(await region.terminals('hour', HOUR), ['a', 'b', 'c']);
    await t.resolves(region.check('hour', HOUR));
  });

  await t.test(
    'a later run refolds the terminals that its marks name, and keeps the parts of the others',
    async (t) => {
      const region = new Region(tables);
      const first = region.events('b', 1, salesIn(HOUR, [8]));
      await region.deliver(region.events('a', 1, salesIn(HOUR, [1])), first);
      region.now = (HOUR + 2) * HOUR_MS;
      await region.pass();
      const late = region.events('a', 2, salesIn(HOUR, [2]));
      await region.deliver(late);
      await region.append(region.events('b', 2, salesIn(HOUR, [16])));
      await region.pass();
      t.equal(await region.revision('hour', HOUR), 2);
      const named = region.delivered.filter(({ key }) => key.terminal === 'a');
      await t.resolves(region.check('hour', HOUR, [...named, first]), "b's second batch has no mark yet");
      await region.mark(HOUR, 'b');
      await region.pass();
      await t.resolves(region.check('hour', HOUR));
    },
  );

  await t.test('a terminal that comes late to an hour is added to it', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('m', 1, salesIn(HOUR, [1])));
    region.now = (HOUR + 2) * HOUR_MS;
    await region.pass();
    await region.deliver(region.events('a', 1, salesIn(HOUR, [2])), region.events('z', 1, salesIn(HOUR, [4])));
    await region.pass();
    await t.resolves(region.check('hour', HOUR));
  });

  await t.test('terminals whose names begin alike are kept apart', async (t) => {
    const region = new Region(tables);
    for (const terminal of ['a', 'a-b', 'a_b', 'aa', 'ab'])
      await region.deliver(region.events(terminal, 1, salesIn(HOUR, [1])));
    region.now = (HOUR + 2) * HOUR_MS;
    await region.pass();
    await region.deliver(region.events('a', 2, salesIn(HOUR, [2])));
    await region.pass();
    await t.resolves(region.check('hour', HOUR));
  });

  await t.test('raw rows that have expired never empty what was published', async (t) => {
    const region = new Region(tables);
    const rows = [region.events('a', 1, salesIn(HOUR, [1])), region.events('b', 1, salesIn(HOUR, [2]))];
    await region.deliver(...rows);
    await region.passDay(Math.floor(HOUR / 24));
    await tables.delete(
      'events',
      rows.map(({ rowKey }) => rowKey),
    );
    await region.mark(HOUR, 'a', 'b');
    await region.passDay(Math.floor(HOUR / 24));
    t.equal(await region.revision('hour', HOUR), 1, 'nothing new to publish');
    await t.resolves(region.checkAll());
  });

  await t.test('an hour of which nothing is left, and nothing was published, gets no row', async (t) => {
    const region = new Region(tables);
    region.now = (HOUR + 2) * HOUR_MS;
    await region.mark(HOUR, 'a');
    await region.passDay(Math.floor(HOUR / 24));
    t.equal(await region.revision('hour', HOUR), null);
    t.equal(await region.revision('day', Math.floor(HOUR / 24)), null);
  });

  await t.test(
    'an event ahead of its time is published soon, and its hour once more, whole, after its end',
    async (t) => {
      const region = new Region(tables);
      const ahead = HOUR + 5;
      await region.deliver(region.events('fast', 1, salesIn(ahead, [1])));
      await region.pass();
      t.same(await region.terminals('hour', ahead), ['fast']);
      const again = minuteOf((ahead + 1) * HOUR_MS + GRACE_MS);
      t.match(await region.marksThrough(again), [{ minute: again, level: 'hour', time: ahead, terminals: ['fast'] }]);
      region.now = ahead * HOUR_MS;
      await region.append(region.events('right', 1, salesIn(ahead, [2])));
      region.now = (ahead + 1) * HOUR_MS + GRACE_MS;
      await region.pass();
      t.same(await region.terminals('hour', ahead), ['fast', 'right']);
      await region.passDay(Math.floor(HOUR / 24));
      await t.resolves(region.checkAll());
    },
  );

  await t.test('a sale sent again with another content changes no published figure', async (t) => {
    for (const isLower of [true, false]) {
      const region = new Region(tables);
      const at = Date.now();
      // The key of fewer seqs is the lower one.
      const [one, two] = [salesIn(HOUR, [50_000]), salesIn(HOUR, [100, 7])];
      await region.deliver(region.events('a', 1, isLower ? two : one, { arrival: at }));
      region.now = (HOUR + 2) * HOUR_MS;
      await region.pass();
      await region.deliver(region.events('a', 1, isLower ? one : two, { arrival: at + 1 }));
      await region.pass();
      await t.resolves(region.check('hour', HOUR), `the later one has the ${isLower ? 'lower' : 'higher'} key`);
    }
  });
}

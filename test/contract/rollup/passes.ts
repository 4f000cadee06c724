import { randomBytes } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import type { Test } from 'tap';
import { DueMarks } from '../../../collector/store/due-marks.ts';
import { StoreUnavailable, type Tables } from '../../../collector/store/tables.ts';
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import { type Level, salt } from '../../../shared/keys.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, minuteOf } from '../../../shared/time.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { Api } from '../../support/region/api.ts';
import { freshMerchant } from '../../support/region/fresh.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const DAY = Math.floor(HOUR / 24);
const FOR_EVER = 2 ** 31;
const MANY_HOURS = 300;

function merchantOfAnotherSaltThan(other: number): MerchantId {
  for (;;) {
    const merchant = freshMerchant();
    if (salt(merchant) !== other) return merchant;
  }
}

/** Publishes something else than figures as a cell of `HOUR`, or of its day. */
async function spoil(
  { merchant, rollups }: Region,
  cell: { part?: string; view?: string },
  level: Level = 'hour',
): Promise<void> {
  const key = { merchant, level, logic: 1, time: level === 'hour' ? HOUR : DAY };
  const { meta, revision } = (await rollups.read(key))!;
  const bytes = zstdCompressSync(Buffer.from('no figures'));
  const parts = new Map(cell.part === undefined ? [] : [[cell.part as TerminalId, bytes]]);
  const views = new Map(cell.view === undefined ? [] : [[cell.view, bytes]]);
  await rollups.publish(key, revision, { meta, parts, views });
}

export async function passesContract(t: Test, tables: Tables): Promise<void> {
  await t.test('the listed due marks are deleted after the pass, and none is left in the end', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])), region.events('b', 1, salesIn(HOUR + 1, [1])));
    region.now = (HOUR + 3) * HOUR_MS;
    t.match(await region.pass(), { marks: 2, hours: 2, failures: 0 });
    t.match(await region.marksThrough(minuteOf(region.now)), []);
    await region.passDay(DAY);
    t.same(await region.marksThrough(FOR_EVER), []);
    const revision = await region.revision('day', DAY);
    t.match(await region.pass(), { marks: 0, hours: 0, days: 0 });
    t.equal(await region.revision('day', DAY), revision);
  });

  await t.test('a pass over many small hours lets other work have its turn', async (t) => {
    const region = new Region(tables);
    for (let hour = 0; hour < MANY_HOURS; hour++)
      await region.deliver(region.events('a', 1 + hour, salesIn(HOUR + hour, [1])));
    region.now = (HOUR + MANY_HOURS + 2) * HOUR_MS;
    let turns = 0;
    const count = (): void => {
      turns++;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    t.match(await region.pass(), { hours: MANY_HOURS });
    clearImmediate(next);
    t.ok(turns > 10, `${turns} turns of the event loop`);
  });

  await t.test('several marks of an hour are one run', async (t) => {
    const region = new Region(tables);
    for (let seq = 1; seq <= 4; seq++) await region.deliver(region.events('a', seq, salesIn(HOUR, [seq])));
    region.now = (HOUR + 2) * HOUR_MS;
    t.match(await region.pass(), { marks: 4, hours: 1 });
    t.equal(await region.revision('hour', HOUR), 1);
  });

  await t.test('a mark that is made while its hour is being run stays for the next pass', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    region.now = (HOUR + 2) * HOUR_MS;
    let once = true;
    const busy = region.through(
      new HookedTables(tables, async ({ operation }, make) => {
        if (operation === 'checkAndPut' && once) {
          once = false;
          await region.append(region.events('b', 1, salesIn(HOUR, [2])));
          // Of a minute in the past: a slow collector's.
          const mark = { minute: minuteOf(region.now) - 5, merchant: region.merchant, level: 'hour' as const };
          await region.marks.add([{ ...mark, time: HOUR, terminals: ['b'] as TerminalId[] }]);
        }
        return make();
      }),
    );
    t.match(await busy.pass(), { marks: 1 });
    t.same(await region.terminals('hour', HOUR), ['a']);
    t.match(await region.marksThrough(minuteOf(region.now)), [{ terminals: ['b'] }]);
    await region.pass();
    await t.resolves(region.check('hour', HOUR));
  });

  await t.test('more marks than are listed at once are all worked off', async (t) => {
    const region = new Region(tables);
    const hours = [HOUR, HOUR + 1, HOUR + 2];
    for (const hour of hours) await region.append(region.events('a', hour, salesIn(hour, [1])));
    const mark = { merchant: region.merchant, level: 'hour' as const, terminals: ['a'] as TerminalId[] };
    const minute = minuteOf((HOUR + 4) * HOUR_MS);
    for (let round = 0; round < 11; round++) {
      await region.marks.add(
        Array.from({ length: 500 }, (_, i) => ({ ...mark, minute: minute + i, time: hours[i % 3]! })),
      );
    }
    region.now = (HOUR + 14) * HOUR_MS;
    t.match(await region.pass(), { marks: 5_500, hours: 6 }, 'two lists');
    await region.passDay(DAY);
    t.same(await region.marksThrough(FOR_EVER), []);
    await t.resolves(region.checkAll());
  });

  await t.test('more marks of an hour that fails than are listed at once hold up no other', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])), region.events('b', 1, salesIn(HOUR, [1])));
    region.now = (HOUR + 2) * HOUR_MS;
    await region.pass();
    await region.append(region.events('a', 1, salesIn(HOUR + 1, [1])));
    const minute = minuteOf(region.now);
    const mark = { minute, merchant: region.merchant, level: 'hour' as const, time: HOUR };
    await region.marks.add(Array.from({ length: 5_100 }, () => ({ ...mark, terminals: ['a'] as TerminalId[] })));
    await region.marks.add([{ ...mark, minute: minute + 1, time: HOUR + 1, terminals: ['a'] as TerminalId[] }]);
    region.now = (HOUR + 2) * HOUR_MS + 10 * MINUTE_MS;
    let puts = 0;
    const failing = new HookedTables(tables, ({ operation, table }, make) => {
      if (operation === 'checkAndPut' && table === 'rollups' && puts++ === 0) throw new Error('refused');
      return make();
    });
    t.match(
      await region.through(failing).pass(),
      { hours: 1, failures: 1, marks: 1 },
      'tried once, though listed twice',
    );
    t.equal(await region.revision('hour', HOUR + 1), 1);
    t.equal((await region.marksThrough(minute)).length, 5_100);
    await region.marks.remove(await region.marksThrough(minute));
  });

  await t.test('a pass that is under way is joined, not doubled', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    region.now = (HOUR + 2) * HOUR_MS;
    const runner = region.runner();
    const [one, other] = await Promise.all([runner.runDue(), runner.runDue()]);
    t.equal(one, other);
    t.equal(await region.revision('hour', HOUR), 1);
  });

  await t.test('a published cell that cannot be read counts as absent: it is computed anew', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])), region.events('b', 1, salesIn(HOUR, [1])));
    region.now = (HOUR + 2) * HOUR_MS;
    await region.pass();
    // What a late sale of another terminal adds is added without its partial aggregate.
    await spoil(region, { part: 'b' });
    await region.mark(HOUR, 'b');
    t.match(await region.pass(), { failures: 0, hours: 1 });
    await t.resolves(region.check('hour', HOUR));
    for (const cell of [{ part: 'b' }, { view: 'store' }, { view: 'articles' }]) {
      await spoil(region, cell);
      const day = { merchant: region.merchant, level: 'day' as const, time: DAY };
      await region.marks.add([{ ...day, minute: minuteOf(region.now) + 1, terminals: ['a', 'b'] as TerminalId[] }]);
      await region.passDay(DAY);
      t.same(region.failures, []);
      await t.resolves(region.checkAll(), `the day finds it: ${JSON.stringify(cell)}`);
    }
  });

  await t.test('answers go without a published cell that cannot be read: they use what lies below', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])), region.events('b', 1, salesIn(HOUR, [1])));
    await region.passDay(DAY);
    const api = await Api.open(region);
    const range = { from: '2011-03-27', to: '2011-03-28', interval: 'total' };
    const ask = () =>
      Promise.all([
        ...['terminal', 'store'].map((by) => api.get('metrics', { ...range, by })),
        api.get('top', { from: range.from, to: range.to }),
      ]);
    const expected = await ask();
    for (const level of ['day', 'hour'] as const) {
      for (const cell of [{ part: 'b' }, { view: 'store' }, { view: 'articles' }]) {
        await spoil(region, cell, level);
        t.same(await ask(), expected, `${level}: ${JSON.stringify(cell)}`);
      }
    }
    await api.close();
  });

  await t.test('a stop ends the pass after the run under way, and what it did not reach stays due', async (t) => {
    const region = new Region(tables);
    for (const hour of [HOUR, HOUR + 1, HOUR + 2]) await region.deliver(region.events('a', hour, salesIn(hour, [1])));
    region.now = (HOUR + 4) * HOUR_MS;
    let stopped: Promise<void> | null = null;
    const hooked = new HookedTables(tables, ({ operation }, make) => {
      if (operation === 'checkAndPut') stopped ??= runner.stop();
      return make();
    });
    const runner = region.through(hooked).runner();
    t.match(await runner.runDue(), { hours: 1, marks: 1, failures: 0 });
    await stopped;
    t.equal((await region.marksThrough(minuteOf(region.now))).length, 2);
    t.match(await runner.runDue(), { hours: 0, marks: 0 }, 'a stopped runner does nothing more');
    await region.passDay(DAY);
    await t.resolves(region.checkAll());
  });

  await t.test('a mark that cannot be read fails the pass, after the marks of all other salts', async (t) => {
    const region = new Region(tables, merchantOfAnotherSaltThan(0));
    region.now = (DAY - 400) * DAY_MS;
    await region.deliver(region.events('a', 1, salesIn(Math.floor(region.now / HOUR_MS) - 3, [1])));
    region.now += 600_000;
    const row = Buffer.of(0, 0, 0, 0, 1);
    await tables.put('due', [{ row, cells: new Map([['b:terminals', Buffer.of(0x90)]]) }]);
    const marks = new DueMarks(tables, () => randomBytes(8).toString('hex'));
    await t.rejects(region.runner({ marks, concurrency: 1 }).runDue(), { message: /^row key / });
    await tables.delete('due', [row]);
    const left = await region.marksThrough(minuteOf(region.now));
    t.same(
      left.filter(({ level }) => level === 'hour'),
      [],
    );
  });

  await t.test('a store that goes away ends the pass at once', async (t) => {
    const region = new Region(tables);
    region.now = (DAY - 400) * DAY_MS;
    let isAway = false;
    let asked = 0;
    const away = new HookedTables(tables, async (_call, make) => {
      asked++;
      if (isAway) throw new StoreUnavailable('away');
      return make();
    });
    const marks = new DueMarks(away, () => randomBytes(8).toString('hex'));
    // As the region's: a pass on a slow machine is no step back of the wall clock.
    const runner = region.runner({ marks, concurrency: 3, clock: () => 0 });
    await runner.runDue();
    isAway = true;
    asked = 0;
    await t.rejects(runner.runDue(), { message: 'away' });
    t.equal(asked, 3, 'one question of each worker');
    asked = 0;
    await t.rejects(region.runner({ marks, concurrency: 3 }).runDue(), { message: 'away' });
    t.equal(asked, 1, 'at the first pass one question at all');
  });

  await t.test('a pass over all salts ends with nothing due', async (t) => {
    const region = new Region(tables);
    const others = Array.from({ length: 5 }, () => new Region(tables));
    region.now = (DAY - 400) * DAY_MS;
    for (const other of others) {
      const hour = Math.floor(region.now / HOUR_MS) - 3;
      other.now = region.now;
      await other.deliver(other.events('a', 1, salesIn(hour, [1])));
    }
    region.now += 600_000;
    const marks = new DueMarks(tables, () => randomBytes(8).toString('hex'));
    const report = await region.runner({ marks, concurrency: 3 }).runDue();
    t.ok(report.hours >= 5);
    for (const other of others) t.same(await other.marksThrough(minuteOf(region.now)), []);
  });
}

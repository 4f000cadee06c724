/** What of a backlog's marks is read before live hours, and that none of them is forgotten. */
import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import type { RollupRunner } from '../../../collector/rollup/passes/runner.ts';
import { DueMarks } from '../../../collector/store/due-marks.ts';
import type { Row, Tables } from '../../../collector/store/tables.ts';
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import { parseDueKey, parseRollupKey, salt } from '../../../shared/keys.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, minuteOf } from '../../../shared/time.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { freshMerchant } from '../../support/region/fresh.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

/** Years before the other tests, whose due marks are not to be met. */
const LONG_AGO = (Math.floor(HOUR / 24) - 600) * DAY_MS;
const ENDED = LONG_AGO / HOUR_MS - 1;
const BACKLOG_HOURS = 300;

function merchantOfSalt(wanted: number): MerchantId {
  for (;;) {
    const merchant = freshMerchant();
    if (salt(merchant) === wanted) return merchant;
  }
}

/** Two merchants of one salt, and one of another: a backlog, and two that sell now. */
function merchants(tables: Tables) {
  const late = new Region(tables);
  const beside = new Region(tables, merchantOfSalt(salt(late.merchant)));
  const elsewhere = new Region(tables, merchantOfSalt((salt(late.merchant) + 128) % 256));
  for (const region of [late, beside, elsewhere]) region.now = LONG_AGO;
  return { late, live: [beside, elsewhere] };
}

/** Counts marks of the backlog's hours that are read; `onHour` sees each hour's row before it is put. */
function watched(tables: Tables, late: MerchantId, onHour: (merchant: MerchantId) => void) {
  const read = { marks: 0 };
  const hooked = new HookedTables(tables, async ({ operation, table, row }, make) => {
    if (operation === 'checkAndPut' && table === 'rollups') {
      const { merchant, level } = parseRollupKey(row!);
      if (level === 'hour') onHour(merchant);
    }
    const made = await make();
    return operation === 'scan' && table === 'due' ? (counted(made as AsyncIterable<Row>) as typeof made) : made;
  });
  async function* counted(rows: AsyncIterable<Row>): AsyncIterable<Row> {
    for await (const row of rows) {
      const { merchant, level } = parseDueKey(row.row);
      if (merchant === late && level === 'hour') read.marks++;
      yield row;
    }
  }
  return { read, hooked };
}

/** The backlog's hours, and one mark for each, all of one minute. */
async function fill(late: Region, hours: number): Promise<void> {
  const all = Array.from({ length: hours }, (_, at) => ENDED - 29 - at);
  await late.append(...all.map((hour, at) => late.events('a', 1 + at, salesIn(hour, [1]))));
  const mark = { minute: minuteOf(LONG_AGO) + 1, merchant: late.merchant, level: 'hour' as const };
  await late.marks.add(all.map((time) => ({ ...mark, time, terminals: ['a'] as TerminalId[] })));
}

export async function backlogContract(t: Test, tables: Tables): Promise<void> {
  await t.test('live hours wait for no list of a backlog, once it was listed', async (t) => {
    const { late, live } = merchants(tables);
    await fill(late, BACKLOG_HOURS);
    const before = new Map<MerchantId, number>();
    let hours = 0;
    const { read, hooked } = watched(tables, late.merchant, (merchant) => {
      if (merchant !== late.merchant) before.set(merchant, read.marks);
      else if (++hours === 3) {
        through.now += MINUTE_MS;
        read.marks = 0;
      }
    });
    const through = late.through(hooked);
    through.now = LONG_AGO + 10 * MINUTE_MS;
    for (const region of live) {
      region.now = through.now;
      await region.deliver(region.events('a', 1, salesIn(ENDED, [1])));
    }
    const marks = new DueMarks(hooked, () => randomBytes(8).toString('hex'));
    t.match(await through.runner({ marks, concurrency: 1 }).runDue(), { hours: BACKLOG_HOURS + 2, failures: 0 });
    t.same([...before.values()], [0, 0]);
    for (const region of [late, ...live]) await t.resolves(region.checkAll());
    t.same(await late.marksThrough(minuteOf(through.now)), []);
  });

  await t.test('a live hour that failed is tried again before the list of a backlog', async (t) => {
    const { late, live } = merchants(tables);
    const [failing] = live as [Region, Region];
    const before: number[] = [];
    let tries = 0;
    const { read, hooked } = watched(tables, late.merchant, (merchant) => {
      if (merchant !== failing.merchant) return;
      before.push(read.marks);
      if (++tries < 3) throw new Error('refused');
    });
    const through = late.through(hooked);
    const pass = async (runner: RollupRunner, at: number) => {
      through.now = at;
      read.marks = 0;
      return await runner.runDue();
    };
    const marks = new DueMarks(hooked, () => randomBytes(8).toString('hex'));
    let clock = 0;
    const runner = through.runner({ marks, concurrency: 1, clock: () => (clock += 1) });
    failing.now = LONG_AGO + 5 * MINUTE_MS;
    await failing.deliver(failing.events('a', 1, salesIn(ENDED, [1])));
    t.match(await pass(runner, LONG_AGO + 10 * MINUTE_MS), { failures: 1 });
    await fill(late, 20);
    for (const [at, failures] of [1, 0].entries()) {
      clock += MINUTE_MS;
      t.match(await pass(runner, LONG_AGO + (11 + at) * MINUTE_MS), { failures });
    }
    t.same(before, [0, 0, 0]);
    await t.resolves(failing.checkAll());
  });

  await t.test('a late hour has its turn beside the backlogs of its salt, however many', async (t) => {
    const { late, live } = merchants(tables);
    const [single] = live as [Region, Region];
    const others = Array.from({ length: 4 }, () => new Region(tables, merchantOfSalt(salt(late.merchant))));
    for (const region of [late, ...others]) await fill(region, 64);
    single.now = LONG_AGO + 5 * MINUTE_MS;
    await single.deliver(single.events('a', 1, salesIn(ENDED - 40, [1])));
    const order: MerchantId[] = [];
    const { hooked } = watched(tables, late.merchant, (merchant) => void order.push(merchant));
    const through = late.through(hooked);
    through.now = LONG_AGO + 10 * MINUTE_MS;
    const marks = new DueMarks(hooked, () => randomBytes(8).toString('hex'));
    t.match(await through.runner({ marks, concurrency: 1 }).runDue(), { hours: 5 * 64 + 1, failures: 0 });
    t.ok(order.indexOf(single.merchant) < 6, `it was the ${order.indexOf(single.merchant) + 1}th`);
    await t.resolves(single.checkAll());
  });

  await t.test('a mark that comes long after its minute is found, and so is one of a clock set back', async (t) => {
    const region = new Region(tables);
    let clock = 0;
    const runner = region.runner({ clock: () => (clock += 1) });
    const pass = async (now: number) => {
      region.now = now;
      clock += MINUTE_MS;
      return await runner.runDue();
    };
    const mark = async (minute: number, hour: number) => {
      await region.append(region.events('a', hour, salesIn(hour, [1])));
      const of = { merchant: region.merchant, level: 'hour' as const, time: hour };
      await region.marks.add([{ ...of, minute, terminals: ['a'] as TerminalId[] }]);
    };
    const now = LONG_AGO + 30 * MINUTE_MS;
    await pass(now);
    await mark(minuteOf(now) - 20, ENDED);
    await mark(minuteOf(now) - 600, ENDED - 5);
    t.match(await pass(now + MINUTE_MS), { hours: 2 }, 'of a collector that hung');
    await mark(minuteOf(now) - 1, ENDED - 1);
    t.match(await pass(now - MINUTE_MS), { hours: 1 }, 'once the clock is set back');
    await mark(minuteOf(now), ENDED - 2);
    t.match(await pass(now), { hours: 1 }, 'when its minute comes again');
    t.same(await region.marksThrough(2 ** 31), []);
    await t.resolves(region.checkAll());
  });
}

import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { ROLLUP_LIMITS } from '../../../collector/rollup/limits.ts';
import { DueMarks } from '../../../collector/store/due-marks.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { parseRollupKey, salt } from '../../../shared/keys.ts';
import { DAY_MS, HOUR_MS } from '../../../shared/time.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { freshMerchant } from '../../support/region/fresh.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const DAY = Math.floor(HOUR / 24);
/** Years before the other tests, whose due marks are not to be met. */
const LONG_AGO = (DAY - 500) * DAY_MS;

function merchantWith(isFit: (salt: number) => boolean) {
  for (;;) {
    const merchant = freshMerchant();
    if (isFit(salt(merchant))) return merchant;
  }
}

/** Two merchants: one with five hours to catch up, then one with one. In the order of their runs. */
async function orderOf(tables: Tables, sameSalt: boolean, runMs: number): Promise<string> {
  const many = new Region(
    tables,
    merchantWith((salt) => salt < 200),
  );
  const few = new Region(
    tables,
    merchantWith((other) => (sameSalt ? other === salt(many.merchant) : other > salt(many.merchant))),
  );
  const hour = LONG_AGO / HOUR_MS - 30;
  for (const region of [many, few]) region.now = LONG_AGO;
  for (let at = 0; at < 5; at++) await many.deliver(many.events('a', 1, salesIn(hour + at, [1])));
  many.now += 60_000;
  few.now += 60_000;
  await few.deliver(few.events('a', 1, salesIn(hour, [1])));
  const order: string[] = [];
  let now = 0;
  const hooked = new HookedTables(tables, ({ operation, table, row }, make) => {
    if (operation === 'checkAndPut' && table === 'rollups' && parseRollupKey(row!).level === 'hour') {
      order.push(parseRollupKey(row!).merchant === many.merchant ? 'many' : 'few');
      now += runMs;
    }
    return make();
  });
  const marks = new DueMarks(tables, () => randomBytes(8).toString('hex'));
  const through = many.through(hooked);
  through.now = LONG_AGO + 600_000;
  await through.runner({ marks, concurrency: 1, clock: () => now }).runDue();
  return order.join(' ');
}

export async function turnsContract(t: Test, tables: Tables): Promise<void> {
  await t.test('a merchant with many hours to catch up lets the others of its salt run in between', async (t) => {
    t.equal(await orderOf(tables, true, 1), 'many few many many many many');
  });

  await t.test('a merchant with many late hours lets those of all other salts run in between', async (t) => {
    t.equal(await orderOf(tables, false, 1), 'many few many many many many');
    t.equal(await orderOf(tables, false, ROLLUP_LIMITS.merchantRound.value), 'many few many many many many');
  });

  await t.test('a live hour waits for no backlog: it goes first, or once its minute comes', async (t) => {
    const late = new Region(
      tables,
      merchantWith((salt) => salt < 200),
    );
    const live = new Region(
      tables,
      merchantWith((other) => other > salt(late.merchant)),
    );
    const ended = LONG_AGO / HOUR_MS - 1;
    late.now = LONG_AGO;
    for (let at = 0; at < 5; at++) await late.deliver(late.events('a', 1, salesIn(ended - 29 + at, [1])));
    live.now = LONG_AGO + 300_000;
    await live.deliver(live.events('a', 1, salesIn(ended, [1])));
    live.now = LONG_AGO + 600_000;
    await live.deliver(live.events('a', 9, salesIn(ended - 1, [1])));
    const order: string[] = [];
    const hooked = new HookedTables(tables, ({ operation, table, row }, make) => {
      if (operation === 'checkAndPut' && table === 'rollups' && parseRollupKey(row!).level === 'hour') {
        order.push(parseRollupKey(row!).merchant === late.merchant ? 'late' : 'live');
        if (order.length === 3) through.now += 60_000;
      }
      return make();
    });
    const through = late.through(hooked);
    through.now = LONG_AGO + 600_000;
    const marks = new DueMarks(tables, () => randomBytes(8).toString('hex'));
    await through.runner({ marks, concurrency: 1 }).runDue();
    t.equal(order.join(' '), 'live late late live late late late');
  });

  await t.test('late hours that fail keep no others of their merchant from their turn', async (t) => {
    const region = new Region(tables);
    region.now = LONG_AGO;
    const first = LONG_AGO / HOUR_MS - 200;
    for (let at = 0; at < 80; at++) await region.deliver(region.events('a', 1 + at, salesIn(first + at, [1])));
    const failing = new HookedTables(tables, ({ operation, table, row }, make) => {
      const isOfRow = operation === 'checkAndPut' && table === 'rollups';
      if (isOfRow && parseRollupKey(row!).level === 'hour' && parseRollupKey(row!).time < first + 70)
        throw new Error('refused');
      return make();
    });
    const through = region.through(failing);
    through.now = LONG_AGO + 600_000;
    t.match(await through.pass(), { hours: 10, marks: 10, failures: 71 }, 'and their day, once');
    region.now = LONG_AGO + 900_000;
    t.match(await region.pass(), { hours: 70 });
    await t.resolves(region.checkAll());
  });

  await t.test('a pass that lasts does not keep the next one from the other merchants', async (t) => {
    const [slow, quick] = [new Region(tables), new Region(tables)];
    for (const region of [slow, quick]) region.now = LONG_AGO;
    const hour = LONG_AGO / HOUR_MS - 30;
    await slow.deliver(slow.events('a', 1, salesIn(hour, [1])));
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let holds = (): void => undefined;
    const isHeld = new Promise<void>((resolve) => {
      holds = resolve;
    });
    const hooked = new HookedTables(tables, async ({ operation, table, row }, make) => {
      if (operation === 'checkAndPut' && table === 'rollups' && parseRollupKey(row!).merchant === slow.merchant) {
        holds();
        await held;
      }
      return make();
    });
    const through = slow.through(hooked);
    through.now = LONG_AGO + 600_000;
    let clock = 0;
    const marks = new DueMarks(tables, () => randomBytes(8).toString('hex'));
    const runner = through.runner({ marks, concurrency: 1, clock: () => clock });
    const first = runner.runDue();
    await isHeld;
    t.equal(runner.runDue(), first, 'a pass of the same minute is joined');
    await quick.deliver(quick.events('a', 1, salesIn(hour, [1])));
    clock = 60_000;
    t.match(await runner.runDue(), { hours: 1 });
    t.equal(await quick.revision('hour', hour), 1);
    t.equal(await slow.revision('hour', hour), null);
    release();
    t.match(await first, { hours: 1 });
  });
}

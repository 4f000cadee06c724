/**
 * Contract of hours folded at query time, on any store: `await liveHoursContract(t, () =>
 * openSomeTables(…))`. Merchants are fresh ones.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Test } from 'tap';
import { LiveHours, type LiveHoursOptions } from '../../collector/api/figures/live-hours.ts';
import { EventLog } from '../../collector/store/event-log.ts';
import { StoreUnavailable, type Tables } from '../../collector/store/tables.ts';
import { epoch } from '../../shared/ids.ts';
import { articlesOf, figuresOf } from '../support/collector/figures-oracle.ts';
import { foldRows, type SentRow } from '../support/collector/raw-rows.ts';
import { arbitraryEvent, HOUR, LOGIC } from '../support/collector/till-events.ts';
import { type Call, HookedTables } from '../support/region/hooked-tables.ts';
import { Region } from '../support/region/region.ts';
import { salesIn } from '../support/region/sales.ts';

const EPOCHS = ['00000000000000aa', 'ff00000000000001'].map(epoch);
const TERMINALS = ['a', 'a-b', 'b'];

const liveOn = (tables: Tables, options: Partial<LiveHoursOptions> = {}): LiveHours =>
  new LiveHours({
    ...{ log: new EventLog(tables), logic: LOGIC, clock: () => 0, freshForMs: 0, maxRows: 100_000 },
    ...options,
  });

/**
 * Throws unless the hour's partial aggregates are what a fold of all rows gives, terminal by
 * terminal.
 */
async function check(live: LiveHours, { merchant, delivered }: Region): Promise<void> {
  const partials = await live.partials(merchant, HOUR);
  const expected = Map.groupBy(delivered, ({ key }) => key.terminal);
  assert.deepEqual(partials.map(({ terminal }) => terminal).sort(), [...expected.keys()].sort());
  for (const { terminal, partial } of partials) {
    const whole = foldRows(expected.get(terminal)!);
    assert.deepEqual(
      [figuresOf(partial), articlesOf(partial), partial.tally],
      [figuresOf(whole), articlesOf(whole), whole.tally],
    );
  }
}

export async function liveHoursContract(t: Test, open: () => Promise<Tables>): Promise<void> {
  const tables = await open();
  await tables.init();
  t.teardown(() => tables.close());

  await t.test('whatever comes in whatever order, each answer is what a fold of all rows gives', async (t) => {
    const row = fc.record({
      terminal: fc.constantFrom(...TERMINALS),
      epoch: fc.constantFrom(...EPOCHS),
      first: fc.integer({ min: 1, max: 12 }),
      count: fc.integer({ min: 1, max: 6 }),
      lost: fc.option(fc.constant(true), { freq: 4 }),
    });
    const run = await fc.check(
      fc.asyncProperty(
        fc.array(arbitraryEvent(HOUR), { minLength: 20, maxLength: 20 }),
        fc.array(fc.array(row, { maxLength: 5 }), { minLength: 2, maxLength: 8 }),
        async (events, steps) => {
          const region = new Region(tables);
          const live = liveOn(tables);
          for (const step of steps) {
            const rows = step.map(({ terminal, epoch, first, count, lost }) =>
              lost
                ? region.losses(terminal, first, count, { epoch, arrival: Date.now() })
                : region.events(terminal, first, events.slice(first - 1, first - 1 + count), { epoch }),
            );
            await region.append(...rows.filter((row) => !region.delivered.some((known) => sameKey(known, row))));
            await check(live, region);
          }
        },
      ),
      { numRuns: 40 },
    );
    t.notOk(run.failed, fc.defaultReportMessage(run) ?? `held in ${run.numRuns} runs`);
  });

  await t.test('an hour without rows has no parts, and none later on either until there is one', async (t) => {
    const region = new Region(tables);
    const live = liveOn(tables);
    t.same(await live.partials(region.merchant, HOUR), []);
    await region.append(region.events('a', 1, salesIn(HOUR, [1])));
    await t.resolves(check(live, region));
  });

  await t.test(
    'the first question reads all rows; the next one keys, and then only the rows that are new',
    async (t) => {
      const region = new Region(tables);
      await region.append(...[1, 2, 3].map((seq) => region.events('a', seq, salesIn(HOUR, [seq]))));
      const calls: Call[] = [];
      const hooked = new HookedTables(tables, (call, make) => {
        calls.push(call);
        return make();
      });
      const live = liveOn(hooked);
      await live.partials(region.merchant, HOUR);
      t.match(calls, [{ operation: 'scan', keysOnly: false }]);
      calls.length = 0;
      await live.partials(region.merchant, HOUR);
      t.match(calls, [{ operation: 'scan', keysOnly: true }]);
      t.equal(calls.length, 1);
      await region.append(region.events('a', 4, salesIn(HOUR, [4])));
      calls.length = 0;
      await live.partials(region.merchant, HOUR);
      t.match(calls, [{ operation: 'scan', keysOnly: true }, { operation: 'get' }]);
      await t.resolves(check(live, region));
    },
  );

  await t.test('expired rows are no longer in the figures', async (t) => {
    const region = new Region(tables);
    const [first, second] = [1, 2].map((seq) => region.events('a', seq, salesIn(HOUR, [seq]))) as [SentRow, SentRow];
    await region.append(first, second);
    const live = liveOn(tables);
    await live.partials(region.merchant, HOUR);
    await tables.delete('events', [first.rowKey]);
    region.delivered.shift();
    await t.resolves(check(live, region));
  });

  await t.test('questions at the same time are one look at the store', async (t) => {
    const region = new Region(tables);
    await region.append(region.events('a', 1, salesIn(HOUR, [1])));
    let scans = 0;
    const hooked = new HookedTables(tables, ({ operation }, make) => {
      if (operation === 'scan') scans++;
      return make();
    });
    const live = liveOn(hooked);
    const answers = await Promise.all([1, 2, 3].map(() => live.partials(region.merchant, HOUR)));
    t.equal(scans, 1);
    t.ok(answers.every((parts) => parts.length === 1));
  });

  await t.test('a young answer is given again; a slow one for as long as it took', async (t) => {
    const region = new Region(tables);
    await region.append(region.events('a', 1, salesIn(HOUR, [1])));
    let now = 0;
    let scans = 0;
    let takes = 0;
    const hooked = new HookedTables(tables, ({ operation }, make) => {
      if (operation === 'scan') {
        scans++;
        now += takes;
      }
      return make();
    });
    const live = liveOn(hooked, { clock: () => now, freshForMs: 250 });
    const scansAt = async (at: number): Promise<number> => {
      now = at;
      await live.partials(region.merchant, HOUR);
      return scans;
    };
    t.equal(await scansAt(0), 1);
    t.equal(await scansAt(249), 1);
    takes = 1_000;
    t.equal(await scansAt(250), 2, 'done at 1,250');
    t.equal(await scansAt(2_249), 2);
    t.equal(await scansAt(2_250), 3);
  });

  await t.test(
    'an update that fails, at whatever call, fails for all who wait for it, and counts nothing twice',
    async (t) => {
      for (let failAt = 1; failAt <= 5; failAt++) {
        const region = new Region(tables);
        const amounts = Array.from({ length: 150 }, (_, i) => i);
        await region.append(region.events('a', 5, salesIn(HOUR, [1])), region.events('b', 1, salesIn(HOUR, [2])));
        let left = Number.POSITIVE_INFINITY;
        const hooked = new HookedTables(tables, async (_call, make) => {
          if (--left === 0) throw new StoreUnavailable('gone');
          return make();
        });
        const live = liveOn(hooked);
        await live.partials(region.merchant, HOUR);
        // One stream is to be folded again, another has more new rows than one call reads.
        await region.append(region.events('a', 1, salesIn(HOUR, [4])));
        await region.append(...amounts.map((amount) => region.events('b', 2 + amount, salesIn(HOUR, [amount]))));
        left = failAt;
        const both = await Promise.allSettled([1, 2].map(() => live.partials(region.merchant, HOUR)));
        t.match(
          both,
          [{ reason: { name: 'StoreUnavailable' } }, { reason: { name: 'StoreUnavailable' } }],
          `call ${failAt}`,
        );
        left = Number.POSITIVE_INFINITY;
        await t.resolves(check(live, region));
      }
    },
  );

  await t.test('a first read that fails half-way is continued', async (t) => {
    const region = new Region(tables);
    const whole = region.events('a', 2, salesIn(HOUR, [1]));
    await region.append(region.events('a', 1, salesIn(HOUR, [2])), whole);
    await region.overwrite(whole, whole.bytes.subarray(0, -1));
    const live = liveOn(tables);
    await t.rejects(live.partials(region.merchant, HOUR), { message: /can't be read/ });
    await region.overwrite(whole);
    await t.resolves(check(live, region));
  });

  await t.test('beyond the bound on rows, the least recently used hours are evicted, never the last', async (t) => {
    const regions = [new Region(tables), new Region(tables), new Region(tables)] as const;
    for (const region of regions)
      await region.append(...[1, 2, 3].map((seq) => region.events('a', seq, salesIn(HOUR, [seq]))));
    let whole = 0;
    const hooked = new HookedTables(tables, ({ operation, keysOnly }, make) => {
      if (operation === 'scan' && !keysOnly) whole++;
      return make();
    });
    const live = liveOn(hooked, { maxRows: 4 });
    const folded = async (region: Region): Promise<number> => {
      whole = 0;
      await live.partials(region.merchant, HOUR);
      return whole;
    };
    t.same([await folded(regions[0]), await folded(regions[1]), await folded(regions[0])], [1, 1, 0]);
    t.equal(await folded(regions[2]), 1, 'now the second goes');
    t.equal(await folded(regions[0]), 0);
    t.equal(await folded(regions[1]), 1);
    const small = liveOn(hooked, { maxRows: 0 });
    whole = 0;
    for (let i = 0; i < 3; i++) await small.partials(regions[0].merchant, HOUR);
    t.equal(whole, 1, 'an hour larger than the bound is not folded anew each time');
  });

  await t.test("one merchant's hour is not another's", async (t) => {
    const [one, other] = [new Region(tables), new Region(tables)];
    await one.append(one.events('a', 1, salesIn(HOUR, [1])));
    await other.append(other.events('a', 1, salesIn(HOUR, [2])), other.events('b', 1, salesIn(HOUR, [4])));
    const live = liveOn(tables);
    await t.resolves(check(live, one));
    await t.resolves(check(live, other));
  });
}

const sameKey = (a: SentRow, b: SentRow): boolean => Buffer.compare(a.rowKey, b.rowKey) === 0;

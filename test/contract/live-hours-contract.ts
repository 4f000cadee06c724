/**
 * Contract of hours folded at query time, on any store: `await liveHoursContract(t, () =>
 * openSomeTables(…))`. Merchants are fresh ones.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Test } from 'tap';
import { type Cube, mergeCube } from '../../collector/aggregation/cube.ts';
import { AGGREGATION_LIMITS } from '../../collector/aggregation/limits.ts';
import type { ItemMeasures, Measures } from '../../collector/aggregation/measures.ts';
import { articlesCube, figuresCube } from '../../collector/aggregation/partial.ts';
import { articlesOf as articlesView, viewKeys, viewNames, viewOf } from '../../collector/aggregation/views/views.ts';
import { LiveHours, type LiveHoursOptions, type LivePartial } from '../../collector/api/figures/live-hours.ts';
import { EventLog } from '../../collector/store/event-log.ts';
import { StoreUnavailable, type Tables } from '../../collector/store/tables.ts';
import { runToEnd } from '../../shared/cooperative.ts';
import { epoch } from '../../shared/ids.ts';
import { HOUR_MS } from '../../shared/time.ts';
import { amplifiedRow, epochNumber } from '../support/collector/amplified-row.ts';
import { articlesOf, figuresOf } from '../support/collector/figures-oracle.ts';
import { foldRows, type SentRow } from '../support/collector/raw-rows.ts';
import { arbitraryEvent, HOUR, LOGIC, tillEvent } from '../support/collector/till-events.ts';
import { type Call, HookedTables } from '../support/region/hooked-tables.ts';
import { Region } from '../support/region/region.ts';
import { salesIn } from '../support/region/sales.ts';

const EPOCHS = ['00000000000000aa', 'ff00000000000001'].map(epoch);
const TERMINALS = ['a', 'a-b', 'b'];
const MARGIN_MS = 30_000;
const CHECK_MS = 60_000;

const liveOn = (tables: Tables, options: Partial<LiveHoursOptions> = {}): LiveHours =>
  new LiveHours({
    ...{ log: new EventLog(tables), clock: () => 0, now: Date.now },
    ...{ freshForMs: 0, marginMs: MARGIN_MS, checkMs: CHECK_MS, maxBytes: 1e9 },
    ...options,
  });

/**
 * Throws unless the hour's partial aggregates are what a fold of all rows gives, terminal by
 * terminal.
 */
async function check(live: LiveHours, { merchant, delivered }: Region): Promise<void> {
  const { partials, parked } = await live.read(merchant, HOUR, LOGIC);
  assert.deepEqual(parked, []);
  const expected = Map.groupBy(delivered, ({ key }) => key.terminal);
  assert.deepEqual(partials.map(({ terminal }) => terminal).sort(), [...expected.keys()].sort());
  for (const { terminal, partial } of partials) {
    const whole = foldRows(expected.get(terminal)!);
    assert.deepEqual(
      [figuresOf(partial), articlesOf(partial), partial.tally],
      [figuresOf(whole), articlesOf(whole), whole.tally],
    );
  }
  const parts = partials.map(({ partial }) => partial);
  for (const view of viewNames(LOGIC)) {
    const merged = (cubes: readonly Cube<Measures>[]) =>
      mergedCube(figuresCube(viewKeys(view)), runToEnd(viewOf(view, cubes)));
    const [actual, figures] = [
      merged((await live.figures(merchant, HOUR, view, LOGIC)).cubes),
      merged(parts.map((part) => part.figures)),
    ];
    assert.deepEqual(
      [figuresOf({ figures: actual }), [...actual.folded]],
      [figuresOf({ figures }), [...figures.folded]],
    );
  }
  const merged = (cubes: readonly Cube<ItemMeasures>[]) => mergedCube(articlesCube(), runToEnd(articlesView(cubes)));
  const [actual, articles] = [
    merged((await live.articles(merchant, HOUR, LOGIC)).cubes),
    merged(parts.map((part) => part.articles)),
  ];
  assert.deepEqual(
    [articlesOf({ articles: actual }), [...actual.folded]],
    [articlesOf({ articles }), [...articles.folded]],
  );
}

function mergedCube<M>(into: Cube<M>, cubes: readonly Cube<M>[]): Cube<M> {
  for (const cube of cubes) {
    runToEnd(mergeCube(into, cube));
    for (const folded of cube.folded) into.folded.add(folded);
  }
  return into;
}

export async function liveHoursContract(t: Test, open: () => Promise<Tables>): Promise<void> {
  const tables = await open();
  await tables.init();
  t.teardown(() => tables.close());

  await t.test('large hours are found in ranges of any length', async (t) => {
    const [region, other] = [new Region(tables), new Region(tables)];
    const live = liveOn(tables);
    const [small, ...large] = [HOUR, HOUR + 1, HOUR + 30];
    const sell = async (of: Region, hour: number, rows: number): Promise<void> => {
      const event = tillEvent({ ts: hour * HOUR_MS });
      await of.append(...Array.from({ length: rows }, (_, at) => of.events('a', 1 + at, [event])));
      await live.read(of.merchant, hour, LOGIC);
    };
    await sell(region, small!, 1);
    for (const hour of large) await sell(region, hour, 40);
    await sell(other, small!, 40);
    const found = (...ranges: readonly { readonly from: number; readonly to: number }[]): number[] =>
      live.large(region.merchant, LOGIC, ranges);
    t.same(found({ from: HOUR, to: HOUR + 2 }), [HOUR + 1]);
    t.same(found({ from: HOUR, to: HOUR + 1 }, { from: HOUR + 30, to: HOUR + 31 }), [HOUR + 30]);
    t.same(found({ from: HOUR - 500_000, to: HOUR + 500_000 }), large, 'a century');
    t.same(found({ from: HOUR - 500_000, to: HOUR + 30 }, { from: HOUR + 31, to: HOUR + 500_000 }), [HOUR + 1]);
    t.same(live.large(other.merchant, LOGIC, [{ from: 0, to: 1_000_000 }]), [HOUR]);
  });

  await t.test('whatever comes in whatever order, each answer is what a fold of all rows gives', async (t) => {
    const row = fc.record({
      terminal: fc.constantFrom(...TERMINALS),
      epoch: fc.constantFrom(...EPOCHS),
      first: fc.integer({ min: 1, max: 12 }),
      count: fc.integer({ min: 1, max: 6 }),
      lost: fc.option(fc.constant(true), { freq: 4 }),
      arrival: fc.integer({ min: 1, max: 4 }),
      /** Of the events, this one has another content. */
      changed: fc.option(fc.nat(5), { freq: 4 }),
    });
    const run = await fc.check(
      fc.asyncProperty(
        fc.array(arbitraryEvent(HOUR), { minLength: 20, maxLength: 20 }),
        fc.array(fc.array(row, { maxLength: 5 }), { minLength: 2, maxLength: 8 }),
        async (events, steps) => {
          const region = new Region(tables);
          const live = liveOn(tables);
          const now = Date.now();
          for (const step of steps) {
            const rows = step.map(({ terminal, epoch, first, count, lost, arrival, changed }) => {
              const at = { epoch, arrival: now + arrival };
              if (lost) return region.losses(terminal, first, count, at);
              const some = events.slice(first - 1, first - 1 + count);
              return region.events(
                terminal,
                first,
                some.map((event, i) => (i === changed ? { ...event, ref: 'changed' } : event)),
                at,
              );
            });
            const fresh = rows.filter((row, i) => rows.findIndex((other) => sameKey(other, row)) === i);
            await region.append(...fresh.filter((row) => !region.delivered.some((known) => sameKey(known, row))));
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
    t.same(await live.read(region.merchant, HOUR, LOGIC), { partials: [], parked: [] });
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
      await live.read(region.merchant, HOUR, LOGIC);
      t.match(calls, [{ operation: 'scan', keysOnly: false }]);
      calls.length = 0;
      await live.read(region.merchant, HOUR, LOGIC);
      t.match(calls, [{ operation: 'scan', keysOnly: true, since: Number }]);
      t.equal(calls.length, 1);
      await region.append(region.events('a', 4, salesIn(HOUR, [4])));
      calls.length = 0;
      await live.read(region.merchant, HOUR, LOGIC);
      t.match(calls, [{ operation: 'scan', keysOnly: true }, { operation: 'get' }]);
      await t.resolves(check(live, region));
    },
  );

  await t.test('what an update lists is what arrived lately', async (t) => {
    const region = new Region(tables);
    const [old, recent] = [Date.now() - 10 * MARGIN_MS, Date.now()];
    const seqs = Array.from({ length: 300 }, (_, i) => i + 1);
    await region.append(...seqs.map((seq) => region.events('a', seq, salesIn(HOUR, [seq]), { arrival: old })));
    let listed = 0;
    const counting = Object.assign(Object.create(tables) as Tables, {
      scan: async function* (...[table, scan]: Parameters<Tables['scan']>) {
        for await (const row of tables.scan(table, scan)) {
          listed++;
          yield row;
        }
      },
      get: tables.get.bind(tables),
    });
    const live = liveOn(counting);
    await live.read(region.merchant, HOUR, LOGIC);
    for (const seq of [301, 302, 303]) {
      await region.append(region.events('a', seq, salesIn(HOUR, [seq]), { arrival: recent }));
      listed = 0;
      await live.read(region.merchant, HOUR, LOGIC);
      t.equal(listed, seq - 300, 'of the same millisecond, too');
      await t.resolves(check(live, region));
    }
  });

  await t.test('what a clock that was set stamps is seen at once, whichever way it was set', async (t) => {
    for (const step of [-HOUR_MS, HOUR_MS]) {
      const region = new Region(tables);
      let [now, clock] = [Date.now() - 2 * HOUR_MS, 0];
      const passes = (ms: number): void => {
        now += ms;
        clock += ms;
      };
      const live = liveOn(tables, { now: () => now, clock: () => clock });
      const sale = (terminal: string, seq: number) =>
        region.events(terminal, seq, salesIn(HOUR, [seq]), { arrival: now });
      await region.append(...['a', 'b', 'c'].map((terminal) => sale(terminal, 5)));
      await check(live, region);
      passes(MARGIN_MS);
      await region.append(sale('a', 6));
      now += step;
      await region.append(sale('b', 6), sale('c', 1));
      passes(2 * MARGIN_MS);
      await t.resolves(check(live, region), `set by ${step} ms`);
      await region.append(sale('a', 7));
      await t.resolves(check(live, region));
    }
  });

  await t.test('a monotonic clock shows parts of a millisecond, the times of rows have none', async (t) => {
    const region = new Region(tables);
    const asked: (number | undefined)[] = [];
    const hooked = new HookedTables(tables, (call, make) => {
      asked.push(call.since);
      return make();
    });
    let clock = 0;
    const live = liveOn(hooked, { clock: () => clock });
    await region.append(region.events('a', 1, salesIn(HOUR, [1])));
    await check(live, region);
    clock = 1_000.7;
    await region.append(region.events('a', 2, salesIn(HOUR, [2])));
    await t.resolves(check(live, region));
    t.ok(asked.every((since) => since === undefined || Number.isInteger(since)));
  });

  await t.test('two collectors deliver, each through its own door', async (t) => {
    const region = new Region(tables);
    const other = region.through(new HookedTables(tables, (_call, make) => make()));
    const live = liveOn(tables);
    const now = Date.now();
    for (let seq = 1; seq <= 5; seq++) {
      // One that is behind the other.
      const rows = [region.events('a', 10 - seq, salesIn(HOUR, [seq]), { arrival: now - 4_000 * seq })];
      await Promise.all([
        region.append(...rows),
        other.append(region.events('a', 20 + seq, salesIn(HOUR, [seq]), { arrival: now + seq })),
      ]);
      region.delivered.push(other.delivered.at(-1)!);
      await t.resolves(check(live, region));
    }
  });

  await t.test('what became visible late, or is gone, is found by the check', async (t) => {
    const region = new Region(tables);
    let clock = 0;
    const live = liveOn(tables, { clock: () => clock });
    const old = { arrival: Date.now() - 10 * MARGIN_MS };
    const sale = (terminal: string, seq: number) => region.events(terminal, seq, salesIn(HOUR, [seq]), old);
    const gone = sale('gone', 1);
    await region.append(sale('a', 5), sale('b', 5), gone, sale('gone', 2), sale('left', 1));
    await check(live, region);
    // Below and above what was folded, of a new terminal, and a loss.
    await region.append(sale('a', 4), sale('b', 6), sale('c', 1), region.losses('left', 7, 2, old));
    await tables.delete('events', [gone.rowKey]);
    region.delivered.splice(region.delivered.indexOf(gone), 1);
    await t.rejects(check(live, region));
    for (let i = 0; i < 2; i++) {
      clock += CHECK_MS;
      await live.read(region.merchant, HOUR, LOGIC);
    }
    await t.resolves(check(live, region));
    const last = region.delivered.filter(({ key }) => key.terminal === 'left');
    await tables.delete(
      'events',
      last.map(({ rowKey }) => rowKey),
    );
    for (const row of last) region.delivered.splice(region.delivered.indexOf(row), 1);
    for (let i = 0; i < 2; i++) {
      clock += CHECK_MS;
      await live.read(region.merchant, HOUR, LOGIC);
    }
    await t.resolves(check(live, region), 'none is left of a terminal');
  });

  await t.test('a check goes through an hour in pieces, each of the size that is due', async (t) => {
    const region = new Region(tables);
    const old = { arrival: Date.now() - 10 * MARGIN_MS };
    const terminals = Array.from({ length: 120 }, (_, i) => `t${String(i).padStart(3, '0')}`);
    const sale = (terminal: string, seq: number) => region.events(terminal, seq, salesIn(HOUR, [seq]), old);
    for (let seq = 10; seq < 20; seq++) await region.append(...terminals.map((terminal) => sale(terminal, seq)));
    let clock = 0;
    const live = liveOn(tables, { clock: () => clock });
    await check(live, region);
    await region.append(sale('t000', 1), sale('t119', 1));
    const seen: boolean[] = [];
    clock = CHECK_MS;
    for (let i = 0; i < 5; i++) {
      seen.push(
        await check(live, region).then(
          () => true,
          () => false,
        ),
      );
    }
    t.same(seen, [false, false, false, true, true], '1,202 rows by 500');
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
    const answers = await Promise.all([1, 2, 3].map(() => live.read(region.merchant, HOUR, LOGIC)));
    t.equal(scans, 1);
    t.ok(answers.every(({ partials }) => partials.length === 1));
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
      await live.read(region.merchant, HOUR, LOGIC);
      return scans;
    };
    t.equal(await scansAt(0), 1);
    t.equal(await scansAt(249), 1);
    takes = 1_000;
    t.equal(await scansAt(250), 2, 'done at 1,250');
    t.equal(await scansAt(2_249), 2);
    t.equal(await scansAt(2_250), 3);
  });

  await t.test('a first reading that took long is followed up at once, and no excuse for old figures', async (t) => {
    const region = new Region(tables);
    await region.append(region.events('a', 1, salesIn(HOUR, [1])));
    let now = 0;
    const hooked = new HookedTables(tables, async ({ since }, make) => {
      const rows = await make();
      if (since === undefined && now === 0) {
        now += 20_000;
        await region.append(region.events('b', 1, salesIn(HOUR, [2])));
      }
      return rows;
    });
    const live = liveOn(hooked, { clock: () => now, freshForMs: 250 });
    await t.resolves(check(live, region));
    await region.append(region.events('b', 2, salesIn(HOUR, [2])));
    now += 250;
    await t.resolves(check(live, region));
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
        await live.read(region.merchant, HOUR, LOGIC);
        // One stream is to be folded again, another has more new rows than one call reads.
        await region.append(region.events('a', 1, salesIn(HOUR, [4])));
        await region.append(...amounts.map((amount) => region.events('b', 2 + amount, salesIn(HOUR, [amount]))));
        left = failAt;
        const both = await Promise.allSettled([1, 2].map(() => live.read(region.merchant, HOUR, LOGIC)));
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

  await t.test('beyond the bound on memory, the least recently used hours are evicted, never the last', async (t) => {
    const regions = [new Region(tables), new Region(tables), new Region(tables)] as const;
    for (const region of regions)
      await region.append(...[1, 2, 3].map((seq) => region.events('a', seq, salesIn(HOUR, [seq]))));
    let whole = 0;
    const hooked = new HookedTables(tables, ({ operation, keysOnly }, make) => {
      if (operation === 'scan' && !keysOnly) whole++;
      return make();
    });
    const live = liveOn(hooked, { maxBytes: 2_500 });
    const folded = async (region: Region): Promise<number> => {
      whole = 0;
      await live.read(region.merchant, HOUR, LOGIC);
      return whole;
    };
    t.same([await folded(regions[0]), await folded(regions[1]), await folded(regions[0])], [1, 1, 0]);
    t.equal(await folded(regions[2]), 1, 'now the second goes');
    t.equal(await folded(regions[0]), 0);
    t.equal(await folded(regions[1]), 1);
  });

  await t.test('an hour that takes too much memory is refused in words, and not folded again at once', async (t) => {
    const region = new Region(tables);
    await region.append(...[1, 2, 3].map((seq) => region.events('a', seq, salesIn(HOUR, [seq]))));
    let scans = 0;
    const hooked = new HookedTables(tables, ({ operation }, make) => {
      if (operation === 'scan') scans++;
      return make();
    });
    let now = 0;
    const live = liveOn(hooked, { maxBytes: 1_000, clock: () => now });
    for (let i = 0; i < 3; i++)
      await t.rejects(live.read(region.merchant, HOUR, LOGIC), {
        status: 503,
        message: /too much to be calculated on request/,
      });
    t.equal(scans, 1);
    now = 3_600_000;
    await t.rejects(live.read(region.merchant, HOUR, LOGIC), { message: /too much/ });
    t.equal(scans, 2, 'after a while it is tried again');
  });

  await t.test('a terminal that cannot be folded is left out and named; it is tried again after a while', async (t) => {
    const region = new Region(tables);
    const bad = region.events('bad', 2, salesIn(HOUR, [1]));
    const terminal = bad.key.terminal;
    await region.append(region.events('bad', 1, salesIn(HOUR, [2])), region.events('good', 1, salesIn(HOUR, [4])), bad);
    await region.overwrite(bad, bad.bytes.subarray(0, -1));
    let now = 0;
    const live = liveOn(tables, { clock: () => now });
    const expected = { partials: [{ terminal: 'good' }], parked: [{ terminal, reason: 'unreadable' }] };
    t.match(await live.read(region.merchant, HOUR, LOGIC), expected);
    await region.overwrite(bad);
    t.match(await live.read(region.merchant, HOUR, LOGIC), expected);
    now = 3_600_000;
    await t.resolves(check(live, region));
  });

  await t.test('24 tiny rows of many items each cost time, not memory', async (t) => {
    const region = new Region(tables);
    const { merchant, terminal } = region.events('evil', 1, salesIn(HOUR, [1])).key;
    const arrival = Date.now();
    const rows = Array.from({ length: 24 }, (_, at) =>
      amplifiedRow(30, 2_000, { arrival, merchant, terminal, hour: HOUR, epoch: epochNumber(at + 1) }),
    );
    await region.append(...rows);
    const [{ partial }] = (await liveOn(tables, { maxBytes: 100_000 }).read(merchant, HOUR, LOGIC)).partials as [
      LivePartial,
    ];
    t.equal(partial.tally.events, 24 * 30);
  });

  await t.test('what bounds cut of terminals and views is cut of merged hours alike', async (t) => {
    const region = new Region(tables);
    const live = liveOn(tables);
    const sales = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, at) => tillEvent({ amount: from + at, dims: { method: `m${from + at}` } }));
    const append = async (terminal: string, seq: number, from: number, to: number): Promise<void> => {
      for (let at = from; at < to; at += 1_000)
        await region.append(region.events(terminal, seq + at - from, sales(at, Math.min(to, at + 1_000))));
    };
    const deliver = async (...what: Parameters<typeof append>): Promise<Cube<Measures>> => {
      await append(...what);
      await check(live, region);
      const { cubes } = await live.figures(region.merchant, HOUR, 'method', LOGIC);
      return mergedCube(figuresCube(viewKeys('method')), runToEnd(viewOf('method', cubes)));
    };
    const { partGroups, viewGroups } = AGGREGATION_LIMITS;
    const limit = partGroups.value;
    t.same([...(await deliver('a', 1, 0, limit - 1)).folded], []);
    t.match([...(await deliver('a', limit, limit, limit + 10)).folded], [{ isPartial: false }]);
    t.match([...(await deliver('b', 1, 0, 1)).folded], [{ isPartial: true }], 'of a terminal with what another folds');
    t.match([...(await deliver('a', limit + 10, limit + 10, limit + 20)).folded], [{ isPartial: true }]);
    const before = [...(await deliver('b', 2, 0, 1)).folded][0]!.values;
    for (const [at, terminal] of ['c', 'd', 'e', 'f'].entries())
      await append(terminal, 1, (at + 2) * limit, (at + 3) * limit - 1);
    const all = await deliver('g', 1, 0, 1);
    t.ok(all.size <= viewGroups.value, 'the view is bounded, too');
    t.ok([...all.folded][0]!.values > before);
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

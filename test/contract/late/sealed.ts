import type { Test } from 'tap';
import { findMismatches } from '../../../collector/rollup/audit/find-mismatches.ts';
import { recompute } from '../../../collector/rollup/recompute.ts';
import { missingRows } from '../../../collector/rollup/reprocess/missing-rows.ts';
import { planOf } from '../../../collector/rollup/reprocess/plan.ts';
import { allMerchants } from '../../../collector/store/sealing/all-merchants.ts';
import type { Column, Tables } from '../../../collector/store/tables.ts';
import type { TerminalId } from '../../../shared/ids.ts';
import { type Level, rollupKey, salt } from '../../../shared/keys.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, minuteOf } from '../../../shared/time.ts';
import type { SentRow } from '../../support/collector/raw-rows.ts';
import { HOUR, LOGIC } from '../../support/collector/till-events.ts';
import { Api } from '../../support/region/api.ts';
import { ExpiringTables, expire } from '../../support/region/expiring-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';
import { BUGGY, TwoLogics } from '../../support/region/two-logics.ts';
import { build } from '../rollup/reprocess.ts';

const DAY = Math.floor(HOUR / 24);

/** A region whose clock is where the store has the arrivals: an hour of two tills, and its day. */
async function shop(tables: Tables): Promise<{ region: Region; first: number; rows: readonly SentRow[] }> {
  const region = new Region(new ExpiringTables(tables));
  const first = Date.now();
  await region.deliver(region.events('a', 1, salesIn(HOUR, [1, 2])), region.events('b', 1, salesIn(HOUR, [4])));
  await region.deliver(region.events('a', 3, salesIn(HOUR + 1, [8]), { arrival: first + 3 * DAY_MS }));
  await region.passDay(DAY);
  await region.checkAll();
  region.now = first;
  return { region, first, rows: [...region.delivered] };
}

/** A batch that arrives now. */
const late = (region: Region, terminal: string, seq: number, hour = HOUR): Promise<void> =>
  region.deliver(region.events(terminal, seq, salesIn(hour, [16, 32]), { arrival: region.now }));

async function checkKept(t: Test, region: Region, rows: readonly SentRow[], what: string): Promise<void> {
  t.same(region.failures, [], what);
  await t.resolves(region.check('hour', HOUR, rows), what);
  await t.resolves(region.check('day', DAY, rows), what);
}

const counted = (region: Region) => Array.fromAsync(region.sealed.of(region.merchant, HOUR, HOUR + 24));

async function spoil(region: Region, level: Level, time: number, column: Column): Promise<void> {
  const row = rollupKey(region.merchant, level, LOGIC.version, time);
  await region.tables.put('rollups', [{ row, cells: new Map([[column, Buffer.from('nonsense')]]) }]);
}

/** All that may make a row anew, for every terminal. */
async function tryAll(region: Region): Promise<void> {
  const terminals = ['a', 'b', 'c'] as TerminalId[];
  const { merchant } = region;
  const mark = { minute: minuteOf(region.now) + 1, merchant, terminals };
  await region.marks.add([
    { ...mark, level: 'hour', time: HOUR },
    { ...mark, level: 'day', time: DAY },
    { ...mark, level: 'finality', time: 0, terminals: [] },
  ]);
  for (let pass = 0; pass < 3; pass++) await region.pass();
  for (const [level, time] of [
    ['hour', HOUR],
    ['day', DAY],
  ] as const)
    for (const isAnew of [false, true])
      await recompute({ merchant, level, time, terminals: null }, LOGIC, region, () => region.now, { isAnew });
}

export async function sealedContract(t: Test, tables: Tables): Promise<void> {
  await t.test('what comes for a sealed hour changes no figure, is kept, counted, and told', async (t) => {
    const { region, first, rows } = await shop(tables);
    region.now = first + 396 * DAY_MS + HOUR_MS;
    await late(region, 'a', 10);
    await late(region, 'c', 1);
    t.match(await region.pass(), { tooLate: 2, failures: 0 });
    await region.pass();
    await checkKept(t, region, rows, 'sealed');
    t.match(await counted(region), [{ hour: HOUR, batches: 2, events: 4 }]);
    await late(region, 'c', 20);
    t.match(await region.pass(), { tooLate: 1 });
    await region.mark(HOUR, 'c');
    t.match(await region.pass(), { tooLate: 0 }, 'once');
    t.equal((await Array.fromAsync(region.log.scanTerminal(region.merchant, HOUR, 'c' as TerminalId))).length, 2);
    const api = await Api.open(region);
    const range = { from: '2011-03-27', to: '2011-03-28', interval: 'total' };
    const sealed = { hours: 1, lateBatches: 3, lateEvents: 6 };
    t.same((await api.get('metrics', range)).meta.sealed, sealed);
    t.same((await api.get('top', { from: range.from, to: range.to })).meta.sealed, sealed);
    const none = await api.get('metrics', { ...range, from: '2011-03-25', to: '2011-03-26' });
    t.notOk('sealed' in none.meta);
    await api.close();
  });

  await t.test('what arrived before the seal gets in until the hour is closed, and then no more', async (t) => {
    const { region, first, rows } = await shop(tables);
    region.now = first + 396 * DAY_MS - HOUR_MS;
    await late(region, 'a', 10);
    const inTime = [...region.delivered];
    region.now = first + 396 * DAY_MS + HOUR_MS;
    await late(region, 'b', 10);
    t.match(await region.pass(), { tooLate: 1 });
    await region.pass();
    await checkKept(t, region, inTime, 'the first, and not the second');
    const other = await shop(tables);
    other.region.now = first + 396 * DAY_MS - HOUR_MS;
    await late(other.region, 'a', 10);
    other.region.now = other.first + 399 * DAY_MS + HOUR_MS;
    await other.region.pass();
    await other.region.pass();
    await checkKept(t, other.region, other.rows, 'nobody ran for three days');
    t.ok(rows.length < inTime.length);
  });

  await t.test('nothing makes a closed hour or its day smaller, once its raw rows expire', async (t) => {
    const { region, first, rows } = await shop(tables);
    region.now = first + 400 * DAY_MS + HOUR_MS;
    t.equal(await expire(region), 2);
    await tryAll(region);
    await checkKept(t, region, rows, 'of the hour none is left');
    await late(region, 'a', 10);
    await tryAll(region);
    await checkKept(t, region, rows, 'with a late batch');
    const options = {
      stores: region,
      logic: LOGIC,
      now: () => region.now,
      cells: true,
    };
    t.same(await Array.fromAsync(findMismatches(region.merchant, HOUR, HOUR + 24, options)), []);
    await late(region, 'a', 20, HOUR + 2);
    await region.pass();
    await region.pass();
    t.same(region.failures, []);
    await t.resolves(region.check('day', DAY, [...rows, region.delivered.at(-1)!]), 'another hour of the day is open');
  });

  await t.test('a cell of a closed hour that cannot be read takes no figure along', async (t) => {
    for (const column of ['v:total', 'v:store', 'm:meta'] as const) {
      const { region, first, rows } = await shop(tables);
      region.now = Math.max(first, (HOUR + 1) * HOUR_MS) + 410 * DAY_MS;
      await expire(region);
      await spoil(region, 'hour', HOUR, column);
      await tryAll(region);
      await checkKept(t, region, rows, `made anew from the partials: ${column}`);
    }
    const { region, first, rows } = await shop(tables);
    region.now = first + 410 * DAY_MS;
    await expire(region);
    await spoil(region, 'hour', HOUR, 'p:a');
    await tryAll(region);
    t.same(region.failures, []);
    await t.resolves(region.check('day', DAY, rows), 'the day has what its hour had');
  });

  await t.test('nor does one of a closed hour that had one till', async (t) => {
    for (const column of ['m:meta', 'm:sole'] as const) {
      const { region, first, rows } = await shop(tables);
      region.now = first + 410 * DAY_MS;
      await expire(region);
      await spoil(region, 'hour', HOUR + 1, column);
      const { merchant } = region;
      await recompute({ merchant, level: 'hour', time: HOUR + 1, terminals: null }, LOGIC, region, () => region.now);
      await tryAll(region);
      await checkKept(t, region, rows, column);
      if (column === 'm:meta') await t.resolves(region.check('hour', HOUR + 1, rows), 'made anew from its partial');
    }
  });

  await t.test('a logic version keeps the figures of closed hours, and says which', async (t) => {
    const { region, first, rows } = await shop(tables);
    const logics = new TwoLogics();
    region.now = first + 400 * DAY_MS + HOUR_MS;
    await expire(region);
    await late(region, 'a', 10);
    logics.addFixed();
    const plan = await planOf(region, region.merchant, { from: 0, to: 2 ** 31 }, 1, region.now);
    t.match(plan, { sealed: [HOUR], hours: 1, rows: 1 });
    const runner = () => region.runner({ logics });
    region.now += 2 * MINUTE_MS;
    await runner().runDue();
    const report = await build(region, logics);
    t.match(report, { leftOut: 0, days: 1 });
    t.equal(await missingRows(region.rollups, region.merchant, 1, 2), 0);
    await t.resolves(region.check('hour', HOUR, rows, BUGGY));
    const kept = await region.rollups.read({ merchant: region.merchant, level: 'hour', logic: 2, time: HOUR });
    t.equal(kept?.meta.keptFrom, 1);
    for (const level of ['hour', 'day'] as const)
      await t.resolves(region.check(level, level === 'hour' ? HOUR : DAY, rows, { ...BUGGY, version: 2 }));
  });

  await t.test('a merchant of whom no raw row is left is built, too', async (t) => {
    const { region, first, rows } = await shop(tables);
    const logics = new TwoLogics();
    logics.addFixed();
    region.now = first + 404 * DAY_MS;
    t.equal(await expire(region), rows.length);
    const of = salt(region.merchant);
    t.ok((await Array.fromAsync(allMerchants(region, [of, of + 1]))).includes(region.merchant));
    t.match(await build(region, logics), { hours: 2, kept: 2, recomputed: 0, days: 1 });
    await t.resolves(region.check('day', DAY, rows, { ...BUGGY, version: 2 }));
    t.match(await build(region, logics), { kept: 0, recomputed: 0 }, 'once');
  });

  await t.test('the clock of a till that was ahead seals no hour in which others sell', async (t) => {
    const region = new Region(new ExpiringTables(tables));
    const now = (HOUR + 1) * HOUR_MS;
    region.now = now - 398 * DAY_MS;
    const ahead = region.events('ahead', 1, salesIn(HOUR, [1]), { arrival: region.now });
    const real = Date.now();
    // Of the store's clock nothing is too old.
    await region.deliver({ ...ahead, arrival: real - 398 * DAY_MS });
    await region.pass();
    region.now = now + 10 * MINUTE_MS;
    await region.deliver(region.events('a', 1, salesIn(HOUR, [2]), { arrival: real }));
    await region.passDay(DAY);
    t.same(region.failures, []);
    t.same(await region.terminals('hour', HOUR), ['a', 'ahead']);
  });

  if (tables.expiresAfterMs === null)
    await t.test('a store that keeps raw rows for ever seals nothing', async (t) => {
      const region = new Region(tables);
      await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
      await region.passDay(DAY);
      region.now = Date.now() + 1_000 * DAY_MS;
      await late(region, 'a', 10);
      t.match(await region.pass(), { tooLate: 0 });
      await region.pass();
      await t.resolves(region.checkAll());
    });
}

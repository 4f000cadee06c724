import type { Test } from 'tap';
import type { Fault } from '../../../collector/rollup/audit/compare.ts';
import { type AuditOptions, findMismatches, type Mismatch } from '../../../collector/rollup/audit/find-mismatches.ts';
import { repair } from '../../../collector/rollup/audit/repair.ts';
import { Rollups } from '../../../collector/store/rollups/rollups.ts';
import type { Column, Tables } from '../../../collector/store/tables.ts';
import { type Level, rollupKey } from '../../../shared/keys.ts';
import { DAY_MS, HOUR_MS } from '../../../shared/time.ts';
import type { SentRow } from '../../support/collector/raw-rows.ts';
import { HOUR, LOGIC } from '../../support/collector/till-events.ts';
import { ExpiringTables } from '../../support/region/expiring-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const DAY = Math.floor(HOUR / 24);
const FIRST = DAY * 24;

export const auditOptions = (region: Region, cells = true): AuditOptions => ({
  stores: {
    log: region.log,
    rollups: region.rollups,
    parked: region.parked,
    marks: region.marks,
    sealed: region.sealed,
  },
  logic: LOGIC,
  now: () => region.now,
  cells,
});

const found = (region: Region, { cells = true } = {}): Promise<Mismatch[]> =>
  Array.fromAsync(findMismatches(region.merchant, FIRST, FIRST + 48, auditOptions(region, cells)));

const told = (mismatches: readonly Mismatch[]): [Level, number, Fault][] =>
  mismatches.map(({ level, time, fault }) => [level, time - (level === 'hour' ? FIRST : DAY), fault]);

/** Two days of two tills, with rows at the boundaries of hours and days, rolled up. */
export async function shopOfTwoDays(tables: Tables): Promise<Region> {
  const region = new Region(tables);
  for (const [at, hour] of [FIRST, FIRST + 1, FIRST + 9, FIRST + 23, FIRST + 24, FIRST + 47].entries())
    await region.deliver(
      region.events('a', 1 + 10 * at, salesIn(hour, [1 + at, 7])),
      region.events('a', 3 + 10 * at, salesIn(hour, [2], 59)),
      region.events('b', 1 + 10 * at, salesIn(hour, [4 + at])),
    );
  await region.passDay(DAY + 1);
  return region;
}

const rowOf = ({ merchant }: Region, level: Level, time: number) => rollupKey(merchant, level, LOGIC.version, time);

async function cellOf(region: Region, level: Level, time: number, column: Column): Promise<Uint8Array> {
  const [row] = await region.tables.get('rollups', [rowOf(region, level, time)]);
  return row!.cells.get(column)!;
}

const putCell = (region: Region, level: Level, time: number, column: Column, cell: Uint8Array): Promise<void> =>
  region.tables.put('rollups', [{ row: rowOf(region, level, time), cells: new Map([[column, cell]]) }]);

async function copyRow(region: Region, level: Level, from: number, to: number): Promise<void> {
  const [row] = await region.tables.get('rollups', [rowOf(region, level, from)]);
  await region.tables.put('rollups', [{ row: rowOf(region, level, to), cells: row!.cells }]);
}

/** Deletes the first row of the hour from the raw log. */
async function loseRow(region: Region, hour: number, firstSeq?: number): Promise<void> {
  const at = region.delivered.findIndex(
    ({ key }) => key.hour === hour && (firstSeq === undefined || key.firstSeq === firstSeq),
  );
  const [row] = region.delivered.splice(at, 1) as [SentRow];
  await region.tables.delete('events', [row.rowKey]);
}

interface Harm {
  readonly name: string;
  readonly make: (region: Region) => Promise<void>;
  readonly expected: [Level, number, Fault][];
  /** Keys and meta do not tell. */
  readonly onlyInCells?: boolean;
  /** Days do not tell. */
  readonly onlyInHours?: boolean;
}

const HARMS: readonly Harm[] = [
  {
    name: 'a raw row that is gone',
    make: (region) => loseRow(region, FIRST + 9),
    expected: [['hour', 9, 'raw-rows-gone']],
  },
  {
    name: 'a raw row without a due mark, in an hour with a row',
    make: (region) => region.append(region.events('a', 900, salesIn(FIRST + 9, [5]))),
    expected: [['hour', 9, 'stale']],
  },
  {
    name: 'a raw row without a due mark, in an hour without a row',
    make: (region) => region.append(region.events('c', 900, salesIn(FIRST + 5, [5]))),
    expected: [['hour', 5, 'missing']],
  },
  {
    name: 'raw rows at the last instant of a day, and at the first of the next one',
    make: (region) =>
      region.append(
        region.events('a', 900, [{ ...salesIn(FIRST + 23, [5])[0]!, ts: (FIRST + 24) * HOUR_MS - 1 }]),
        region.events('a', 901, salesIn(FIRST + 24, [5])),
      ),
    expected: [
      ['hour', 23, 'stale'],
      ['hour', 24, 'stale'],
    ],
  },
  {
    name: 'a row of an hour that is gone',
    make: (region) => region.tables.delete('rollups', [rowOf(region, 'hour', FIRST)]),
    expected: [['hour', 0, 'missing']],
    onlyInHours: true,
  },
  {
    name: 'a row of a day that is gone',
    make: (region) => region.tables.delete('rollups', [rowOf(region, 'day', DAY)]),
    expected: [['day', 0, 'missing']],
  },
  {
    name: 'the row of another day',
    make: (region) => copyRow(region, 'day', DAY, DAY + 1),
    expected: [['day', 1, 'stale']],
  },
  {
    name: 'the row of another hour',
    make: (region) => copyRow(region, 'hour', FIRST + 9, FIRST + 23),
    expected: [['hour', 23, 'stale']],
    onlyInHours: true,
  },
  {
    name: 'a partial that cannot be read',
    make: async (region) => {
      const cell = await cellOf(region, 'hour', FIRST + 1, 'p:a');
      await putCell(region, 'hour', FIRST + 1, 'p:a', cell.subarray(0, -1));
    },
    expected: [['hour', 1, 'damaged']],
    onlyInCells: true,
  },
  {
    name: 'a view of a day that cannot be read',
    make: (region) => putCell(region, 'day', DAY, 'v:total', Buffer.from('nonsense')),
    expected: [['day', 0, 'damaged']],
    onlyInCells: true,
  },
  {
    name: 'a partial of another hour',
    make: async (region) => putCell(region, 'hour', FIRST + 1, 'p:a', await cellOf(region, 'hour', FIRST + 9, 'p:a')),
    expected: [['hour', 1, 'damaged']],
    onlyInCells: true,
  },
  {
    name: 'a meta that cannot be read',
    make: (region) => putCell(region, 'hour', FIRST + 47, 'm:meta', Buffer.from('nonsense')),
    expected: [['hour', 47, 'damaged']],
    onlyInHours: true,
  },
];

export async function rowsContract(t: Test, tables: Tables): Promise<void> {
  await t.test('nothing is found in a store without faults', async (t) => {
    const region = await shopOfTwoDays(tables);
    t.same(await found(region), []);
    t.same(await found(region, { cells: false }), []);
    await region.deliver(region.events('a', 500, salesIn(FIRST + 9, [1])));
    t.same(await found(region), [], 'nor while a late batch waits for its run');
  });

  for (const { name, make, expected, onlyInCells = false, onlyInHours = false } of HARMS)
    await t.test(`found, and repaired: ${name}`, async (t) => {
      const region = await shopOfTwoDays(tables);
      await make(region);
      t.same(told(await found(region, { cells: false })), onlyInCells ? [] : expected, 'by keys');
      const options = { ...auditOptions(region, false), byDay: true };
      const byDay = await Array.fromAsync(findMismatches(region.merchant, FIRST, FIRST + 48, options));
      t.same(told(byDay), onlyInCells || onlyInHours ? [] : expected, 'by days');
      const mismatches = await found(region);
      t.same(
        told(mismatches).map(([level, time]) => [level, time]),
        expected.map(([level, time]) => [level, time]),
      );
      for (const mismatch of mismatches) t.ok(await repair(mismatch, auditOptions(region)));
      t.same(await found(region), [], 'it is on its way');
      await region.passDay(DAY + 1);
      t.same(region.failures, []);
      t.same(await found(region), []);
      await t.resolves(region.checkAll());
    });

  await t.test('found, and repaired: the partial of an hour with one till, damaged or of another hour', async (t) => {
    const region = await shopOfTwoDays(tables);
    for (const hour of [FIRST + 5, FIRST + 6]) await region.deliver(region.events('c', 10 * hour, salesIn(hour, [5])));
    await region.passDay(DAY + 1);
    t.same(await found(region), []);
    for (const cell of [Buffer.from('nonsense'), await cellOf(region, 'hour', FIRST + 6, 'm:sole')]) {
      await putCell(region, 'hour', FIRST + 5, 'm:sole', cell);
      const mismatches = await found(region);
      t.same(told(mismatches), [['hour', 5, 'damaged']]);
      t.ok(await repair(mismatches[0]!, auditOptions(region)));
      await region.passDay(DAY + 1);
      t.same(await found(region), []);
      await t.resolves(region.checkAll());
    }
  });

  await t.test('an hour whose raw rows are all gone is found, and keeps what was published', async (t) => {
    const region = await shopOfTwoDays(tables);
    const before = [...region.delivered];
    for (let row = 0; row < 3; row++) await loseRow(region, FIRST + 9);
    const mismatches = await found(region);
    t.same(told(mismatches), [['hour', 9, 'raw-rows-gone']]);
    t.notOk(await repair(mismatches[0]!, auditOptions(region)));
    await region.passDay(DAY + 1);
    await t.resolves(region.check('hour', FIRST + 9, before));
  });

  await t.test('what is parked is no mismatch: audit --parked names it', async (t) => {
    const region = await shopOfTwoDays(tables);
    const bad = region.events('bad', 1, salesIn(FIRST + 9, [1]));
    await region.deliver(bad);
    await region.overwrite(bad, bad.bytes.subarray(0, -1));
    await region.passDay(DAY + 1).catch(() => undefined);
    t.same(await found(region), []);
  });

  await t.test('an hour whose raw rows may expire soon is not compared', async (t) => {
    const region = await shopOfTwoDays(new ExpiringTables(tables));
    await loseRow(region, FIRST + 9);
    region.now = Date.now() + 397 * DAY_MS;
    t.same(await found(region), []);
  });

  await t.test('a reader uses no row whose meta cannot be read', async (t) => {
    const region = await shopOfTwoDays(tables);
    await putCell(region, 'hour', FIRST, 'm:meta', Buffer.from('nonsense'));
    const [row] = await Array.fromAsync(
      new Rollups(tables).scan(region.merchant, 'hour', LOGIC.version, FIRST, FIRST + 1, { kind: 'meta' }),
    );
    t.equal(row!.meta.readAt, 0);
  });
}

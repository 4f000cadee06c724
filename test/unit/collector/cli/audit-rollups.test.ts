/** `audit --rollups`, `--sample` and `--balance` on a real SQLite store. */
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { unpackCell } from '../../../../collector/aggregation/message-pack/unpack-cell.ts';
import { audit } from '../../../../collector/cli/audit/audit.ts';
import type { Given } from '../../../../collector/cli/command.ts';
import { parseConfig } from '../../../../collector/config/collector-config.ts';
import { openTables } from '../../../../collector/main.ts';
import { LogicVersions } from '../../../../collector/store/logic-versions.ts';
import type { Rollup } from '../../../../collector/store/rollups/rollup.ts';
import { cellsOf } from '../../../../collector/store/rollups/rollup-cells.ts';
import type { Column, Tables } from '../../../../collector/store/tables.ts';
import { terminalId } from '../../../../shared/ids.ts';
import { rollupKey } from '../../../../shared/keys.ts';
import { DAY_MS, HOUR_MS } from '../../../../shared/time.ts';
import { HOUR, LOGIC } from '../../../support/collector/till-events.ts';
import { ONE_LOGIC, Region } from '../../../support/region/region.ts';
import { salesIn } from '../../../support/region/sales.ts';
import { E1, E2, say } from '../../../support/region/tills.ts';

const DAY = Math.floor(HOUR / 24);
const FIRST = DAY * 24;

async function opened(t: Test) {
  const store = { kind: 'sqlite', path: join(t.testdir(), 'store.db') };
  const parsed = parseConfig({ store });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const { config } = parsed;
  const tables = await openTables(config.store);
  t.teardown(() => tables.close());
  await tables.init();
  await new LogicVersions(tables).create(ONE_LOGIC.records[0]!);
  const region = new Region(tables);
  const run = (given: Given = {}) => audit.run({ config, given, openTables, now: () => region.now });
  return { tables, region, run };
}

async function soldAllDay(region: Region): Promise<void> {
  for (let hour = 8; hour < 18; hour++)
    await region.deliver(region.events('a', hour, salesIn(FIRST + hour, [hour]), { epoch: E1 }));
  await region.passDay(DAY);
}

/** Changes the first amount of a cell: an integer of one byte. */
async function falsify(tables: Tables, row: Uint8Array, column: Column): Promise<void> {
  const [stored] = await tables.get('rollups', [row], [column]);
  const content = Buffer.from(await unpackCell(stored!.cells.get(column)!));
  const place = content.indexOf(Buffer.from('amount')) + 'amount'.length + 1;
  content[place] = content[place]! ^ 1;
  await tables.put('rollups', [{ row, cells: new Map([[column, zstdCompressSync(content)]]) }]);
}

t.test('a store whose rows are as the raw log is adds up in each check', async (t) => {
  const { region, run } = await opened(t);
  await soldAllDay(region);
  t.match(await run(), {
    json: { mismatches: [], compared: 11, repaired: 0, unbalanced: [] },
    text: /11 hours and days are as the raw log is\nnothing came for a sealed hour\nall 0 streams add up/,
    found: false,
  });
  t.match(await run({ sample: '50' }), {
    json: { sampled: 10, wrongFigures: [] },
    text: '10 hours, folded again, are as they are stored',
    found: false,
  });
});

t.test('what differs is named, and with --repair computed again', async (t) => {
  const { region, run } = await opened(t);
  await soldAllDay(region);
  await region.append(region.events('a', 90, salesIn(FIRST + 9, [5]), { epoch: E1 }));
  const { merchant } = region;
  const at = new Date((FIRST + 9) * HOUR_MS).toISOString();
  t.match(await run({ rollups: true }), {
    json: { mismatches: [{ merchant, level: 'hour', t: at, kind: 'stale', counted: 1, expected: 2 }], repaired: 0 },
    text: `${merchant} hour ${at}: stale (a row of 1 raw rows, 2 expected)`,
    found: true,
  });
  t.match(await run({ rollups: true, to: new Date(DAY * DAY_MS).toISOString() }), { found: false }, 'of another day');
  t.match(await run({ rollups: true, merchant: 'other' }), { found: false });
  t.match(await run({ rollups: true, repair: true }), { json: { repaired: 1 }, found: true });
  await region.passDay(DAY);
  t.match(await run({ rollups: true, cells: true }), { found: false });
});

t.test('hours that run, or have just ended, are not compared', async (t) => {
  const { region, run } = await opened(t);
  await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
  region.now = (HOUR + 1) * HOUR_MS + 60_000;
  t.match(await run({ rollups: true }), { json: { compared: 0 }, found: false });
});

t.test('figures that are wrong under a right digest are found by a sample, and repaired', async (t) => {
  const { tables, region, run } = await opened(t);
  // With a second till the row has views.
  await region.deliver(region.events('b', 1, salesIn(FIRST + 12, [2]), { epoch: E2 }));
  await soldAllDay(region);
  const { merchant } = region;
  await falsify(tables, rollupKey(merchant, 'hour', LOGIC.version, FIRST + 12), 'v:total');
  t.match(await run({ rollups: true, cells: true }), { found: false }, 'neither keys nor cells tell');
  const at = new Date((FIRST + 12) * HOUR_MS).toISOString();
  t.match(await run({ sample: '10', repair: true }), {
    json: { sampled: 10, wrongFigures: [{ merchant, t: at, cells: ['view total'] }], refolded: 1 },
    found: true,
  });
  await region.passDay(DAY);
  t.match(await run({ sample: '10' }), { json: { sampled: 10 }, found: false });
});

t.test('so are those of a sole partial, and of the views that are made of it', async (t) => {
  const { tables, region, run } = await opened(t);
  await soldAllDay(region);
  const { merchant } = region;
  await falsify(tables, rollupKey(merchant, 'hour', LOGIC.version, FIRST + 12), 'm:sole');
  t.match(await run({ rollups: true, cells: true }), { found: false }, 'neither keys nor cells tell');
  const t12 = new Date((FIRST + 12) * HOUR_MS).toISOString();
  const cells = ['part a', 'view total', 'view store', 'view method', 'view cashier'];
  t.match(await run({ sample: '10', repair: true }), {
    json: { sampled: 10, wrongFigures: [{ merchant, t: t12, cells }], refolded: 1 },
    found: true,
  });
  await region.passDay(DAY);
  t.match(await run({ sample: '10' }), { json: { sampled: 10 }, found: false });
});

/** A row as it was written before there were dictionaries and sole partials. */
async function writeAsBefore(tables: Tables, { sole: _, ...row }: Rollup): Promise<number> {
  const cells = new Map<Column, Uint8Array>();
  for (const [column, cell] of cellsOf(row))
    cells.set(column, column.startsWith('m:') ? cell : zstdCompressSync(await unpackCell(cell)));
  const key = rollupKey(row.merchant, row.level, row.logic, row.time);
  await tables.delete('rollups', [key]);
  await tables.put('rollups', [{ row: key, cells }]);
  return cells.size;
}

t.test('rows of before are as good as those of now, and are not restated', async (t) => {
  const { tables, region, run } = await opened(t);
  await soldAllDay(region);
  let before = 0;
  for (const [level, time] of [
    ['hour', FIRST],
    ['day', DAY],
  ] as const)
    for await (const row of region.rollups.scan(region.merchant, level, LOGIC.version, time, time + 24, {
      kind: 'all',
    }))
      before += await writeAsBefore(tables, row);
  t.equal(before, 11 * 8, 'cells: revision, meta, a partial, five views');
  t.match(await run({ rollups: true, cells: true }), { json: { mismatches: [] }, found: false });
  t.match(await run({ sample: '10' }), { json: { sampled: 10, wrongFigures: [] }, found: false });
  // Runs that make them anew publish the same figures.
  for (let hour = 8; hour < 18; hour++) await region.mark(FIRST + hour, 'a');
  await region.passDay(DAY);
  t.equal(await region.revision('hour', FIRST + 12), 2);
  const { merchant, history } = region;
  t.same(await Array.fromAsync(history.scan(merchant, 'hour', LOGIC.version, FIRST, FIRST + 24, { kind: 'meta' })), []);
});

t.test('a sample wants a number', async (t) => {
  const { run } = await opened(t);
  for (const sample of ['0', 'all', '1.5', '']) await t.rejects(run({ sample }), { name: 'UsageError' });
});

t.test('given out = stored + pending + lost, whatever came twice or of several hours', async (t) => {
  const { region, run } = await opened(t);
  const a = (first: number, amounts: number[], hour = FIRST) =>
    region.events('a', first, salesIn(hour, amounts), { epoch: E1 });
  await region.append(a(1, [1, 2]), a(2, [2, 3]), a(6, [6], FIRST + 5), a(4, [4], FIRST + 9));
  // Of what is recorded as lost, one was stored.
  await region.append(region.losses('a', 4, 2, { epoch: E1 }));
  await say(region, 'a', 0, { epoch: E1, lastSeq: 9, pending: [[7, 9]] });
  t.match(await run({ balance: true }), { json: { unbalanced: [], balanced: 1 }, text: 'all 1 streams add up' });
});

t.test('who does not add up is named: by how much, which seqs, since when', async (t) => {
  const { region, run } = await opened(t);
  const { merchant } = region;
  const arrival = Date.now();
  await region.append(
    region.events('a', 1, salesIn(FIRST, [1, 2]), { epoch: E1, arrival }),
    region.events('a', 6, salesIn(FIRST + 1, [6]), { epoch: E1 }),
    region.losses('a', 8, 1, { epoch: E1 }),
    region.events('b', 1, salesIn(FIRST, [1]), { epoch: E2 }),
  );
  await say(region, 'a', 0, { epoch: E1, lastSeq: 10, pending: [[10, 10]] });
  await say(region, 'b', 0, { epoch: E2, lastSeq: 1 });
  const { json, text, found } = await run({ balance: true });
  t.same(json, {
    unbalanced: [
      {
        ...{ merchant, terminal: 'a', stream: `a.${E1}`, givenOut: 10, stored: 3, pending: 1, lost: 1, missing: 5 },
        ranges: [
          [3, 5],
          [7, 7],
          [9, 9],
        ],
        since: new Date(arrival).toISOString(),
      },
    ],
    balanced: 1,
  });
  t.match(text, `${merchant} a.${E1}: 5 of 10 seqs are missing`);
  t.equal(found, true);
  t.match(await run({ balance: true, merchant: 'other' }), { found: false });
});

t.test('an epoch that is over has nothing pending; what expired is not missing', async (t) => {
  const { region, run } = await opened(t);
  await region.append(region.events('a', 1, salesIn(FIRST, [1]), { epoch: E1 }));
  await say(region, 'a', 0, { epoch: E1, lastSeq: 3, pending: [[2, 3]] });
  t.match(await run({ balance: true }), { found: false });
  await say(region, 'a', 0, { epoch: E2, lastSeq: 0, closed: [[E1, 3]] });
  t.match(await run({ balance: true }), { json: { unbalanced: [{ missing: 2, ranges: [[2, 3]] }] } });

  const old = region.events('b', 50, salesIn(FIRST, [1]), { epoch: E1 });
  await region.append(old);
  await say(region, 'b', 0, { epoch: E1, lastSeq: 50 });
  t.match(await run({ balance: true }), { json: { unbalanced: [{}, { terminal: terminalId('b'), missing: 49 }] } });
  region.now = old.arrival + 399 * DAY_MS;
  const { json } = await run({ balance: true });
  t.same(
    (json as { unbalanced: { terminal: string }[] }).unbalanced.map(({ terminal }) => terminal),
    ['a'],
  );
});

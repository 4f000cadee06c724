import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Test } from 'tap';
import { differingCells } from '../../../collector/rollup/verify/refold.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { HOUR, LOGIC, tillEvent } from '../../support/collector/till-events.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

/** The hour's row is what a fold of the raw log gives, bit by bit, but for the order of groups. */
async function checkRefolded(region: Region): Promise<void> {
  const row = await region.rollups.read(
    { merchant: region.merchant, level: 'hour', logic: LOGIC.version, time: HOUR },
    { kind: 'all' },
  );
  assert.deepEqual(await differingCells(row!, LOGIC, region.log, () => region.now), []);
  await region.check('hour', HOUR);
}

const sale = fc.record({
  till: fc.constantFrom('a', 'b', 'c'),
  type: fc.constantFrom('sale', 'sale', 'refund', 'note'),
  amount: fc.constantFrom(0, 1, 250, 1_000_000_000_000),
  minute: fc.nat(59),
  dims: fc.constantFrom({ cashier: 'x', customer: 'u1' }, { cashier: 'y', customer: 'u2' }, { method: 'cash' }, {}),
});
const batches = fc.array(fc.array(sale, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 8 });

export async function grownContract(t: Test, tables: Tables): Promise<void> {
  await t.test('whatever comes late, the row is what a fold of everything gives', async (t) => {
    const grow = fc.asyncProperty(batches, async (of) => {
      const region = new Region(tables);
      const seqs = new Map<string, number>();
      for (const [at, sales] of of.entries()) {
        for (const { till, type, amount, minute, dims } of sales) {
          const seq = (seqs.get(till) ?? 0) + 1;
          seqs.set(till, seq);
          const ts = HOUR * HOUR_MS + minute * 60_000;
          const event = tillEvent({ type, amount, ts, dims, items: [{ sku: `s${amount % 7}`, qty: 1, price: 5 }] });
          await region.deliver(region.events(till, seq, [event]));
        }
        region.now = Math.max(region.now, (HOUR + 2) * HOUR_MS + at * 120_000);
        await region.pass();
        await checkRefolded(region);
      }
      assert.deepEqual(region.failures, []);
    });
    await t.resolves(fc.assert(grow, { numRuns: 12 }));
  });

  await t.test('a till that sold more costs its own partial aggregate, not those of the others', async (t) => {
    const region = new Region(tables);
    for (let till = 0; till < 30; till++) await region.deliver(region.events(`t${till}`, 1, salesIn(HOUR, [1, 2])));
    region.now = (HOUR + 2) * HOUR_MS;
    await region.pass();
    await region.deliver(region.events('t7', 3, salesIn(HOUR, [4])));
    let cells = 0;
    const counting = new HookedTables(tables, async ({ operation, table }, make) => {
      const made = await make();
      if (operation === 'get' && table === 'rollups')
        for (const row of made as ({ cells: ReadonlyMap<string, unknown> } | null)[])
          for (const column of row?.cells.keys() ?? []) if (column.startsWith('p:')) cells++;
      return made;
    });
    const through = region.through(counting);
    t.match(await through.pass(), { hours: 1, failures: 0 });
    t.equal(cells, 1);
    await checkRefolded(region);
  });

  await t.test('a conflict, which takes figures back, has all terminals merged', async (t) => {
    const region = new Region(tables);
    const early = { arrival: Date.now() - 10_000 };
    await region.deliver(region.events('a', 1, salesIn(HOUR, [5, 6])), region.events('b', 1, salesIn(HOUR, [1])));
    region.now = (HOUR + 2) * HOUR_MS;
    await region.pass();
    await region.deliver(region.events('a', 1, salesIn(HOUR, [7, 6]), early));
    await region.pass();
    t.same(region.failures, []);
    await t.resolves(checkRefolded(region));
  });
}

import { Buffer } from 'node:buffer';
import { zstdCompressSync } from 'node:zlib';
import type { Test } from 'tap';
import { encodePartial } from '../../../collector/aggregation/codec.ts';
import { unpackCell } from '../../../collector/aggregation/message-pack/unpack-cell.ts';
import { Views } from '../../../collector/aggregation/views/views.ts';
import { type Cells, hasCells, type PublishedCells, type RollupMeta } from '../../../collector/store/rollups/rollup.ts';
import { Rollups } from '../../../collector/store/rollups/rollups.ts';
import type { Column, Tables } from '../../../collector/store/tables.ts';
import { runToEnd } from '../../../shared/cooperative.ts';
import type { TerminalId } from '../../../shared/ids.ts';
import { rollupKey } from '../../../shared/keys.ts';
import { contentOf } from '../../support/collector/decode-cells.ts';
import { foldOf } from '../../support/collector/raw-rows.ts';
import { HOUR, LOGIC, tillEvent } from '../../support/collector/till-events.ts';
import { freshMerchant } from '../../support/region/fresh.ts';

const META: RollupMeta = {
  ...{
    readAt: 1_300_000_000_000,
    publishedAt: 1_300_000_000_020,
    allReadAt: 1_299_999_999_000,
    since: 1_300_000_000_020,
  },
  ...{
    rows: 3,
    digest: 'fedcba9876543210',
    earliestArrival: null,
    events: 2 ** 40,
    conflicts: 0,
    lost: 1,
    overflow: 0,
  },
};
const TILL = 'a' as TerminalId;
const NAMES = ['total', 'store', 'method', 'cashier', 'articles'];
const ALL: Cells = { kind: 'all' };

/** A till's hour: its partial, and the views as they are merged. */
function sold(amount: number) {
  const part = foldOf([
    tillEvent({ amount, dims: { method: 'cash' }, items: [{ sku: 'A', qty: 1_000, price: amount }] }),
  ]);
  const views = new Views(LOGIC);
  runToEnd(views.add(part));
  return { cell: runToEnd(encodePartial(part, HOUR * 4)), views: runToEnd(views.encode(HOUR * 4)).cells };
}

const sole = (amount: number, meta = META): PublishedCells => {
  const { cell } = sold(amount);
  return { meta, parts: new Map([[TILL, cell]]), views: new Map(), sole: cell };
};
const merged = (amount: number, terminals: readonly TerminalId[]): PublishedCells => {
  const { cell, views } = sold(amount);
  return { meta: META, parts: new Map(terminals.map((terminal) => [terminal, cell])), views };
};
const hexOf = (cells: ReadonlyMap<string, Uint8Array>): unknown =>
  Object.fromEntries([...cells].map(([name, cell]) => [name, Buffer.from(contentOf(cell)).toString('hex')]));

export async function solePartialsContract(t: Test, tables: Tables): Promise<void> {
  const rollups = new Rollups(tables);
  const fresh = () => ({ merchant: freshMerchant(), level: 'hour' as const, logic: 1, time: HOUR });
  type Key = ReturnType<typeof fresh>;
  const rowOf = ({ merchant, level, logic, time }: Key) => rollupKey(merchant, level, logic, time);
  /** A row with a sole partial and another cell; null: that cell is gone. */
  const spoilt = async (column: Column, bytes: Uint8Array | null): Promise<Key> => {
    const [whole, key] = [fresh(), fresh()];
    await rollups.publish(whole, null, sole(7));
    const [stored] = await tables.get('rollups', [rowOf(whole)]);
    const cells = new Map(stored!.cells);
    if (bytes === null) cells.delete(column);
    else cells.set(column, bytes);
    await tables.put('rollups', [{ row: rowOf(key), cells }]);
    return key;
  };

  await t.test('a row with a sole partial reads as one with views does', async (t) => {
    const key = fresh();
    await rollups.publish(key, null, sole(7));
    const { cell, views } = sold(7);
    const row = await rollups.read(key, ALL);
    t.same(row!.meta, META);
    t.same(row!.parts, new Map([[TILL, cell]]));
    t.same([...row!.views.keys()], NAMES);
    t.same(hexOf(row!.views), hexOf(views));
    for (const name of NAMES) {
      const one = await rollups.read(key, { kind: 'view', name });
      t.same(hexOf(one!.views), hexOf(new Map([[name, views.get(name)!]])));
      t.same([one!.parts.size, hasCells(one!, { kind: 'view', name })], [0, true]);
    }
    const none: Cells = { kind: 'view', name: 'never' };
    t.notOk(hasCells((await rollups.read(key, none))!, none));
    const parts = await rollups.read(key);
    t.same([parts!.parts, parts!.views.size], [new Map([[TILL, cell]]), 0]);
    t.equal((await rollups.read(key, { kind: 'parts', terminals: ['b' as TerminalId] }))!.parts.size, 0);
    const meta = await rollups.read(key, { kind: 'meta' });
    t.same([meta!.meta, meta!.parts.size, meta!.views.size], [META, 0, 0]);
  });

  await t.test('the meta keeps what was changed, and since when', async (t) => {
    const change = { reason: 'late', wasFinal: true, added: [TILL], changes: { 'sales.count': [1, 2] } } as const;
    for (const meta of [
      { ...META, change, earliestArrival: 1_299_999_998_500 },
      { ...META, keptFrom: 2, publishedAt: 1_300_009_000_000, since: 1_200_000_000_000 },
    ]) {
      const key = fresh();
      await rollups.publish(key, null, sole(7, meta));
      t.same((await rollups.read(key))!.meta, meta);
    }
    const { since: _, ...before } = META;
    const key = fresh();
    await rollups.publish(key, null, sole(7, before));
    t.same((await rollups.read(key))!.meta, before);
  });

  await t.test('a second terminal leaves the partial of the first where it is', async (t) => {
    const key = fresh();
    await rollups.publish(key, null, sole(7));
    await rollups.publish(key, 1, merged(9, ['b' as TerminalId]));
    const row = await rollups.read(key, ALL);
    t.same(hexOf(row!.views), hexOf(sold(9).views));
    t.same(
      row!.parts,
      new Map([
        [TILL, sold(7).cell],
        ['b' as TerminalId, sold(9).cell],
      ]),
    );
    t.notOk('sole' in row!);
    await rollups.publish(key, 2, merged(11, [TILL]));
    t.same((await rollups.read(key))!.parts.get(TILL), sold(11).cell, 'until it is folded again');
  });

  await t.test('views and partials of earlier revisions do not count', async (t) => {
    const key = fresh();
    await rollups.publish(key, null, merged(9, [TILL]));
    await rollups.publish(key, 1, sole(7));
    t.same(hexOf((await rollups.read(key, ALL))!.views), hexOf(sold(7).views));
    const name = 'total';
    t.same(
      hexOf((await rollups.read(key, { kind: 'view', name }))!.views),
      hexOf(new Map([[name, sold(7).views.get(name)!]])),
    );
    t.same((await rollups.read(key))!.parts, new Map([[TILL, sold(7).cell]]));
    await rollups.publish(key, 2, merged(11, [TILL]));
    t.same(hexOf((await rollups.read(key, ALL))!.views), hexOf(sold(11).views));
    t.same((await rollups.read(key))!.parts, new Map([[TILL, sold(11).cell]]));
  });

  await t.test('a partial or a view that is damaged or gone cannot be read; none is missed', async (t) => {
    // The last one says that it is large.
    for (const damage of [Buffer.from('nonsense'), null, zstdCompressSync(Buffer.alloc(1 << 19)).subarray(0, -3)]) {
      const key = await spoilt('m:sole', damage);
      for (const cells of [ALL, { kind: 'view', name: 'method' } as const]) {
        const views = [...(await rollups.read(key, cells))!.views.values()];
        t.equal(views.length, 1);
        await t.rejects(async () => unpackCell(views[0]!));
      }
      const { parts } = (await rollups.read(key))!;
      await t.rejects(async () => unpackCell(parts.get(TILL)!));
    }
  });

  await t.test('where the meta cannot be read, the partial can', async (t) => {
    const key = await spoilt('m:meta', Buffer.from('nonsense'));
    const row = await rollups.read(key, ALL);
    t.same([row!.meta.readAt, row!.views.size, row!.parts], [0, 0, new Map([[TILL, sold(7).cell]])]);
  });
}

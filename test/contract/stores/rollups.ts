import type { Test } from 'tap';
import { type Cells, hasCells, type RollupMeta } from '../../../collector/store/rollups/rollup.ts';
import { Rollups } from '../../../collector/store/rollups/rollups.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import type { TerminalId } from '../../../shared/ids.ts';
import type { Level } from '../../../shared/keys.ts';
import { freshMerchant } from '../../support/region/fresh.ts';

const META: RollupMeta = {
  readAt: 1,
  publishedAt: 1_300_000_000_000,
  rows: 3,
  digest: 'ffffffffffffffff',
  earliestArrival: null,
  events: 2 ** 40,
  conflicts: 0,
  lost: 1,
  overflow: 0,
  allReadAt: 5,
};
const bytes = (values: Readonly<Record<string, string>>): Map<TerminalId, Uint8Array> =>
  new Map(Object.entries(values).map(([name, text]) => [name as TerminalId, Buffer.from(text)]));
const text = (cells: ReadonlyMap<string, Uint8Array>): Record<string, string> =>
  Object.fromEntries([...cells].map(([name, value]) => [name, Buffer.from(value).toString()]));

export async function rollupsContract(t: Test, tables: Tables): Promise<void> {
  const rollups = new Rollups(tables);

  await t.test('a row is published once for each revision, by whoever names the last one', async (t) => {
    const key = { merchant: freshMerchant(), level: 'hour' as const, logic: 1, time: 361_440 };
    const next = { meta: META, parts: bytes({ a: '1' }), views: bytes({ total: 'v1' }) };
    t.equal(await rollups.read(key), null);
    t.equal(await rollups.publish(key, 1, next), false, 'there is no revision 1 yet');
    t.equal(await rollups.publish(key, null, next), true);
    t.equal(await rollups.publish(key, null, next), false);
    t.match(await rollups.read(key), { ...key, revision: 1, meta: META });
    t.equal(await rollups.publish(key, 1, next), true);
    t.equal(await rollups.publish(key, 1, next), false);
    t.match(await rollups.read(key), { revision: 2 });
  });

  await t.test('one of several publications at once wins', async (t) => {
    const key = { merchant: freshMerchant(), level: 'day' as const, logic: 1, time: 15_060 };
    const attempts = ['a', 'b', 'c', 'd'].map((name) =>
      rollups.publish(key, null, { meta: META, parts: bytes({ [name]: name }), views: new Map() }),
    );
    t.equal((await Promise.all(attempts)).filter(Boolean).length, 1);
    t.equal((await rollups.read(key))?.parts.size, 1);
  });

  await t.test('parts that are not given stay, and all of it changes together', async (t) => {
    const key = { merchant: freshMerchant(), level: 'hour' as const, logic: 1, time: 1 };
    await rollups.publish(key, null, {
      meta: META,
      parts: bytes({ a: '1', 'a-b': '2' }),
      views: bytes({ total: '3' }),
    });
    const meta = { ...META, rows: 4 };
    t.equal(await rollups.publish(key, 7, { meta, parts: bytes({ a: 'x' }), views: bytes({ total: 'x' }) }), false);
    t.match(await rollups.read(key), { meta: META });
    t.equal(await rollups.publish(key, 1, { meta, parts: bytes({ a: '4' }), views: bytes({ total: '7' }) }), true);
    const row = await rollups.read(key);
    t.match(row, { meta, revision: 2 });
    t.same(text(row!.parts), { a: '4', 'a-b': '2' });
    t.equal(row!.views.size, 0, 'a read is for its parts');
  });

  await t.test('what a publication omits is not read, though an earlier one stored it', async (t) => {
    const key = { merchant: freshMerchant(), level: 'day' as const, logic: 1, time: 15_060 };
    const all = { parts: bytes({ a: '1' }), views: bytes({ total: '2', store: '3' }) };
    await rollups.publish(key, null, { meta: META, ...all });
    const has = async (cells: Cells) => {
      const [row] = await Array.fromAsync(rollups.scan(key.merchant, 'day', 1, 15_060, 15_061, cells));
      return hasCells(row!, cells);
    };
    const some = ['total', 'store', 'never'].map((name): Cells => ({ kind: 'view', name }));
    const cells: Cells[] = [{ kind: 'parts' }, ...some];
    t.same(await Promise.all(cells.map(has)), [true, true, true, false]);
    const meta = { ...META, omitted: ['store', 'parts'] };
    await rollups.publish(key, 1, { meta, parts: new Map(), views: bytes({ total: '4' }) });
    t.same(await Promise.all(cells.map(has)), [false, true, false, false]);
    const row = await Array.fromAsync(rollups.scan(key.merchant, 'day', 1, 15_060, 15_061, { kind: 'all' }));
    t.same([text(row[0]!.parts), text(row[0]!.views)], [{ a: '1' }, { total: '4', store: '3' }]);
  });

  await t.test('rows are scanned by level, logic version and time, half-open, with the requested cells', async (t) => {
    const merchant = freshMerchant();
    const publish = (level: Level, logic: number, time: number) =>
      rollups.publish({ merchant, level, logic, time }, null, {
        meta: META,
        parts: bytes({ a: `a${time}`, b: `b${time}` }),
        views: bytes({ total: `t${time}`, store: `s${time}` }),
      });
    for (const time of [9, 3, 5, 4]) await publish('hour', 1, time);
    await publish('hour', 2, 4);
    await publish('day', 1, 4);
    const scan = async (from: number, to: number, cells: Cells) =>
      (await Array.fromAsync(rollups.scan(merchant, 'hour', 1, from, to, cells))).map(({ time, parts, views }) => ({
        time,
        parts: text(parts),
        views: text(views),
      }));
    t.same(
      await scan(4, 9, { kind: 'meta' }),
      [4, 5].map((time) => ({ time, parts: {}, views: {} })),
    );
    t.same(await scan(5, 6, { kind: 'view', name: 'store' }), [{ time: 5, parts: {}, views: { store: 's5' } }]);
    t.same(await scan(5, 6, { kind: 'parts' }), [{ time: 5, parts: { a: 'a5', b: 'b5' }, views: {} }]);
    t.same(await scan(5, 6, { kind: 'parts', terminals: ['b', 'c'] as TerminalId[] }), [
      { time: 5, parts: { b: 'b5' }, views: {} },
    ]);
    t.same(await scan(5, 6, { kind: 'parts', terminals: [] }), [{ time: 5, parts: {}, views: {} }]);
    t.same(await scan(5, 6, { kind: 'view', name: 'none' }), [{ time: 5, parts: {}, views: {} }]);
    t.same(await scan(6, 6, { kind: 'meta' }), []);
    t.same(await scan(9, 3, { kind: 'meta' }), []);
  });
}

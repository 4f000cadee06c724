import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { collect, freshKeys, put, sameBytes, textOf } from './rows.ts';

export async function putContract(t: Test, tables: Tables): Promise<void> {
  /** Recent, so that no table's expiry takes the cells. */
  const recent = Date.now() - 60_000;

  await t.test('a value comes back byte for byte, an empty one and every byte value too', async (t) => {
    const { key } = freshKeys();
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await tables.put('events', [put(key(0, 0xff, 0), { 'b:empty': '', 'b:all': everyByte })]);
    const [row] = await tables.get('events', [key(0, 0xff, 0)]);
    t.equal(row?.cells.get('b:empty')?.length, 0);
    t.ok(sameBytes(row?.cells.get('b:all'), everyByte));
    t.equal(row?.cells.size, 2);
  });

  await t.test('a value of 5 MB comes back', async (t) => {
    const { key } = freshKeys();
    const value = randomBytes(5_000_000);
    await tables.put('events', [put(key('large'), { 'b:d': value })]);
    t.ok(sameBytes((await tables.get('events', [key('large')]))[0]?.cells.get('b:d'), value));
  });

  await t.test('1,000 rows in one put are all there', async (t) => {
    const { key, prefix, end } = freshKeys();
    const names = Array.from({ length: 1_000 }, (_, i) => String(i).padStart(4, '0'));
    await tables.put(
      'events',
      names.toReversed().map((name) => put(key(name), { 'b:d': `value ${name}` })),
    );
    const rows = await collect(tables, 'events', { start: prefix, stop: end });
    t.same(
      rows.map((row) => textOf(row)?.['b:d']),
      names.map((name) => `value ${name}`),
    );
  });

  await t.test('a put of no rows is fine', async (t) => {
    await t.resolves(tables.put('events', []));
  });

  await t.test('a put adds cells to a row and leaves its others', async (t) => {
    const { key } = freshKeys();
    await tables.put('rollups', [put(key('r'), { 'm:a': '1', 'p:t1': '2' })]);
    await tables.put('rollups', [put(key('r'), { 'p:t2': '3' })]);
    t.same(textOf((await tables.get('rollups', [key('r')]))[0]), { 'm:a': '1', 'p:t1': '2', 'p:t2': '3' });
  });

  await t.test('the cell with the newest time wins, whatever came last', async (t) => {
    const { key } = freshKeys();
    for (const offset of [1, 3, 2])
      await tables.put('rollups', [put(key('r'), { 'm:a': `at ${offset}` }, recent + offset)]);
    const [row] = await tables.get('rollups', [key('r')]);
    t.same(textOf(row), { 'm:a': 'at 3' });
    t.equal(row?.time, recent + 3);
  });

  await t.test('the newest time wins for each cell on its own', async (t) => {
    const { key } = freshKeys();
    await tables.put('rollups', [put(key('r'), { 'm:a': 'new' }, recent + 9)]);
    await tables.put('rollups', [put(key('r'), { 'm:a': 'old', 'm:b': 'old' }, recent)]);
    t.same(textOf((await tables.get('rollups', [key('r')]))[0]), { 'm:a': 'new', 'm:b': 'old' });
  });

  await t.test('of two cells with the same time the one put last wins, also a shorter one', async (t) => {
    const { key } = freshKeys();
    for (const value of ['first and long', 'second', ''])
      await tables.put('rollups', [put(key('r'), { 'm:a': value }, recent)]);
    t.same(textOf((await tables.get('rollups', [key('r')]))[0]), { 'm:a': '' });
  });

  await t.test("a put without a time takes the store's own clock", async (t) => {
    const { key } = freshKeys();
    await tables.put('rollups', [put(key('r'), { 'm:a': '1' })]);
    const time = (await tables.get('rollups', [key('r')]))[0]!.time;
    t.ok(Math.abs(time - Date.now()) < 60_000, `${time} is about now`);
  });

  await t.test('a put without a time replaces an older cell', async (t) => {
    const { key } = freshKeys();
    await tables.put('rollups', [put(key('r'), { 'm:a': 'old' }, recent)]);
    await tables.put('rollups', [put(key('r'), { 'm:a': 'new' })]);
    t.same(textOf((await tables.get('rollups', [key('r')]))[0]), { 'm:a': 'new' });
  });

  await t.test("one row's cells are seen together or not at all", async (t) => {
    const { key, prefix, end } = freshKeys();
    const row = key('r');
    let writing = true;
    const write = async () => {
      for (let i = 0; i < 100; i++)
        await tables.put('rollups', [put(row, { 'm:a': `${i}`, 'p:b': `${i}`, 'v:c': `${i}` })]);
      writing = false;
    };
    const torn: unknown[] = [];
    let reads = 0;
    const read = async () => {
      while (writing) {
        const got = await tables.get('rollups', [row]);
        const scanned = await collect(tables, 'rollups', { start: prefix, stop: end });
        for (const seen of [...got, ...scanned].map(textOf)) {
          if (seen === null) continue;
          reads++;
          if (new Set(Object.values(seen)).size !== 1 || Object.keys(seen).length !== 3) torn.push(seen);
        }
      }
    };
    await Promise.all([write(), read()]);
    t.same(torn, []);
    t.ok(reads > 0, `${reads} reads`);
  });
}

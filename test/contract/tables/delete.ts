import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { collect, freshKeys, hex, put } from './rows.ts';

export async function deleteContract(t: Test, tables: Tables): Promise<void> {
  await t.test('whole rows go, with all families, and their neighbours stay', async (t) => {
    const { key, prefix, end } = freshKeys();
    const names = ['a', 'b', 'c', 'd'];
    await tables.put(
      'rollups',
      names.map((name) => put(key(name), { 'm:a': '1', 'p:t1': '2', 'p:t2': '3', 'v:x': '4' })),
    );
    await tables.delete('rollups', [key('b'), key('c')]);
    t.same(hex(await collect(tables, 'rollups', { start: prefix, stop: end })), hex([key('a'), key('d')]));
    t.same(await tables.get('rollups', [key('b'), key('c')]), [null, null]);
  });

  await t.test('missing rows are fine, alone and among others, and so are none', async (t) => {
    const { key } = freshKeys();
    await tables.put('due', [put(key('a'), { 'b:t': 'x' })]);
    await t.resolves(tables.delete('due', [key('missing')]));
    await t.resolves(tables.delete('due', [key('missing'), key('a')]));
    await t.resolves(tables.delete('due', []));
    t.same(await tables.get('due', [key('a')]), [null]);
  });

  await t.test('a row whose key only begins the same stays', async (t) => {
    const { key } = freshKeys();
    await tables.put('due', [
      put(key('a'), { 'b:t': 'x' }),
      put(key('a', 0), { 'b:t': 'y' }),
      put(key(), { 'b:t': 'z' }),
    ]);
    await tables.delete('due', [key('a')]);
    const rows = await tables.get('due', [key('a'), key('a', 0), key()]);
    t.same(
      rows.map((row) => row !== null),
      [false, true, true],
    );
  });

  await t.test('a thousand rows go at once', async (t) => {
    const { key, prefix, end } = freshKeys();
    const rows = Array.from({ length: 1_000 }, (_, i) => key(String(i)));
    await tables.put(
      'due',
      rows.map((row) => put(row, { 'b:t': 'x' })),
    );
    await tables.delete('due', rows);
    t.same(await collect(tables, 'due', { start: prefix, stop: end }), []);
  });

  await t.test('rows deleted during a scan of theirs do not break it', async (t) => {
    const { key, prefix, end } = freshKeys();
    const rows = Array.from({ length: 1_200 }, (_, i) => key(String(i).padStart(4, '0')));
    await tables.put(
      'due',
      rows.map((row) => put(row, { 'b:t': 'x' })),
    );
    let last = '';
    for await (const row of tables.scan('due', { start: prefix, stop: end })) {
      if (last === '') await tables.delete('due', rows.slice(0, 800));
      [last] = hex([row]) as [string];
    }
    t.equal(last, hex(rows).at(-1));
  });
}

import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { freshKeys, put, textOf } from './rows.ts';

export async function getContract(t: Test, tables: Tables): Promise<void> {
  const recent = Date.now() - 60_000;
  const { key } = freshKeys();
  await tables.put('rollups', [
    put(key('a'), { 'm:one': 'a1', 'm:two': 'a2' }, recent),
    put(key('a'), { 'p:t1': 'a3', 'p:t2': 'a4', 'v:x': 'a5' }, recent + 5),
    put(key('b'), { 'p:t1': 'b1' }, recent),
  ]);

  await t.test('rows come in the requested order, null for a missing one', async (t) => {
    const rows = await tables.get('rollups', [key('b'), key('missing'), key('a'), key('b')], ['p:t1']);
    t.same(rows.map(textOf), [{ 'p:t1': 'b1' }, null, { 'p:t1': 'a3' }, { 'p:t1': 'b1' }]);
    t.same(
      rows.map((row) => row && Buffer.from(row.row)),
      [key('b'), null, key('a'), key('b')],
    );
  });

  await t.test('no rows requested, none returned', async (t) => {
    t.same(await tables.get('rollups', []), []);
  });

  await t.test('a key is matched whole: neither its prefix nor a longer key is that row', async (t) => {
    t.same(await tables.get('rollups', [key(), key('a', 0), key('aa')]), [null, null, null]);
  });

  await t.test('without columns all cells come', async (t) => {
    t.same(textOf((await tables.get('rollups', [key('a')]))[0]), {
      'm:one': 'a1',
      'm:two': 'a2',
      'p:t1': 'a3',
      'p:t2': 'a4',
      'v:x': 'a5',
    });
  });

  await t.test('columns are read by exact name', async (t) => {
    const [row] = await tables.get('rollups', [key('a')], ['m:two', 'p:t', 'v:x']);
    t.same(textOf(row), { 'm:two': 'a2', 'v:x': 'a5' });
  });

  await t.test('columns are read by family', async (t) => {
    const [row] = await tables.get('rollups', [key('a')], [{ family: 'p' }]);
    t.same(textOf(row), { 'p:t1': 'a3', 'p:t2': 'a4' });
  });

  await t.test('names and families can be mixed and may overlap', async (t) => {
    const [row] = await tables.get('rollups', [key('a')], ['m:one', { family: 'p' }, 'p:t1']);
    t.same(textOf(row), { 'm:one': 'a1', 'p:t1': 'a3', 'p:t2': 'a4' });
  });

  await t.test('a row with none of the requested columns is null', async (t) => {
    t.same(await tables.get('rollups', [key('b'), key('b')], ['m:one', { family: 'v' }]), [null, null]);
  });

  await t.test('time is the newest of the cells returned', async (t) => {
    t.equal((await tables.get('rollups', [key('a')]))[0]?.time, recent + 5);
    t.equal((await tables.get('rollups', [key('a')], [{ family: 'm' }]))[0]?.time, recent);
    t.equal((await tables.get('rollups', [key('a')], ['m:one', 'v:x']))[0]?.time, recent + 5);
  });

  await t.test('a thousand rows come at once', async (t) => {
    const keys = Array.from({ length: 1_000 }, (_, i) => key('many', String(i)));
    await tables.put(
      'control',
      keys.map((row, i) => put(row, { 'm:i': String(i) })),
    );
    const rows = await tables.get('control', keys);
    t.same(
      rows.map((row) => textOf(row)?.['m:i']),
      keys.map((_, i) => String(i)),
    );
  });

  await t.test('a table does not see the rows of another', async (t) => {
    t.same(await tables.get('history', [key('a')]), [null]);
  });
}

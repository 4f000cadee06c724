/** Rows with more cells than an adapter reads at once. */
import type { Test } from 'tap';
import type { Column, Columns, Row, Tables } from '../../../collector/store/tables.ts';
import { collect, freshKeys, textOf } from './rows.ts';

const VIEWS: Record<string, string> = { 'v:a': 'v1', 'v:b': 'v2' };
const META: Record<string, string> = { 'm:one': '1', 'm:two': '2' };

export async function wideRowsContract(t: Test, tables: Tables): Promise<void> {
  const recent = Date.now() - 60_000;
  const parts = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`p:till-${String(i).padStart(5, '0')}`, `of ${i}`]));
  const family: Columns = ['m:one', { family: 'p' }];

  for (const count of [497, 498, 499, 500, 501, 1_000, 1_203]) {
    await t.test(`${count} cells of a family: all come, by get and by scan`, async (t) => {
      const { key, prefix, end } = freshKeys();
      const [all, narrow] = [
        { ...META, ...parts(count), ...VIEWS },
        { 'm:one': 'n', 'p:x': 'narrow' },
      ];
      const cellsOf = (texts: Record<string, string>) =>
        new Map(Object.entries(texts).map(([column, text]) => [column as Column, Buffer.from(text)]));
      await tables.put('rollups', [
        { row: key('a'), cells: cellsOf(narrow), time: recent },
        { row: key('b'), cells: cellsOf(all), time: recent },
        { row: key('c'), cells: cellsOf(narrow), time: recent },
        { row: key('d'), cells: cellsOf(all), time: recent },
      ]);
      const last = `p:till-${String(count - 1).padStart(5, '0')}` as Column;
      await tables.put('rollups', [{ row: key('d'), cells: new Map([[last, Buffer.from('new')]]), time: recent + 7 }]);
      const inFamily = { 'm:one': '1', ...parts(count) };
      const whole = [narrow, inFamily, narrow, { ...inFamily, [last]: 'new' }];
      const timesOf = (rows: readonly (Row | null)[]): unknown[] => rows.map((row) => row?.time);
      const range = { start: prefix, stop: end };

      const got = await tables.get(
        'rollups',
        ['a', 'b', 'c', 'd'].map((name) => key(name)),
        family,
      );
      t.same(got.map(textOf), whole);
      t.same(timesOf(got), [recent, recent, recent, recent + 7]);
      const scanned = await collect(tables, 'rollups', { ...range, columns: family });
      t.same(scanned.map(textOf), whole);
      t.same(timesOf(scanned), [recent, recent, recent, recent + 7]);
      t.same(
        (await collect(tables, 'rollups', { ...range, columns: family, limit: 2 })).map(textOf),
        whole.slice(0, 2),
      );

      const within = [
        { start: key('b'), stop: key('c') },
        { start: key('d'), stop: end },
      ];
      const inParts = await collect(tables, 'rollups', { ...range, within, columns: family });
      t.same(inParts.map(textOf), [whole[1], whole[3]]);
      t.same(textOf((await tables.get('rollups', [key('b')]))[0]), all, 'all families');
      const named = ['p:till-00000', last, 'v:a'] as const;
      const [row] = await tables.get('rollups', [key('b')], named);
      t.same(textOf(row), { 'p:till-00000': 'of 0', [last]: `of ${count - 1}`, 'v:a': 'v1' });
      const names = Object.keys(inFamily) as Column[];
      t.same(textOf((await tables.get('rollups', [key('b')], names))[0]), inFamily, 'by name');
    });
  }
}

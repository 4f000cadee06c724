import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { collect, freshKeys, hex, put, textOf } from './rows.ts';

export async function scanContract(t: Test, tables: Tables): Promise<void> {
  await t.test('rows come sorted by unsigned bytes', async (t) => {
    const { key, prefix, end } = freshKeys();
    const sorted = [
      key(),
      key(0x00),
      key(0x00, 0x00),
      key(0x00, 0xff),
      key(0x01),
      key(0x7f),
      key(0x7f, 0xff),
      key(0x80),
      key(0xfe, 0xff, 0xff),
      key(0xff),
      key(0xff, 0x00),
      key(0xff, 0xff),
    ];
    await tables.put(
      'due',
      sorted.toReversed().map((row) => put(row, { 'b:t': 'x' })),
    );
    t.same(hex(await collect(tables, 'due', { start: prefix, stop: end })), hex(sorted));
  });

  await t.test('start is inclusive, stop exclusive', async (t) => {
    const { key } = freshKeys();
    await tables.put(
      'due',
      ['a', 'b', 'c', 'd'].map((name) => put(key(name), { 'b:t': name })),
    );
    const rows = await collect(tables, 'due', { start: key('b'), stop: key('d') });
    t.same(hex(rows), hex([key('b'), key('c')]));
  });

  await t.test('start and stop need not be rows', async (t) => {
    const { key } = freshKeys();
    await tables.put('due', [put(key('b'), { 'b:t': '1' }), put(key('c'), { 'b:t': '2' })]);
    t.same(hex(await collect(tables, 'due', { start: key('a', 0xff), stop: key('b', 0) })), hex([key('b')]));
  });

  await t.test('a range without rows, an empty one and a reversed one give nothing', async (t) => {
    const { key } = freshKeys();
    await tables.put('due', [put(key('b'), { 'b:t': '1' })]);
    t.same(await collect(tables, 'due', { start: key('c'), stop: key('d') }), []);
    t.same(await collect(tables, 'due', { start: key('b'), stop: key('b') }), []);
    t.same(await collect(tables, 'due', { start: key('c'), stop: key('a') }), []);
  });

  await t.test('a prefix is scanned without its neighbours', async (t) => {
    const { key } = freshKeys();
    const inside = [key('m', 0), key('m', 0, 0), key('m', 0, 0xff, 0xff)];
    const outside = [key('m'), key('m', 1), key('l', 0xff), key('m1'), key('n')];
    await tables.put(
      'events',
      [...outside, ...inside].map((row) => put(row, { 'b:d': 'x' })),
    );
    t.same(hex(await collect(tables, 'events', { start: key('m', 0), stop: key('m', 1) })), hex(inside));
  });

  await t.test('at most limit rows come, and a limit of none gives none', async (t) => {
    const { key, prefix, end } = freshKeys();
    const rows = Array.from({ length: 9 }, (_, i) => key(String(i)));
    await tables.put(
      'due',
      rows.map((row) => put(row, { 'b:t': 'x', 'b:u': 'y' })),
    );
    for (const limit of [0, 1, 5, 9, 10]) {
      t.same(hex(await collect(tables, 'due', { start: prefix, stop: end, limit })), hex(rows.slice(0, limit)));
    }
  });

  await t.test('columns are chosen by name and by family, and a row with none of them is left out', async (t) => {
    const { key, prefix, end } = freshKeys();
    await tables.put('rollups', [
      put(key('a'), { 'm:one': 'a1', 'p:t1': 'a2', 'v:x': 'a3' }),
      put(key('b'), { 'p:t1': 'b1' }),
      put(key('c'), { 'm:two': 'c1', 'v:x': 'c2', 'v:y': 'c3' }),
    ]);
    const range = { start: prefix, stop: end };
    const read = async (scan: object) => (await collect(tables, 'rollups', { ...range, ...scan })).map(textOf);
    t.same(await read({ columns: ['m:one'] }), [{ 'm:one': 'a1' }]);
    t.same(await read({ columns: [{ family: 'v' }] }), [{ 'v:x': 'a3' }, { 'v:x': 'c2', 'v:y': 'c3' }]);
    t.same(await read({ columns: [{ family: 'm' }, 'v:x'] }), [
      { 'm:one': 'a1', 'v:x': 'a3' },
      { 'm:two': 'c1', 'v:x': 'c2' },
    ]);
    t.same(await read({ columns: ['v:x'], limit: 1 }), [{ 'v:x': 'a3' }]);
    t.same(await read({ columns: ['v:y'], limit: 1 }), [{ 'v:y': 'c3' }], 'limit counts the rows that come');
  });

  await t.test('keysOnly gives keys, columns and times with empty values', async (t) => {
    const { key, prefix, end } = freshKeys();
    const recent = Date.now() - 60_000;
    await tables.put('rollups', [
      put(key('a'), { 'm:one': 'long'.repeat(50_000), 'p:t1': 'x' }, recent),
      put(key('b'), { 'p:t1': 'y' }, recent + 1),
    ]);
    const rows = await collect(tables, 'rollups', { start: prefix, stop: end, keysOnly: true });
    t.same(hex(rows), hex([key('a'), key('b')]));
    t.same(rows.map(textOf), [{ 'm:one': '', 'p:t1': '' }, { 'p:t1': '' }]);
    t.same(
      rows.map((row) => row.time),
      [recent, recent + 1],
    );
    const chosen = await collect(tables, 'rollups', { start: prefix, stop: end, keysOnly: true, columns: ['m:one'] });
    t.same(chosen.map(textOf), [{ 'm:one': '' }]);
  });

  await t.test('time is the newest of the cells returned', async (t) => {
    const { key, prefix, end } = freshKeys();
    const recent = Date.now() - 60_000;
    await tables.put('rollups', [put(key('a'), { 'm:one': '1' }, recent)]);
    await tables.put('rollups', [put(key('a'), { 'p:t1': '2' }, recent + 7)]);
    const timeOf = async (scan: object) =>
      (await collect(tables, 'rollups', { start: prefix, stop: end, ...scan }))[0]?.time;
    t.equal(await timeOf({}), recent + 7);
    t.equal(await timeOf({ columns: ['m:one'] }), recent);
  });

  await t.test('since leaves out older cells, and rows that have no other', async (t) => {
    for (const [table, one, two] of [
      ['rollups', 'm:one', 'p:t1'],
      ['events', 'b:one', 'b:two'],
    ] as const) {
      const { key, prefix, end } = freshKeys();
      const recent = Date.now() - 60_000;
      // More rows than a page, of which few are new enough.
      const many = Array.from({ length: 1_500 }, (_, i) => key(i >> 8, i & 0xff));
      const isNew = (i: number): boolean => [700, 701, 1_499].includes(i);
      await tables.put(
        table,
        many.map((row, i) => put(row, { [one]: 'x' }, isNew(i) ? recent : recent - 1)),
      );
      await tables.put(table, [put(many[3]!, { [two]: 'y' }, recent + 5)]);
      const range = { start: prefix, stop: end, since: recent };
      const rows = await collect(tables, table, range);
      t.same(hex(rows), hex([many[3]!, many[700]!, many[701]!, many[1_499]!]));
      t.same(rows.map(textOf), [{ [two]: 'y' }, { [one]: 'x' }, { [one]: 'x' }, { [one]: 'x' }]);
      t.equal(rows[0]?.time, recent + 5);
      t.same(hex(await collect(tables, table, { ...range, limit: 2 })), hex(rows.slice(0, 2)));
      t.same(hex(await collect(tables, table, { ...range, keysOnly: true })), hex(rows));
      t.same(hex(await collect(tables, table, { ...range, columns: [one] })), hex(rows.slice(1)));
      t.same(await collect(tables, table, { ...range, since: recent + 6 }), []);
    }
  });
}

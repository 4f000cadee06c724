import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { collect, freshKeys, put, textOf } from './rows.ts';

export async function checkAndPutContract(t: Test, tables: Tables): Promise<void> {
  const read = async (row: Uint8Array) => textOf((await tables.get('rollups', [row]))[0]);

  await t.test('expecting no cell, it puts all cells where there is no row', async (t) => {
    const { key } = freshKeys();
    const write = put(key('r'), { 'm:rev': '1', 'p:t1': 'a', 'v:x': 'b' });
    t.equal(await tables.checkAndPut('rollups', { column: 'm:rev', expected: null }, write), true);
    t.same(await read(key('r')), { 'm:rev': '1', 'p:t1': 'a', 'v:x': 'b' });
  });

  await t.test('expecting no cell, it puts where the row has other cells only', async (t) => {
    const { key } = freshKeys();
    await tables.put('rollups', [put(key('r'), { 'm:other': 'o', 'm:re': 'o', 'm:rev2': 'o' })]);
    const write = put(key('r'), { 'm:rev': '1' });
    t.equal(await tables.checkAndPut('rollups', { column: 'm:rev', expected: null }, write), true);
    t.same(await read(key('r')), { 'm:other': 'o', 'm:re': 'o', 'm:rev': '1', 'm:rev2': 'o' });
  });

  await t.test('expecting no cell where there is one, it puts nothing', async (t) => {
    const { key } = freshKeys();
    await tables.put('rollups', [put(key('r'), { 'm:rev': '1' })]);
    const write = put(key('r'), { 'm:rev': '2', 'p:t1': 'a' });
    t.equal(await tables.checkAndPut('rollups', { column: 'm:rev', expected: null }, write), false);
    t.same(await read(key('r')), { 'm:rev': '1' });
  });

  await t.test('expecting exactly what is held, it puts', async (t) => {
    const { key } = freshKeys();
    const held = Buffer.of(0, 0xff, 0, 1);
    await tables.put('rollups', [put(key('r'), { 'm:rev': held })]);
    const write = put(key('r'), { 'm:rev': '2', 'p:t1': 'a' });
    t.equal(await tables.checkAndPut('rollups', { column: 'm:rev', expected: held }, write), true);
    t.same(await read(key('r')), { 'm:rev': '2', 'p:t1': 'a' });
  });

  await t.test('expecting anything else, it puts nothing', async (t) => {
    const { key } = freshKeys();
    await tables.put('rollups', [put(key('r'), { 'm:rev': 'abc' })]);
    for (const expected of ['ab', 'abcd', 'abd', 'ABC', 'abc\0']) {
      const check = { column: 'm:rev', expected: Buffer.from(expected) } as const;
      t.equal(
        await tables.checkAndPut('rollups', check, put(key('r'), { 'm:rev': 'x', 'p:t1': 'a' })),
        false,
        JSON.stringify(expected),
      );
    }
    t.same(await read(key('r')), { 'm:rev': 'abc' });
  });

  await t.test('expecting a value where there is no row, it puts nothing', async (t) => {
    const { key, prefix, end } = freshKeys();
    const check = { column: 'm:rev', expected: Buffer.from('1') } as const;
    t.equal(await tables.checkAndPut('rollups', check, put(key('r'), { 'm:rev': '2' })), false);
    t.same(await collect(tables, 'rollups', { start: prefix, stop: end }), []);
  });

  await t.test('expecting an empty value, it puts where there is one, and not where there is none', async (t) => {
    const { key } = freshKeys();
    const check = { column: 'm:rev', expected: Buffer.alloc(0) } as const;
    t.equal(await tables.checkAndPut('rollups', check, put(key('r'), { 'm:rev': '1' })), false);
    t.equal(await read(key('r')), null);
    await tables.put('rollups', [put(key('r'), { 'm:rev': '' })]);
    t.equal(await tables.checkAndPut('rollups', check, put(key('r'), { 'm:rev': '1' })), true);
    t.same(await read(key('r')), { 'm:rev': '1' });
  });

  await t.test('it may check a column that it does not write', async (t) => {
    const { key } = freshKeys();
    await tables.put('rollups', [put(key('r'), { 'm:rev': '1' })]);
    const check = { column: 'm:rev', expected: Buffer.from('1') } as const;
    t.equal(await tables.checkAndPut('rollups', check, put(key('r'), { 'v:x': 'new' })), true);
    t.same(await read(key('r')), { 'm:rev': '1', 'v:x': 'new' });
  });

  await t.test("the put's time becomes the cells' time", async (t) => {
    const { key } = freshKeys();
    const recent = Date.now() - 60_000;
    await tables.checkAndPut('rollups', { column: 'm:rev', expected: null }, put(key('r'), { 'm:rev': '1' }, recent));
    t.equal((await tables.get('rollups', [key('r')]))[0]?.time, recent);
  });

  await t.test(
    'what it says it has put is there, also where the store’s clock was set back since the cell was put',
    async (t) => {
      const { key } = freshKeys();
      await tables.put('rollups', [put(key('r'), { 'm:rev': '1', 'p:t1': 'a' }, Date.now() + 3_600_000)]);
      const check = { column: 'm:rev', expected: Buffer.from('1') } as const;
      const write = put(key('r'), { 'm:rev': '2', 'p:t1': 'b', 'p:t2': 'c' });
      t.equal(await tables.checkAndPut('rollups', check, write), true);
      t.same(await read(key('r')), { 'm:rev': '2', 'p:t1': 'b', 'p:t2': 'c' });
    },
  );

  await t.test('of twenty contenders exactly one wins each round', async (t) => {
    const { key } = freshKeys();
    let held: Buffer | null = null;
    for (let round = 0; round < 5; round++) {
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, who) =>
          tables.checkAndPut(
            'control',
            { column: 'm:rev', expected: held },
            put(key('r'), { 'm:rev': `${round}.${who}`, 'm:who': `${who}` }),
          ),
        ),
      );
      const winners = outcomes.flatMap((won, who) => (won ? [who] : []));
      t.equal(winners.length, 1, `round ${round}`);
      const row = textOf((await tables.get('control', [key('r')]))[0]);
      t.same(row, { 'm:rev': `${round}.${winners[0]}`, 'm:who': `${winners[0]}` });
      held = Buffer.from(row!['m:rev']!);
    }
  });
}

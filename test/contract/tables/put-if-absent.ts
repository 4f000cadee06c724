import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { collect, freshKeys, put, textOf } from './rows.ts';

export async function putIfAbsentContract(t: Test, tables: Tables): Promise<void> {
  /** Recent, so that no table's expiry takes the cells. */
  const recent = Date.now() - 60_000;

  await t.test('what is absent is put, at its time', async (t) => {
    const { key } = freshKeys();
    const puts = [put(key('a'), { 'b:d': '1' }, recent), put(key('b'), { 'b:d': '2' })];
    t.same(await tables.putIfAbsent('events', puts), [true, true]);
    t.same(await tables.putIfAbsent('events', puts), [false, false]);
    const [a, b] = await tables.get('events', [key('a'), key('b')]);
    t.same([textOf(a), textOf(b)], [{ 'b:d': '1' }, { 'b:d': '2' }]);
    t.equal(a?.time, recent);
  });

  await t.test('what exists stays, with its time, whether that is earlier or later', async (t) => {
    const { key } = freshKeys();
    await tables.put('events', [put(key('r'), { 'b:d': 'first' }, recent)]);
    for (const time of [recent - 1_000, recent, recent + 1_000, undefined]) {
      await tables.putIfAbsent('events', [
        put(key('r'), { 'b:d': 'again' }, time),
        put(key('n'), { 'b:d': 'n' }, recent),
      ]);
      const [row] = await tables.get('events', [key('r')]);
      t.same(textOf(row), { 'b:d': 'first' });
      t.equal(row?.time, recent);
    }
  });

  await t.test('a row that is put alone stays, whether what comes then is earlier or later', async (t) => {
    const { key } = freshKeys();
    await tables.putIfAbsent('events', [put(key('r'), { 'b:d': 'first' }, recent)]);
    for (const time of [recent - 1_000, recent, recent + 1_000, undefined]) {
      await tables.putIfAbsent('events', [put(key('r'), { 'b:d': 'again' }, time)]);
      const [row] = await tables.get('events', [key('r')]);
      t.same(textOf(row), { 'b:d': 'first' });
      t.equal(row?.time, recent);
    }
  });

  await t.test('of callers that put the same row alone at the same moment, the first one stays', async (t) => {
    const { key } = freshKeys();
    for (let round = 0; round < 50; round++) {
      const row = key(String(round));
      const read = async () => textOf((await tables.get('events', [row]))[0]!);
      const calls = [0, 1, 2].map((by) => tables.putIfAbsent('events', [put(row, { 'b:d': String(by) }, recent + by)]));
      await Promise.race(calls);
      const first = await read();
      await Promise.all(calls);
      t.same(await read(), first);
    }
  });

  await t.test('of a row that is named twice the first one is put', async (t) => {
    const { key } = freshKeys();
    const twice = [put(key('r'), { 'b:d': 'first' }, recent), put(key('r'), { 'b:d': 'second' }, recent + 1)];
    t.same(await tables.putIfAbsent('events', twice), [true, false]);
    const [row] = await tables.get('events', [key('r')]);
    t.same(textOf(row), { 'b:d': 'first' });
    t.equal(row?.time, recent);
  });

  await t.test('2,500 rows, of which every other exists, are all there afterwards', async (t) => {
    const { key, prefix, end } = freshKeys();
    const names = Array.from({ length: 2_500 }, (_, i) => String(i).padStart(4, '0'));
    const odd = names.filter((_name, i) => i % 2 === 1);
    await tables.put(
      'events',
      odd.map((name) => put(key(name), { 'b:d': 'old' }, recent)),
    );
    const wasPut = await tables.putIfAbsent(
      'events',
      names.map((name) => put(key(name), { 'b:d': 'new' }, recent)),
    );
    t.same(
      wasPut,
      names.map((_name, i) => i % 2 === 0),
    );
    const rows = await collect(tables, 'events', { start: prefix, stop: end });
    t.same(
      rows.map((row) => textOf(row)?.['b:d']),
      names.map((_name, i) => (i % 2 === 1 ? 'old' : 'new')),
    );
  });

  await t.test('no rows are fine', async (t) => {
    t.same(await tables.putIfAbsent('events', []), []);
    t.same(await tables.exists('events', []), []);
  });

  await t.test('which rows exist is told in the order of the question', async (t) => {
    const { key } = freshKeys();
    await tables.put('events', [put(key('a'), { 'b:d': '' }, recent), put(key('c'), { 'b:d': '1' }, recent)]);
    const asked = ['c', 'b', 'a', 'a', 'aa', ''].map((name) => key(name));
    t.same(await tables.exists('events', asked), [true, false, true, true, false, false]);
    await tables.delete('events', [key('a')]);
    t.same(await tables.exists('events', [key('a')]), [false]);
  });

  await t.test('2,500 rows are asked for at once', async (t) => {
    const { key } = freshKeys();
    const names = Array.from({ length: 2_500 }, (_, i) => String(i));
    const third = names.filter((_name, i) => i % 3 === 0);
    await tables.put(
      'events',
      third.map((name) => put(key(name), { 'b:d': '1' }, recent)),
    );
    const exists = await tables.exists(
      'events',
      names.map((name) => key(name)),
    );
    t.same(
      exists,
      names.map((_name, i) => i % 3 === 0),
    );
  });
}

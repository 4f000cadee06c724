import type { Test } from 'tap';
import { FAMILIES, StoreUnavailable, TABLES } from '../../../collector/store/tables.ts';
import { freshKeys, type OpenTables, put, textOf } from './rows.ts';

export async function lifecycleContract(t: Test, open: OpenTables): Promise<void> {
  await t.test('init can be called by several processes at once', async (t) => {
    const several = await Promise.all([open(), open(), open()]);
    await t.resolves(Promise.all(several.map((tables) => tables.init())));
    await Promise.all(several.map((tables) => tables.close()));
  });

  await t.test('init can be called again and keeps what is stored', async (t) => {
    const { key } = freshKeys();
    const tables = await open();
    await tables.init();
    await tables.put('control', [put(key('kept'), { 'm:a': '1' })]);
    await tables.init();
    const [row] = await tables.get('control', [key('kept')]);
    t.same(textOf(row), { 'm:a': '1' });
    await tables.close();
  });

  await t.test('after init every table takes every one of its families', async (t) => {
    const { key } = freshKeys();
    const tables = await open();
    await tables.init();
    for (const table of TABLES) {
      for (const family of FAMILIES[table]) {
        const column = `${family}:q` as 'b:q';
        const row = key(table, family);
        await tables.put(table, [put(row, { [column]: 'x' })]);
        t.same(textOf((await tables.get(table, [row]))[0]), { [column]: 'x' }, `${table} ${family}`);
      }
    }
    await tables.close();
  });

  await t.test('what one put another one opened later reads', async (t) => {
    const { key } = freshKeys();
    const writer = await open();
    await writer.put('terminals', [put(key('t'), { 'm:a': 'durable' })]);
    await writer.close();
    const reader = await open();
    t.same(textOf((await reader.get('terminals', [key('t')]))[0]), { 'm:a': 'durable' });
    await reader.close();
  });

  await t.test('after close every call rejects with StoreUnavailable, and closing again is fine', async (t) => {
    const { key, prefix, end } = freshKeys();
    const tables = await open();
    await tables.close();
    const write = put(key('x'), { 'm:a': '1' });
    const calls: Record<string, () => Promise<unknown>> = {
      init: () => tables.init(),
      put: () => tables.put('control', [write]),
      get: () => tables.get('control', [key('x')]),
      scan: () => Array.fromAsync(tables.scan('control', { start: prefix, stop: end })),
      checkAndPut: () => tables.checkAndPut('control', { column: 'm:a', expected: null }, write),
      delete: () => tables.delete('control', [key('x')]),
    };
    for (const [name, call] of Object.entries(calls)) await t.rejects(call, StoreUnavailable, name);
    await t.resolves(tables.close());
  });
}

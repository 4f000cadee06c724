import { chmodSync, existsSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import { STORE_LIMITS } from '../../../../../collector/store/limits.ts';
import { openSqliteTables } from '../../../../../collector/store/sqlite/sqlite-tables.ts';
import { type Put, StoreUnavailable, type Tables } from '../../../../../collector/store/tables.ts';

const ALL = { start: Buffer.of(0), stop: Buffer.of(0xff) };

function rows(count: number, bytes: number): Put[] {
  return Array.from({ length: count }, (_, i) => ({
    row: Buffer.from(String(i).padStart(6, '0')),
    cells: new Map([['b:d' as const, Buffer.alloc(bytes, i)]]),
  }));
}

async function filled(path: string, count: number, bytes: number): Promise<Tables> {
  const tables = await openSqliteTables({ path });
  await tables.init();
  await tables.put('events', rows(count, bytes));
  return tables;
}

/** Counts the turns of the event loop. */
function countTurns() {
  let next = setImmediate(count);
  const loop = {
    turns: 0,
    stop: () => {
      clearImmediate(next);
      return loop.turns;
    },
  };
  function count() {
    loop.turns++;
    next = setImmediate(count);
  }
  return loop;
}

t.test('a folder that does not exist is created', async (t) => {
  const path = join(t.testdir(), 'a', 'b', 'store.db');
  const tables = await openSqliteTables({ path });
  await tables.close();
  t.ok(existsSync(path));
});

t.test('what is written after the file was removed or replaced is not said to be stored', async (t) => {
  const path = join(t.testdir(), 'store.db');
  const tables = await filled(path, 1, 1);
  const put = () => tables.put('events', rows(1, 1));
  renameSync(path, `${path}.away`);
  await t.rejects(put(), {
    name: 'StoreUnavailable',
    message: /put to events on .*store\.db: the file was removed or replaced/,
  });
  writeFileSync(path, '');
  await t.rejects(put(), StoreUnavailable, 'another file in its place');
  renameSync(`${path}.away`, path);
  await put();
  await tables.close();
});

t.test("a put without a time takes the store's own clock", async (t) => {
  const tables = await openSqliteTables({ path: join(t.testdir(), 'store.db'), now: () => 1_700_000_000_123 });
  await tables.init();
  await tables.put('events', rows(1, 1));
  const [row] = await Array.fromAsync(tables.scan('events', ALL));
  t.equal(row?.time, 1_700_000_000_123);
  await tables.close();
});

t.test('a put without a time replaces what is there, also where the clock was set back since', async (t) => {
  const clock = { now: 2_000 };
  const tables = await openSqliteTables({ path: join(t.testdir(), 'store.db'), now: () => clock.now });
  await tables.init();
  await tables.put('events', rows(1, 1));
  clock.now = 1_000;
  await tables.put('events', rows(1, 5));
  const [row] = await Array.fromAsync(tables.scan('events', ALL));
  t.equal(row?.cells.get('b:d')?.length, 5);
  t.equal(row?.time, 2_000, 'and cells never grow older');
  await tables.close();
});

t.test('other work runs while a long scan is under way', async (t) => {
  const tables = await filled(join(t.testdir(), 'store.db'), 3_000, 10);
  const loop = countTurns();
  for await (const _ of tables.scan('events', ALL));
  t.ok(loop.stop() >= 5);
  await tables.close();
});

t.test('other work runs while a scan skips rows without the requested column', async (t) => {
  const tables = await filled(join(t.testdir(), 'store.db'), 3_000, 10);
  const loop = countTurns();
  t.same(await Array.fromAsync(tables.scan('events', { ...ALL, columns: ['b:other'] })), []);
  t.ok(loop.stop() >= 5);
  await tables.close();
});

t.test('a page of large values is bounded by bytes', async (t) => {
  const tables = await filled(join(t.testdir(), 'store.db'), 40, 128 * 1024);
  const rowsByTurn = new Map<number, number>();
  const loop = countTurns();
  for await (const _ of tables.scan('events', ALL)) rowsByTurn.set(loop.turns, (rowsByTurn.get(loop.turns) ?? 0) + 1);
  loop.stop();
  t.ok(Math.max(...rowsByTurn.values()) <= 8, [...rowsByTurn.values()].join(' '));
  await tables.close();
});

t.test('a scan that stands still keeps no read transaction open, so the log can be emptied', async (t) => {
  const path = join(t.testdir(), 'store.db');
  const tables = await filled(path, 2_000, 100);
  const other = new Database(path);
  const scan = tables.scan('events', ALL)[Symbol.asyncIterator]();
  await scan.next();
  t.same(other.pragma('wal_checkpoint(TRUNCATE)'), [{ busy: 0, log: 0, checkpointed: 0 }]);
  other.close();
  await tables.close();
});

t.test('a put that fails half-way leaves nothing', async (t) => {
  const tables = await filled(join(t.testdir(), 'store.db'), 0, 0);
  const noBytes = { row: Buffer.from('x'), cells: new Map([['b:d', { not: 'bytes' }]]) } as unknown as Put;
  await t.rejects(tables.put('events', [...rows(3, 10), noBytes]), TypeError);
  t.same(await Array.fromAsync(tables.scan('events', ALL)), []);
  await tables.close();
});

t.test('opening waits for another process that is just creating the file', async (t) => {
  const path = join(t.testdir(), 'store.db');
  const other = new Database(path);
  other.exec('BEGIN IMMEDIATE; CREATE TABLE x (a)');
  const opening = openSqliteTables({ path });
  setImmediate(() => other.exec('COMMIT').close());
  const tables = await opening;
  await t.resolves(tables.init());
  await tables.close();
});

t.test('a write that waits too long for another process rejects, and works once that one is through', async (t) => {
  const path = join(t.testdir(), 'store.db');
  const tables = await openSqliteTables({ path, lockWaitMs: 20 });
  await tables.init();
  const other = new Database(path);
  other.exec('BEGIN IMMEDIATE');
  await t.rejects(tables.put('events', rows(1, 1)), {
    name: 'StoreUnavailable',
    message: /SQLITE_BUSY.*another process/,
  });
  t.same(await tables.get('events', [Buffer.from('x')]), [null], 'reads go on');
  other.exec('COMMIT');
  await t.resolves(tables.put('events', rows(1, 1)));
  other.close();
  await tables.close();
});

/** A store whose file another connection keeps locked, until it is let go. */
async function locked(t: Test, callWaitMs: number) {
  const path = join(t.testdir(), 'store.db');
  const tables = await openSqliteTables({ path, lockWaitMs: 60_000, callWaitMs });
  await tables.init();
  const other = new Database(path);
  other.exec('BEGIN IMMEDIATE');
  t.teardown(() => other.close());
  return { tables, path, letGo: () => other.exec('COMMIT') };
}

t.test('while a write waits the event loop runs and reads are answered', async (t) => {
  const { tables, letGo } = await locked(t, 60_000);
  const writing = tables.put('events', rows(1, 1));
  const loop = countTurns();
  for (let reads = 0; reads < 10; reads++) t.same(await tables.get('events', [Buffer.from('000000')]), [null]);
  t.ok(loop.stop() >= 10);
  letGo();
  await writing;
  t.match(await tables.get('events', [Buffer.from('000000')]), [{ row: Buffer }], 'a read after it sees it');
  await tables.close();
});

t.test('a write without an answer in time is given up, in words; later ones follow it in order', async (t) => {
  const { tables, letGo } = await locked(t, 3_000);
  await t.rejects(tables.put('events', rows(1, 1)), {
    name: 'StoreUnavailable',
    message: /put on .*store\.db: no answer for 3 s: another process may keep the file locked/,
  });
  letGo();
  const check = { column: 'b:d' as const, expected: rows(1, 1)[0]!.cells.get('b:d')! };
  const replaces = async () => tables.checkAndPut('events', check, rows(1, 2)[0]!).catch(() => null);
  while ((await replaces()) === null);
  t.equal((await tables.get('events', [Buffer.from('000000')]))[0]?.cells.get('b:d')?.length, 2);
  await tables.close();
});

t.test('what waits for a lock is bounded, by bytes and by number', async (t) => {
  const { tables, letGo } = await locked(t, 60_000);
  const first = tables.put('events', rows(40, 1024 * 1024));
  await t.rejects(tables.put('events', rows(40, 1024 * 1024)), {
    name: 'StoreUnavailable',
    message: /1 calls wait already/,
  });
  const small = Array.from({ length: STORE_LIMITS.waitingCalls.value }, (_, i) =>
    tables.delete('events', [Buffer.from(`absent ${i}`)]),
  );
  await t.rejects(small.at(-1)!, { name: 'StoreUnavailable', message: /4096 calls wait already/ });
  letGo();
  await first;
  await Promise.all(small.slice(0, -1));
  await tables.close();
});

t.test('closing waits for the writes before it', async (t) => {
  const { tables, path, letGo } = await locked(t, 60_000);
  const writing = tables.put('events', rows(1, 1));
  const closing = tables.close();
  await t.rejects(tables.put('events', rows(1, 1)), { message: /the store was closed/ });
  letGo();
  await Promise.all([writing, closing]);
  const again = await openSqliteTables({ path });
  t.equal((await again.get('events', [Buffer.from('000000')])).length, 1);
  await again.close();
});

t.test('a deleted row gives its space back to later ones', async (t) => {
  const path = join(t.testdir(), 'store.db');
  const tables = await openSqliteTables({ path });
  await tables.init();
  for (let round = 0; round < 20; round++) {
    const some = rows(20, 20_000).map(({ cells }, i) => ({ row: Buffer.from(`${round} ${i}`), cells }));
    await tables.put('events', some);
    await tables.delete(
      'events',
      some.map(({ row }) => row),
    );
  }
  await tables.close();
  t.ok(statSync(path).size < 2_000_000, `${statSync(path).size} bytes`);
});

t.test('a store that cannot give its promise is refused', async (t) => {
  await t.rejects(openSqliteTables({ path: ':memory:' }), {
    name: 'StoreUnavailable',
    message: /journal_mode is memory/,
  });
});

t.test('a store is its user’s alone, with its WAL and its folder, also one that was open to all', async (t) => {
  const folder = join(t.testdir(), 'made');
  const path = join(folder, 'store.db');
  const modeOf = (file: string): string => (statSync(file).mode & 0o777).toString(8);
  const tables = await filled(path, 1, 10);
  t.equal(modeOf(folder), '700');
  t.same(
    ['', '-wal', '-shm'].map((suffix) => modeOf(path + suffix)),
    ['600', '600', '600'],
  );
  await tables.close();
  chmodSync(path, 0o644);
  const again = await filled(path, 1, 10);
  t.same(
    ['', '-wal', '-shm'].map((suffix) => modeOf(path + suffix)),
    ['600', '600', '600'],
  );
  await again.close();
  chmodSync(path, 0o660);
  await (await openSqliteTables({ path })).close();
  t.equal(modeOf(path), '660', 'a group that was let in stays');
});

t.test('errors name operation, path, what was behind it and what to do', async (t) => {
  const folder = t.testdir();
  const path = join(folder, 'store.db');

  await t.test('a file that is no store', async (t) => {
    const other = join(folder, 'notes.txt');
    writeFileSync(other, 'not a database, but long enough to be taken for the header of one'.repeat(20));
    await t.rejects(openSqliteTables({ path: other }), {
      name: 'StoreUnavailable',
      message: `open on ${other}: file is not a database (SQLITE_NOTADB): this is not a store; check the configured path`,
    });
  });

  await t.test('a path that cannot be', async (t) => {
    const below = join(folder, 'notes.txt', 'store.db');
    const error = await openSqliteTables({ path: below }).catch((error: unknown) => error);
    t.ok(error instanceof StoreUnavailable);
    t.match(error, { message: /^open on .*notes\.txt.*\((ENOTDIR|EEXIST)\)/, cause: Error });
  });

  await t.test('a store without tables', async (t) => {
    const tables = await openSqliteTables({ path });
    await t.rejects(tables.put('events', rows(1, 1)), {
      name: 'StoreUnavailable',
      message: `put to events on ${path}: no such table: events_cells (SQLITE_ERROR): was \`init\` run on this store?`,
    });
    await tables.init();
    await t.resolves(tables.put('events', rows(1, 1)), 'and it works once they are there');
    await tables.close();
  });

  await t.test('a store of an earlier release, which finds no row by its time', async (t) => {
    const before = await filled(path, 1_000, 1);
    await before.close();
    const database = new Database(path);
    database.exec('DROP INDEX events_cells_by_time');
    database.close();
    const opened = async (isInitialized: boolean): Promise<number> => {
      const tables = await openSqliteTables({ path, now: () => 9e12 });
      if (isInitialized) await tables.init();
      await tables.put('events', [{ row: Buffer.from('000500x'), cells: new Map([['b:d', Buffer.of(1)]]) }]);
      const found = await Array.fromAsync(tables.scan('events', { ...ALL, since: 9e12 }));
      await tables.close();
      return found.length;
    };
    t.same([await opened(false), await opened(true), await opened(true)], [1, 1, 1]);
  });

  await t.test('a store of a newer release', async (t) => {
    const database = new Database(path);
    database.pragma('user_version = 99');
    database.close();
    await t.rejects(openSqliteTables({ path }), { name: 'StoreUnavailable', message: /newer release \(layout 99\)/ });
  });
});

import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { collect, freshKeys, hex, put, sameBytes } from './rows.ts';

/** Scans larger than any adapter's page, by rows or by bytes. */
export async function scanPagesContract(t: Test, tables: Tables): Promise<void> {
  const { key, prefix, end } = freshKeys();
  const bytes = randomBytes(128 * 1024);
  /** Mixed: mostly small values, some of 128 KiB, an empty one now and then. */
  const sizes = Array.from({ length: 3_000 }, (_, i) =>
    i % 50 === 7 ? 128 * 1024 : i % 11 === 0 ? 0 : 200 + (i % 700),
  );
  const written = sizes.map((size, i) => ({
    row: key(`row ${String(i).padStart(5, '0')}`),
    value: bytes.subarray(0, size),
  }));
  for (let first = 0; first < written.length; first += 250) {
    await tables.put(
      'events',
      written.slice(first, first + 250).map(({ row, value }) => put(row, { 'b:d': value })),
    );
  }
  const range = { start: prefix, stop: end };
  const keys = hex(written.map(({ row }) => row));

  await t.test('all rows come once, in order, with their bytes', async (t) => {
    const rows = await collect(tables, 'events', range);
    t.same(hex(rows), keys);
    const wrong = rows.filter((row, i) => !sameBytes(row.cells.get('b:d'), written[i]!.value));
    t.same(hex(wrong), []);
  });

  await t.test('keys alone come in the same order', async (t) => {
    const rows = await collect(tables, 'events', { ...range, keysOnly: true });
    t.same(hex(rows), keys);
    t.ok(rows.every((row) => row.cells.get('b:d')?.length === 0));
  });

  await t.test('keys of rows with several cells, and with more cells than a page has rows', async (t) => {
    const { key, prefix, end } = freshKeys();
    const counts = [1, 3, 2_500, 2, 1];
    for (const [at, count] of counts.entries()) {
      const cells = Object.fromEntries(
        Array.from({ length: count }, (_, i) => [`p:${i}` as const, bytes.subarray(0, 9)]),
      );
      await tables.put('rollups', [put(key(`row ${at}`), cells)]);
    }
    for (const limit of [1, 2, 3, 5, 9]) {
      const rows = await collect(tables, 'rollups', { start: prefix, stop: end, keysOnly: true, limit });
      t.same(
        rows.map(({ cells }) => cells.size),
        counts.slice(0, limit),
        `limit ${limit}`,
      );
      t.same(hex(rows), hex(counts.slice(0, limit).map((_, at) => key(`row ${at}`))));
    }
  });

  await t.test('a limit beyond a page holds', async (t) => {
    t.same(hex(await collect(tables, 'events', { ...range, limit: 2_345 })), keys.slice(0, 2_345));
  });

  await t.test('a scan left half-way harms nothing', async (t) => {
    const seen: string[] = [];
    for await (const row of tables.scan('events', range)) {
      seen.push(...hex([row]));
      if (seen.length === 700) break;
    }
    t.same(seen, keys.slice(0, 700));
    t.equal((await collect(tables, 'events', { ...range, limit: 1 })).length, 1);
  });

  await t.test('several scans run at once', async (t) => {
    const scans = await Promise.all([1, 2, 3].map(() => collect(tables, 'events', { ...range, keysOnly: true })));
    for (const rows of scans) t.same(hex(rows), keys);
  });

  await t.test('a row written and read while a scan is under way is not lost to the scan after it', async (t) => {
    const late = key('row 99999');
    let first = true;
    for await (const _ of tables.scan('events', range)) {
      if (first) await tables.put('events', [put(late, { 'b:d': 'late' })]);
      first = false;
    }
    t.same(hex(await collect(tables, 'events', { ...range, keysOnly: true })), [...keys, ...hex([late])]);
  });

  await t.test('rows without the requested column, more than a page of them, are skipped', async (t) => {
    const sparse = freshKeys();
    const rows = Array.from({ length: 1_500 }, (_, i) =>
      put(sparse.key(String(i).padStart(4, '0')), i % 700 === 650 ? { 'm:a': 'x', 'p:t': 'y' } : { 'p:t': 'y' }),
    );
    await tables.put('rollups', rows);
    const found = await collect(tables, 'rollups', { start: sparse.prefix, stop: sparse.end, columns: ['m:a'] });
    t.same(hex(found), hex([sparse.key('0650'), sparse.key('1350')]));
  });

  await t.test('a row with thousands of cells comes whole', async (t) => {
    const wide = freshKeys();
    const parts = new Map(Array.from({ length: 3_000 }, (_, i) => [`p:till-${i}`, randomBytes(300)] as const));
    await tables.put('rollups', [{ row: wide.key('a'), cells: parts }, put(wide.key('b'), { 'm:a': 'x' })]);
    const rows = await collect(tables, 'rollups', { start: wide.prefix, stop: wide.end });
    t.same(
      rows.map((row) => row.cells.size),
      [3_000, 1],
    );
    t.ok([...parts].every(([column, value]) => sameBytes(rows[0]?.cells.get(column), value)));
  });
}

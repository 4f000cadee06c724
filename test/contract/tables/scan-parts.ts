import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { collect, freshKeys, hex, put } from './rows.ts';

/** Rows of several ranges, which one scan reads. */
export async function scanPartsContract(t: Test, tables: Tables): Promise<void> {
  await t.test('parts of a range give what each of them gives alone, in order', async (t) => {
    const { key, prefix, end } = freshKeys();
    const recent = Date.now() - 60_000;
    const rows = Array.from({ length: 200 }, (_, i) => key(i));
    await tables.put(
      'events',
      rows.map((row, i) => put(row, { 'b:one': `${i}`, ...(i % 3 === 0 && { 'b:two': 'x' }) }, recent + (i % 7))),
    );
    const edges = fc.uniqueArray(fc.integer({ min: 0, max: 220 }), { minLength: 2, maxLength: 16 });
    const options = fc.record(
      {
        keysOnly: fc.boolean(),
        limit: fc.integer({ min: 0, max: 90 }),
        since: fc.integer({ min: recent, max: recent + 7 }),
        columns: fc.constant(['b:two'] as const),
        rowBytes: fc.constantFrom(1, 100, 1e9),
      },
      { requiredKeys: [] },
    );
    const property = fc.asyncProperty(edges, options, async (edges, { limit, ...options }) => {
      const sorted = edges.sort((a, b) => a - b);
      const within = sorted.flatMap((from, i) =>
        i % 2 === 0 && i + 1 < sorted.length ? [{ start: key(from), stop: key(sorted[i + 1]!) }] : [],
      );
      const alone = [];
      for (const part of within) alone.push(...(await collect(tables, 'events', { ...part, ...options })));
      const together = { start: prefix, stop: end, within, ...options };
      const read = await collect(tables, 'events', limit === undefined ? together : { ...together, limit });
      assert.deepEqual(read, alone.slice(0, limit));
    });
    const run = await fc.check(property, { numRuns: 40 });
    t.notOk(run.failed, fc.defaultReportMessage(run) ?? `held in ${run.numRuns} runs`);
  });

  await t.test('parts with more rows than a page, and parts that are empty or reversed', async (t) => {
    const { key, prefix, end } = freshKeys();
    const many = Array.from({ length: 1_200 }, (_, i) => key(i >> 8, i & 0xff));
    await tables.put(
      'due',
      many.map((row) => put(row, { 'b:t': 'x' })),
    );
    const within = [
      { start: many[3]!, stop: many[900]! },
      { start: many[901]!, stop: many[901]! },
      { start: many[950]!, stop: many[940]! },
      { start: many[1_100]!, stop: many[1_150]! },
    ];
    const expected = hex([...many.slice(3, 900), ...many.slice(1_100, 1_150)]);
    for (const keysOnly of [false, true])
      t.same(hex(await collect(tables, 'due', { start: prefix, stop: end, within, keysOnly })), expected);
    t.same(await collect(tables, 'due', { start: prefix, stop: end, within: [] }), []);
    t.same(await collect(tables, 'due', { start: prefix, stop: end, within: [within[1]!] }), []);
  });
}

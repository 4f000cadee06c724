import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import t from 'tap';
import { readManifest, writeManifest } from '../../../../collector/backup/manifest.ts';
import { readSegment, SegmentWriter } from '../../../../collector/backup/segment.ts';
import type { Column, Row } from '../../../../collector/store/tables.ts';

// Backups are read by later releases: docs/formats/backup.md describes these bytes.

const row = (key: string, time: number, cells: Record<string, string>): Row => ({
  row: Buffer.from(key),
  time,
  cells: new Map(Object.entries(cells).map(([column, value]) => [column as Column, Buffer.from(value)])),
});
const ROWS = [row('a', 1_795_339_740_000, { 'b:batch': 'one' }), row('b', 7, { 'm:x': 'two', 'm:y': '' })];

const PACKED = [
  '92', // rows
  ...['93', 'c40161', 'cb427a202966360000', '92', 'a7623a6261746368', 'c4036f6e65'],
  ...['93', 'c40162', '07', '94', 'a36d3a78', 'c40374776f', 'a36d3a79', 'c400'],
].join('');

/** A segment of these rows, as the first release wrote it. */
const SEGMENT =
  '5453424b010000003e28b52ffd04488901009293c40161cb427a20296636000092a7623a6261746368c4036f6e6593c401620794a36d3a78c40374776fa36d3a79c4004179e84a';

const plain = (rows: readonly Row[]) =>
  rows.map(({ row, time, cells }) => [
    Buffer.from(row).toString(),
    time,
    [...cells].map(([column, value]) => [column, Buffer.from(value).toString()]),
  ]);

const entryOf = (bytes: Buffer) => ({
  ...{ name: 'events-000001.segment', rows: 2, bytes: bytes.length },
  ...{ sha256: createHash('sha256').update(bytes).digest('hex'), first: '61', last: '62' },
  ...{ earliest: 7, latest: 1_795_339_740_000 },
});

t.test('a segment is its magic, and blocks of packed rows', async (t) => {
  const path = join(t.testdir(), 'events-000001.segment');
  const writer = await SegmentWriter.create(path);
  for (const one of ROWS) await writer.add(one);
  const entry = await writer.end();
  const bytes = readFileSync(path);
  t.same(entry, entryOf(bytes));
  t.equal(bytes.toString('hex', 0, 5), '5453424b01');
  t.equal(bytes.readUInt32BE(5), bytes.length - 9);
  t.equal(zstdDecompressSync(bytes.subarray(9)).toString('hex'), PACKED);
  t.same(plain(await Array.fromAsync(readSegment(path, entry))), plain(ROWS));
});

t.test('a segment of the first release is read', async (t) => {
  const path = join(t.testdir(), 'events-000001.segment');
  const bytes = Buffer.from(SEGMENT, 'hex');
  writeFileSync(path, bytes);
  t.same(plain(await Array.fromAsync(readSegment(path, entryOf(bytes)))), plain(ROWS));
});

t.test('a manifest of the first release is read', async (t) => {
  const folder = join(t.testdir(), 'set');
  mkdirSync(folder);
  const content = {
    name: '20261130T021500123Z-full',
    kind: 'full' as const,
    base: null,
    store: { generation: 'c3b8f00e', layout: 2 },
    startedAt: '2026-11-30T02:15:00.000Z',
    finishedAt: '2026-11-30T02:15:00.123Z',
    since: null,
    tables: { events: [entryOf(Buffer.from(SEGMENT, 'hex'))], terminals: [], control: [] },
  };
  const manifest = await writeManifest(folder, content);
  t.same(await readManifest(folder), manifest);
  t.equal(manifest.sha256, '1d02ac195d64c538e987d1fdbddce7972ef7d94bd69399f197f1eee3cf6f0563');
  const path = join(folder, 'manifest.json');
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace('"format": 1', '"format": 2'));
  await t.rejects(readManifest(folder), { message: /newer release \(format 2\)/ });
  writeFileSync(path, text.replace('events-000001', '../events'));
  await t.rejects(readManifest(folder), { message: /is no manifest/ });
  writeFileSync(path, text.replace('"layout": 2', '"layout": 3'));
  await t.rejects(readManifest(folder), { message: /was changed/ });
});

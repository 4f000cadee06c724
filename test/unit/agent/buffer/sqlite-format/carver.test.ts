import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import fc from 'fast-check';
import t from 'tap';
import type { ByteSource } from '../../../../../agent/buffer/sqlite-format/byte-source.ts';
import type { CarvedEvent, CarvedRow } from '../../../../../agent/buffer/sqlite-format/carved-row.ts';
import { Carver } from '../../../../../agent/buffer/sqlite-format/carver.ts';
import { Pages } from '../../../../../agent/buffer/sqlite-format/pages.ts';
import { RowChecksum, type State } from '../../../../../agent/buffer/tables/event-row.ts';
import { crc32c } from '../../../../../shared/crc32c.ts';
import { epoch } from '../../../../../shared/ids.ts';

const EPOCH = epoch('0123456789abcdef');
const TABLES = `
  CREATE TABLE events (id INTEGER PRIMARY KEY, epoch TEXT NOT NULL, seq INTEGER NOT NULL, hour INTEGER NOT NULL, state INTEGER NOT NULL,
    at INTEGER NOT NULL, reason TEXT, sum INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
  CREATE INDEX pending_by_hour ON events (hour) WHERE state = 0;
  CREATE TABLE refs (id INTEGER PRIMARY KEY, type TEXT NOT NULL, ref TEXT NOT NULL, content BLOB NOT NULL, epoch TEXT NOT NULL,
    seq INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE INDEX refs_by_ref ON refs (type, ref);`;

const sourceOf = (bytes: Buffer): ByteSource => ({
  size: bytes.length,
  read(offset, length) {
    const part = Buffer.alloc(length);
    if (offset < bytes.length) bytes.copy(part, 0, offset, Math.min(bytes.length, offset + length));
    return part;
  },
});

/** Everything that is found, in the order in which it is to be believed. */
function carved(database: Buffer, log: Buffer, strays: boolean): CarvedRow[] {
  const pages = new Pages(sourceOf(database), sourceOf(log));
  const carver = new Carver(pages);
  const places = Array.from({ length: pages.count }, (_, index) => pages.at(index));
  const found = places.flatMap((place) => carver.page(place).rows);
  return strays ? [...found, ...places.flatMap((place) => carver.strays(place))] : found;
}

const eventsOf = (rows: readonly CarvedRow[]): CarvedEvent[] => {
  const first = new Map<number, CarvedEvent>();
  for (const row of rows) if (row.kind === 'event' && !first.has(row.seq)) first.set(row.seq, row);
  return [...first.values()].sort((a, b) => a.seq - b.seq);
};

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('insert' as const),
      sizes: fc.array(fc.oneof({ weight: 8, arbitrary: fc.nat(300) }, fc.integer({ min: 3_000, max: 30_000 })), {
        minLength: 1,
        maxLength: 30,
      }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('settle' as const), from: fc.nat(100), count: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), upTo: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('roll back' as const), size: fc.nat(9_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('checkpoint' as const), restart: fc.boolean() }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Written {
  readonly seq: number;
  readonly state: State;
  readonly body: Buffer;
}

/** Plays the steps on a real file. @returns the files as a crash would leave them, and the rows that they hold */
function play(path: string, steps: readonly Step[]) {
  const db: Database = new Sqlite(path);
  db.pragma('journal_mode = WAL');
  db.pragma('wal_autocheckpoint = 0');
  db.pragma('synchronous = OFF');
  db.pragma('cache_size = 20');
  db.exec(TABLES);
  const checksum = new RowChecksum();
  const insert = db.prepare('INSERT INTO events VALUES (?, ?, ?, ?, 0, ?, NULL, ?, ?)');
  const ever = new Map<number, Buffer>();
  let seq = 0;
  const put = (size: number): void => {
    seq++;
    const body = Buffer.alloc(size, `event ${seq} `);
    ever.set(seq, body);
    insert.run(seq + 1000, EPOCH, seq, 500_000, 1.7e12, checksum.of(EPOCH, seq, 500_000, crc32c(body), 0), body);
  };
  for (const act of steps) {
    switch (act.kind) {
      case 'insert':
        db.transaction(() => act.sizes.forEach(put))();
        break;
      case 'settle':
        db.transaction(() => {
          const rows = db
            .prepare<[number, number], { seq: number; body: Buffer }>(
              'SELECT seq, body FROM events WHERE seq BETWEEN ? AND ? AND state = 0',
            )
            .all(act.from, act.from + act.count);
          for (const { seq, body } of rows) {
            const sum = checksum.of(EPOCH, seq, 500_000, crc32c(body), 1);
            db.prepare('UPDATE events SET state = 1, sum = ? WHERE seq = ?').run(sum, seq);
          }
        })();
        break;
      case 'delete':
        db.prepare('DELETE FROM events WHERE seq <= ?').run(act.upTo);
        break;
      case 'roll back': {
        const before = seq;
        db.exec('BEGIN');
        for (let count = 0; count < 40; count++) put(act.size);
        db.exec('ROLLBACK');
        seq = before;
        break;
      }
      case 'checkpoint':
        db.pragma(`wal_checkpoint(${act.restart ? 'RESTART' : 'PASSIVE'})`);
        break;
    }
  }
  const files = {
    database: readFileSync(path),
    log: existsSync(`${path}-wal`) ? readFileSync(`${path}-wal`) : Buffer.alloc(0),
  };
  const rows = db.prepare<[], Written>('SELECT seq, state, body FROM events ORDER BY seq').all();
  db.close();
  return { ...files, rows, ever };
}

let files = 0;
const scratch = t.testdir();
const freshPath = (): string => join(scratch, `${files++}.db`);

t.test('every row of a sound file is found, in its latest version, without looking for strays', async (t) => {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      runs++;
      const { database, log, rows } = play(freshPath(), steps);
      const found = new Map(eventsOf(carved(database, log, false)).map((event) => [event.seq, event]));
      for (const { seq, state, body } of rows) {
        const event = found.get(seq);
        assert(event !== undefined, `seq ${seq}`);
        assert.equal(event.state, state, `state of seq ${seq}`);
        assert(event.body.equals(body), `body of seq ${seq}`);
      }
    }),
    { numRuns: 60 },
  );
  t.equal(runs, 60);
});

t.test('whatever becomes of the files, nothing is found that was not written', async (t) => {
  const harm = fc.record({
    file: fc.constantFrom('database' as const, 'log' as const),
    kind: fc.constantFrom('flip' as const, 'zero' as const, 'noise' as const, 'cut' as const),
    where: fc.double({ min: 0, max: 0.999, noNaN: true }),
    length: fc.integer({ min: 1, max: 5_000 }),
  });
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 8 }),
      fc.array(harm, { maxLength: 12 }),
      async (steps, harms) => {
        runs++;
        const { rows, ever, ...files } = play(
          freshPath(),
          steps.filter(({ kind }) => kind !== 'roll back'),
        );
        for (const { file, kind, where, length } of harms) {
          const bytes = files[file];
          const at = Math.floor(where * bytes.length);
          if (kind === 'cut') files[file] = bytes.subarray(0, at);
          else if (bytes.length > 0) {
            if (kind === 'flip') bytes[at]! ^= 1 << (length % 8);
            if (kind === 'zero') bytes.fill(0, at, Math.min(bytes.length, at + length));
            if (kind === 'noise')
              for (let i = at; i < Math.min(bytes.length, at + length); i++) bytes[i] = (i * 7919 * length) >> 5;
          }
        }
        for (const { epoch, seq, body } of eventsOf(carved(files.database, files.log, true))) {
          assert.equal(epoch, EPOCH);
          assert(ever.get(seq)?.equals(body), `seq ${seq}`);
        }
      },
    ),
    { numRuns: 100 },
  );
  t.equal(runs, 100);
});

t.test('rows are found in pages that say nothing of them any more', async (t) => {
  const path = freshPath();
  const { database, rows } = play(path, [
    { kind: 'insert', sizes: Array.from({ length: 200 }, (_, index) => 100 + index) },
    { kind: 'checkpoint', restart: true },
  ]);
  for (let page = 1; page * 4096 < database.length; page++) database.fill(0, page * 4096, page * 4096 + 8);
  const found = eventsOf(carved(database, Buffer.alloc(0), true));
  t.same(
    found.map(({ seq }) => seq),
    rows.map(({ seq }) => seq),
  );
});

t.test('rows that their page passes over are found', async (t) => {
  const { database, rows } = play(freshPath(), [
    { kind: 'insert', sizes: Array.from({ length: 200 }, () => 100) },
    { kind: 'checkpoint', restart: true },
  ]);
  for (let page = 1; page * 4096 < database.length; page++) {
    if (database[page * 4096] === 0x0d && database.readUInt16BE(page * 4096 + 3) > 4)
      database.writeUInt16BE(4, page * 4096 + 3);
  }
  t.equal(eventsOf(carved(database, Buffer.alloc(0), true)).length, rows.length);
});

t.test(
  'what a transaction that was rolled back left in the log comes after what was stored in its place',
  async (t) => {
    const path = freshPath();
    const db = new Sqlite(path);
    db.pragma('journal_mode = WAL');
    db.pragma('wal_autocheckpoint = 0');
    db.pragma('cache_size = 5');
    db.exec(TABLES);
    const checksum = new RowChecksum();
    const put = (seq: number, text: string): void => {
      const body = Buffer.alloc(500, text);
      db.prepare('INSERT INTO events VALUES (?, ?, ?, 1, 0, 1, NULL, ?, ?)').run(
        ...[seq, EPOCH, seq, checksum.of(EPOCH, seq, 1, crc32c(body), 0), body],
      );
    };
    db.exec('BEGIN');
    for (let seq = 1; seq <= 300; seq++) put(seq, 'rolled back ');
    db.exec('ROLLBACK');
    for (let seq = 1; seq <= 3; seq++) put(seq, 'stored ');
    copyFileSync(path, `${path}.copy`);
    const log = readFileSync(`${path}-wal`);
    db.close();
    const found = eventsOf(carved(readFileSync(`${path}.copy`), log, true));
    t.ok(found.length > 3, 'the log still holds what was rolled back');
    t.same(
      found.slice(0, 3).map(({ body }) => body.toString('utf8', 0, 6)),
      ['stored', 'stored', 'stored'],
    );
    rmSync(`${path}.copy`);
  },
);

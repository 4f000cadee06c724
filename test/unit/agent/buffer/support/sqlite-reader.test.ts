import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import Sqlite from 'better-sqlite3';
import t, { type Test } from 'tap';
import { openReader } from '../../../../../agent/buffer/support/open-reader.ts';
import { openForRequeue } from '../../../../../agent/buffer/support/requeue.ts';
import { ANY_EVENT } from '../../../../../agent/inspect/facts/paging.ts';
import type { BufferReader, EventFilter, StoredEvent } from '../../../../../agent/port/buffer-reader.ts';
import { DAY_MS, HOUR_MS } from '../../../../../shared/time.ts';
import { NOW, parsed, sale, TERMINAL } from '../../../../support/agent/events.ts';
import { scratchBuffer } from '../../../../support/agent/temp-buffer.ts';

const refOf = ({ event }: StoredEvent): string => event!.ref!;

function all(reader: BufferReader, filter: Partial<EventFilter> = {}, order: 'oldest' | 'newest' = 'oldest') {
  const events: StoredEvent[] = [];
  const damage: string[] = [];
  const shares: number[] = [];
  for (let position: number | null = null; ; ) {
    const page = reader.events({ ...ANY_EVENT, ...filter }, position, order);
    events.push(...page.events);
    damage.push(...page.damage);
    shares.push(page.progress);
    if (page.next === null) return { events, damage, shares };
    position = page.next;
  }
}

/** 1,200 sales of two openings, the last day's and this one's. */
async function filled(t: Test) {
  const scratch = scratchBuffer(t.testdir());
  scratch.clock = NOW - DAY_MS;
  const first = scratch.open();
  await first.accept(Array.from({ length: 700 }, (_, at) => parsed(sale(`old-${at}`), NOW - DAY_MS)));
  first.close();
  scratch.clock = NOW;
  const second = scratch.open();
  await second.accept(Array.from({ length: 500 }, (_, at) => parsed(sale(`new-${at}`))));
  const { stream } = second;
  second.close();
  const reader = openReader(scratch.path, TERMINAL, () => {});
  t.teardown(() => reader.close());
  return { path: scratch.path, stream, reader };
}

t.test('pages give each event once, from either end', async (t) => {
  const { reader } = await filled(t);
  const { events, damage, shares } = all(reader);
  t.equal(events.length, 1_200);
  t.equal(refOf(events[0]!), 'old-0');
  t.equal(refOf(events.at(-1)!), 'new-499');
  t.same(damage, []);
  t.equal(shares.at(-1), 1);
  t.ok(
    shares.every((share, at) => at === 0 || share >= shares[at - 1]!),
    'progress only grows',
  );
  t.strictSame(all(reader, {}, 'newest').events.map(refOf), events.map(refOf).reverse());
});

t.test('filters', async (t) => {
  const { reader, stream } = await filled(t);
  const count = (filter: Partial<EventFilter>) => all(reader, filter).events.length;
  t.equal(count({ stream }), 500);
  t.equal(count({ stream, seqs: { first: 3, last: 5 } }), 3);
  t.equal(count({ states: ['acked'] }), 0);
  t.equal(count({ states: ['acked', 'pending'] }), 1_200);
  t.equal(count({ type: 'refund' }), 0);
  t.strictSame(all(reader, { ref: 'old-7' }).events.map(refOf), ['old-7']);
  t.equal(count({ from: NOW - HOUR_MS }), 500);
  t.equal(count({ to: NOW }), 700);
  t.equal(count({ from: NOW + 1 }), 0);
});

t.test('a row that is not what was written is told, not shown', async (t) => {
  const { path, reader, stream } = await filled(t);
  const db = new Sqlite(path);
  db.exec('UPDATE events SET hour = hour + 1 WHERE id = (SELECT max(id) FROM events)');
  db.close();
  const { events } = all(reader, { stream, seqs: { first: 500, last: 500 } });
  t.match(events, [{ seq: 500, event: null, fault: 'its checksum does not match' }]);
});

t.test('around a damaged page the rest is read, from either end', async (t) => {
  const { path, reader } = await filled(t);
  const at = readFileSync(path).indexOf('old-300\xc0', 0, 'latin1');
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(4096, 0xff), 0, 4096, Math.floor(at / 4096) * 4096);
  closeSync(file);
  const { events, damage } = all(reader);
  t.ok(events.length > 1_100 && events.length < 1_200, `${events.length} of 1200`);
  t.match(damage, [/^rows from till-1\.[0-9a-f]{16} seq \d+ to till-1\.[0-9a-f]{16} seq \d+ cannot be read: /]);
  const back = all(reader, {}, 'newest');
  t.strictSame(back.events.map(refOf).reverse(), events.map(refOf));
  t.strictSame(back.damage, damage);
});

t.test('of a file without its first page the events are carved out of the others', async (t) => {
  const { path, reader, stream } = await filled(t);
  const expected = all(reader).events.map(refOf);
  reader.close();
  rmSync(`${path}-wal`, { force: true });
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(4096), 0, 4096, 0);
  closeSync(file);
  const told: string[] = [];
  const carved = openReader(path, TERMINAL, (message) => told.push(message));
  t.teardown(() => carved.close());
  t.match(told, [/is damaged: reading what is left in its pages/]);
  const { events, damage } = all(carved);
  t.strictSame(events.map(refOf), expected);
  t.match(damage, [/is damaged: /]);
  t.equal(all(carved, { stream, seqs: { first: 1, last: 2 } }).events.length, 2);
  t.throws(() => carved.stats(), /is damaged/);
  t.throws(() => [...carved.account()], /what can be read of it: 1200 events/);
});

t.test('without a file it is said so', async (t) => {
  t.throws(() => openReader(`${t.testdir()}/none.db`, null, () => {}), {
    name: 'BufferError',
    message: /there is no buffer/,
  });
});

t.test('of a file cut in half as many events are told as a salvage brings over, none twice', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open();
  for (let at = 0; at < 70; at++) await buffer.accept([parsed(sale(`R-${at}`))]);
  buffer.close();
  truncateSync(scratch.path, Math.floor(statSync(scratch.path).size / 2));
  const reader = openReader(scratch.path, TERMINAL, () => {});
  const { events } = all(reader);
  reader.close();
  const seqs = events.map(({ seq }) => seq);
  t.ok(seqs.length > 0, 'some lie where no page says so');
  t.strictSame(
    seqs,
    [...new Set(seqs)].sort((a, b) => a - b),
  );
  const salvaged = scratch.open();
  await salvaged.recover(async () => true);
  t.equal(salvaged.facts().pending, events.length);
  salvaged.close();
});

t.test('of a file cut in half no event waits that the side file knows to be settled', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open();
  const { open: epoch } = buffer.holdings();
  for (let at = 0; at < 70; at++) await buffer.accept([parsed(sale(`R-${at}`))]);
  await buffer.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 30 }]);
  buffer.close();
  truncateSync(scratch.path, Math.floor(statSync(scratch.path).size / 2));
  const reader = openReader(scratch.path, TERMINAL, () => {});
  const waiting = all(reader, { states: ['pending'] }).events;
  t.ok(all(reader, { seqs: { first: 1, last: 30 } }).events.length > 0, 'some are there');
  t.ok(waiting.length > 0 && waiting.every(({ seq }) => seq > 30), waiting.map(({ seq }) => seq).join());
  reader.close();
});

/** What a killed agent leaves of 70 sales: all of it in the log. */
async function killed(t: Test) {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open();
  for (let at = 0; at < 70; at++) await buffer.accept([parsed(sale(`R-${at}`))]);
  const folder = `${t.testdirName}/left`;
  mkdirSync(folder);
  for (const suffix of ['', '-wal', '.seq']) copyFileSync(scratch.path + suffix, `${folder}/buffer.db${suffix}`);
  buffer.close();
  return { path: `${folder}/buffer.db` };
}

t.test('a file without a byte is called empty; what its log holds is told, and stays', async (t) => {
  const { path } = await killed(t);
  truncateSync(path, 0);
  const log = readFileSync(`${path}-wal`);
  const told: string[] = [];
  const reader = openReader(path, TERMINAL, (message) => told.push(message));
  t.match(told, [/is empty \(0 bytes\): .*sets it aside when it starts.*buffer\.db\.seq beside it knows of 70 events/]);
  t.equal(all(reader).events.length, 70);
  t.throws(() => reader.stats(), /is empty/);
  reader.close();
  t.throws(() => openForRequeue(path), { name: 'BufferError', message: /is empty \(0 bytes\)/ });
  t.strictSame(readFileSync(`${path}-wal`), log, 'SQLite would have removed it');
});

t.test('a file without a byte, of which nothing is known, is no reason to wait for a salvage', async (t) => {
  const path = `${t.testdir()}/buffer.db`;
  writeFileSync(path, '');
  const told: string[] = [];
  openReader(path, TERMINAL, (message) => told.push(message)).close();
  t.match(told, [/is empty \(0 bytes\): .*starts a new one$/]);
});

t.test('a file whose log was zeroed is called empty, a database of another program is not', async (t) => {
  const { path } = await killed(t);
  writeFileSync(`${path}-wal`, Buffer.alloc(statSync(`${path}-wal`).size));
  const told: string[] = [];
  const reader = openReader(path, TERMINAL, (message) => told.push(message));
  t.match(told, [/is empty \(no tables, and its WAL cannot be read\)/]);
  reader.close();
  t.throws(() => openForRequeue(path), { name: 'BufferError', message: /is empty/ });
  const other = `${t.testdirName}/other.db`;
  new Sqlite(other).exec('CREATE TABLE x (y)').close();
  t.throws(() => openReader(other, TERMINAL, () => {}), { name: 'BufferError', message: /not an agent's buffer/ });
});

t.test('of a file that is gone what its log holds is told', async (t) => {
  const { path } = await killed(t);
  rmSync(path);
  const reader = openReader(path, TERMINAL, () => {});
  t.equal(all(reader).events.length, 70);
  t.match(reader.fault, /is missing, but its WAL is there/);
  reader.close();
});

t.test('what is no file at all is told at once', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const pipe = `${t.testdirName}/pipe`;
  execFileSync('mkfifo', [pipe]);
  for (const [path, words] of [
    [pipe, /is a pipe, not a file/],
    [t.testdirName, /is a folder, not a file/],
  ] as const) {
    t.throws(() => openReader(path, TERMINAL, () => {}), { name: 'BufferError', message: words });
    t.throws(() => openForRequeue(path), { name: 'BufferError', message: words });
    t.throws(() => scratch.open({ path }), { name: 'BufferError', message: words });
  }
});

t.test('what the side file knows and the file lacks is no sound account', async (t) => {
  const account = (path: string) => {
    const reader = openReader(path, TERMINAL, () => {});
    const slices = reader.account();
    let result = slices.next();
    while (!result.done) result = slices.next();
    reader.close();
    return result.value;
  };
  const scratch = scratchBuffer(t.testdir());
  const first = scratch.open();
  await first.accept([parsed(sale('R-1'))]);
  first.close();
  copyFileSync(scratch.path, `${scratch.path}.copy`);
  const second = scratch.open();
  await second.accept([parsed(sale('R-2')), parsed(sale('R-3'))]);
  t.match(account(scratch.path), { pending: 3, unaccounted: 0, problems: [] }, 'beside an agent that runs');
  const { stream } = second;
  second.close();
  t.match(account(scratch.path), { pending: 3, problems: [] });
  copyFileSync(`${scratch.path}.copy`, scratch.path);
  const { pending, unaccounted, problems } = account(scratch.path);
  t.same({ pending, unaccounted }, { pending: 1, unaccounted: 2 });
  t.equal(problems.length, 1);
  t.ok(problems[0]!.startsWith(`${stream} seq 1-2: recorded by the side file`));
  // A start says so too, and writes it into the ledger: then each seq is accounted for.
  const third = scratch.open();
  await third.recover(async () => true);
  third.close();
  t.match(account(scratch.path), { pending: 1, lost: 2, unaccounted: 0, problems: [] });
});

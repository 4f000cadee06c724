import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import t, { type Test } from 'tap';
import { openForSupport } from '../../../../agent/buffer/open-for-support.ts';
import type { BufferReader, EventFilter, StoredEvent } from '../../../../agent/buffer/port.ts';
import { ANY_EVENT } from '../../../../agent/inspect/pages.ts';
import { DAY_MS, HOUR_MS } from '../../../../shared/time.ts';
import { NOW, parsed, sale, TERMINAL } from '../events.ts';
import { scratchBuffer } from './scratch-buffer.ts';

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
  const reader = openForSupport(scratch.path, TERMINAL, () => {});
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
  t.match(damage, [/^what lies from till-1\.[0-9a-f]{16} seq \d+ to till-1\.[0-9a-f]{16} seq \d+ cannot be read: /]);
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
  const carved = openForSupport(path, TERMINAL, (message) => told.push(message));
  t.teardown(() => carved.close());
  t.match(told, [/is damaged: looking at what lies in its pages/]);
  const { events, damage } = all(carved);
  t.strictSame(events.map(refOf), expected);
  t.match(damage, [/is damaged: /]);
  t.equal(all(carved, { stream, seqs: { first: 1, last: 2 } }).events.length, 2);
  t.throws(() => carved.facts(), /is damaged/);
  t.throws(() => [...carved.account()], /what can be read of it: 1200 events/);
});

t.test('without a file it is said so', async (t) => {
  t.throws(() => openForSupport(`${t.testdir()}/none.db`, null, () => {}), {
    name: 'BufferError',
    message: /there is no buffer/,
  });
});

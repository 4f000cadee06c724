/** Ingest on a real SQLite store, with a clock that moves when the test says so. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { statusMessage } from '../../../../agent/ship/status/status-message.ts';
import { Ingest, type IngestOptions } from '../../../../collector/ingest/ingest.ts';
import { DueMarks } from '../../../../collector/store/due-marks.ts';
import { EventLog } from '../../../../collector/store/event-log.ts';
import { Finality } from '../../../../collector/store/finality.ts';
import { openSqliteTables } from '../../../../collector/store/sqlite/sqlite-tables.ts';
import { Terminals } from '../../../../collector/store/terminals.ts';
import { epoch, merchantId, terminalId } from '../../../../shared/ids.ts';
import { salt } from '../../../../shared/keys.ts';
import { HOUR_MS, MINUTE_MS } from '../../../../shared/time.ts';
import { writeHeader } from '../../../../shared/wire/header.ts';
import { encodeStatus } from '../../../../shared/wire/messages.ts';
import { batchOf, HOUR } from '../../../support/collector/batches.ts';
import { Counts, INGEST_BOUNDS, ingestMetrics, STORE_GEN } from '../../../support/collector/broker-and-ingest.ts';
import { EPOCH } from '../../../support/collector/mqtt-till.ts';
import { DIGEST_KEY } from '../../../support/collector/raw-rows.ts';
import { SwitchableTables } from '../../../support/collector/switchable-tables.ts';

const ACME = merchantId('acme');
const START = HOUR * HOUR_MS;
const END = START + HOUR_MS;
const GRACE_MS = 120_000;
const OPEN_MINUTE = (END + GRACE_MS) / MINUTE_MS;

const sender = (terminal = 'till-1', merchant = 'acme') => ({
  ...{ merchant: merchantId(merchant), terminal: terminalId(terminal), epoch: epoch(EPOCH) },
});

async function standing(t: Test, options: Partial<IngestOptions> = {}) {
  /** `now`: wall clock; `put`: what it shows once the rows' put has returned, if that differs. */
  const clock = { now: START + 10 * MINUTE_MS, put: null as number | null, monotonic: 0 };
  const path = join(t.testdir(), 'store.db');
  const tables = new SwitchableTables(await openSqliteTables({ path, now: () => clock.now }));
  t.teardown(() => tables.close());
  await tables.init();
  const marks = new DueMarks(tables, () => randomBytes(8).toString('hex'));
  const terminals = new Terminals(tables);
  const counts = new Counts();
  const asked = { rows: 0, digests: 0 };
  const log = new EventLog(tables, DIGEST_KEY);
  const ingest = new Ingest({
    log: {
      rowKeyOf: (batch) => {
        asked.digests++;
        return log.rowKeyOf(batch);
      },
      holdsAll: (...run) => log.holdsAll(...run),
      existing: async (rowKeys) => {
        asked.rows += rowKeys.length;
        return log.existing(rowKeys);
      },
      append: async (batches) => {
        const wasNew = await log.append(batches);
        if (clock.put !== null) clock.now = clock.put;
        clock.put = null;
        return wasNew;
      },
    },
    ...{ marks, terminals, finality: new Finality(tables), random: () => 0, graceMs: GRACE_MS },
    ...{ now: () => clock.now, clock: () => clock.monotonic },
    ...INGEST_BOUNDS,
    groups: { maxGroups: 1, maxRows: 1_000, maxBytes: 1_000_000, maxWaitMs: 20_000, maxSilentMs: 1_000, gatherMs: 20 },
    ...{ metrics: ingestMetrics(counts), onFailure: () => undefined },
    ...options,
  });
  return {
    ...{ tables, terminals, counts, clock, ingest, log, asked },
    minutes: async () => (await Array.fromAsync(marks.due(salt(ACME), 2 ** 31))).map(({ minute }) => minute),
    terminalsMarked: async () =>
      (await Array.fromAsync(marks.due(salt(ACME), 2 ** 31))).map(({ terminals }) => terminals),
    send: (seq: number, terminal = 'till-1', hour = HOUR) =>
      ingest.onBatch(sender(terminal), batchOf(seq, seq, { hour }).bytes),
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

t.test('batches of many connections share a commit and a mark', async (t) => {
  const { ingest, tables, counts, terminalsMarked } = await standing(t);
  const acks = await Promise.all(
    Array.from({ length: 12 }, (_, i) => ingest.onBatch(sender(`till-${i % 3}`), batchOf(i + 1, i + 1).bytes)),
  );
  t.ok(acks.every(({ result }) => result === 'stored'));
  t.equal(tables.puts.get('events'), 1);
  t.equal(tables.puts.get('due'), 1);
  t.same(await terminalsMarked(), [['till-0', 'till-1', 'till-2']]);
  t.equal(counts.of('batches'), 12);
  t.equal(counts.of('groups'), 1);
});

t.test('an hour’s mark is made once, while the clock is ten seconds before its minute', async (t) => {
  const { send, clock, minutes, counts } = await standing(t);
  await send(1);
  await send(2);
  clock.now = END - 1;
  await send(3);
  t.same(await minutes(), [OPEN_MINUTE]);
  t.equal(counts.of('marks made'), 1);
  t.equal(counts.of('marks covered'), 2);
});

t.test('a batch that waited is not earlier than one that was stored meanwhile', async (t) => {
  const { send, clock, tables, log } = await standing(t);
  tables.turn('silent', 'events');
  const first = send(1);
  while (tables.puts.get('events') !== 1) await turn();
  const second = send(2);
  for (let turns = 0; turns < 10; turns++) await turn();
  clock.now += 7_000;
  tables.turn('on');
  t.same([(await first).result, (await second).result], ['stored', 'stored']);
  const rows = await Array.fromAsync(log.scan(ACME, HOUR, HOUR + 1));
  t.same(
    rows.map(({ arrival }) => arrival - START),
    [10 * MINUTE_MS + 7_000, 10 * MINUTE_MS + 7_000],
  );
});

t.test('the clock counts after the put, not before it', async (t) => {
  const { send, clock, minutes } = await standing(t);
  await send(1);
  clock.now = END - 1;
  clock.put = END + GRACE_MS - 10_000;
  await send(2);
  t.same(await minutes(), [OPEN_MINUTE], 'ten seconds before: covered');
  clock.now = END - 1;
  clock.put = END + GRACE_MS - 9_999;
  await send(3);
  t.same(await minutes(), [OPEN_MINUTE, OPEN_MINUTE], 'less than that: a mark of its own, in the next minute');
});

t.test('a terminal that the mark does not name makes another', async (t) => {
  const { send, minutes, terminalsMarked } = await standing(t);
  await send(1);
  await send(1, 'till-2');
  t.same(await minutes(), [OPEN_MINUTE, OPEN_MINUTE]);
  t.same((await terminalsMarked()).flat().sort(), ['till-1', 'till-2']);
});

t.test('a closed hour is due in the next minute, and covered while that is ten seconds away', async (t) => {
  const { send, clock, minutes } = await standing(t);
  clock.now = END + 5 * MINUTE_MS;
  await send(1);
  clock.now += 50_000;
  await send(2);
  t.same(await minutes(), [END / MINUTE_MS + 6]);
  clock.now += 1;
  await send(3);
  t.same(await minutes(), [END / MINUTE_MS + 6, END / MINUTE_MS + 6]);
});

t.test('an hour more than one hour ahead counts as late', async (t) => {
  const { send, clock, minutes } = await standing(t);
  await send(1, 'till-1', HOUR + 2);
  t.same(await minutes(), [clock.now / MINUTE_MS + 1]);
});

t.test('a mark that was not durable covers nothing', async (t) => {
  const { send, tables, minutes } = await standing(t);
  tables.turn('refuses', 'due');
  t.match(await send(1), { result: 'busy' });
  tables.turn('on');
  t.match(await send(1), { result: 'stored' });
  t.same(await minutes(), [OPEN_MINUTE]);
});

t.test(
  'while a store is silent memory stays bounded, what finds no room is told at once, and all is told in time',
  async (t) => {
    const { ingest, tables, clock, counts } = await standing(t, {
      room: { maxBytes: 100_000, maxTerminalBatches: 1_000, maxTerminalBytes: 1_000_000 },
    });
    tables.turn('silent');
    const answers = Array.from({ length: 1_000 }, (_, i) =>
      ingest.onBatch(sender('till-1', `m${i % 5}`), batchOf(i + 1, i + 1).bytes),
    );
    await turn();
    const full = counts.of('acked busy');
    t.ok(full > 0 && full < 1_000, `${full} of 1,000 found no room`);
    t.equal(ingest.credit(sender('till-1', 'm0')), 0.25);
    t.equal(ingest.credit(sender('till-1', 'newcomer')), 1);
    t.match(await answers.at(-1), { result: 'busy', first: 1_000, last: 1_000, reason: /room/, retryAfterMs: 250 });
    clock.monotonic = 2_000;
    await ingest.tick();
    await turn();
    clock.monotonic = 20_000;
    await ingest.tick();
    const acks = await Promise.all(answers);
    t.ok(acks.every(({ result }) => result === 'busy'));
    tables.turn('on');
  },
);

t.test('what comes while the store is silent is told at once, in words, and what waits is stored', async (t) => {
  const { send, tables, clock } = await standing(t);
  tables.turn('silent', 'events');
  const first = send(1);
  while (tables.puts.get('events') !== 1) await turn();
  const second = send(2);
  clock.monotonic = 3_500;
  const busy = { result: 'busy', reason: 'the store has not answered for 3 s' };
  t.match(await send(3), { ...busy, retryAfterMs: 2_000 }, 'and asked to wait longer the longer it is silent');
  tables.turn('on');
  t.same([(await first).result, (await second).result], ['stored', 'stored']);
  t.equal((await send(3)).result, 'stored');
});

t.test('when a silent store is back everything resumes, and its late answers are not counted', async (t) => {
  const { ingest, tables, clock, counts, send } = await standing(t);
  tables.turn('silent');
  const late = send(1);
  await turn();
  clock.monotonic = 20_000;
  await ingest.tick();
  t.match(await late, { result: 'busy' });
  tables.turn('on');
  t.match(await send(1), { result: 'stored' });
  t.equal(counts.of('acked stored'), 1);
  t.equal(ingest.credit(sender()), 1);
});

t.test('the wait grows with each failure in a row, and starts anew after a success', async (t) => {
  const { send, tables } = await standing(t);
  tables.turn('refuses');
  t.same(
    [await send(1), await send(1), await send(1)].map(({ retryAfterMs }) => retryAfterMs),
    [500, 1_000, 2_000],
  );
  tables.turn('on');
  await send(1);
  tables.turn('refuses');
  t.match(await send(2), { retryAfterMs: 500 });
});

t.test('counters of what is stored move only with a commit', async (t) => {
  const { send, tables, counts } = await standing(t);
  tables.turn('refuses', 'due');
  await send(1);
  t.equal(counts.of('batches'), 0);
  t.equal(counts.of('failed groups'), 1);
});

t.test('what tills say of themselves is kept, once the store takes it', async (t) => {
  const { ingest, terminals, clock, tables } = await standing(t);
  const pending: [number, number][] = [[3, 5]];
  const epochs = [{ epoch: EPOCH, lastSeq: 5, pending }];
  const said = { version: '0.1.0', clearThrough: 7, losses: 1, bufferBytes: 9, clockOffsetMs: -3 };
  tables.turn('refuses');
  ingest.onStatus(sender(), encodeStatus({ epochs, ...said }));
  await turn();
  await ingest.tick();
  tables.turn('on');
  await ingest.tick();
  const [listed] = await Array.fromAsync(terminals.list(ACME));
  t.same(listed?.epochs, [{ ...sender(), epoch: EPOCH, lastSeq: 5, pending, lastSeen: clock.now, ...said }]);
});

t.test('a stored payload does not keep the socket’s whole read alive', async (t) => {
  const kept: Uint8Array[] = [];
  const { ingest } = await standing(t, {
    log: {
      rowKeyOf: () => Buffer.of(1),
      existing: async () => [],
      holdsAll: async () => ({ holds: null, read: 0 }),
      append: async (batches) => batches.map(({ bytes }) => kept.push(bytes) > 0),
    },
  });
  const { bytes } = batchOf(1, 1);
  const read = Buffer.alloc(64_000);
  read.set(bytes, 1_000);
  await ingest.onBatch(sender(), read.subarray(1_000, 1_000 + bytes.length));
  t.same(Buffer.from(kept[0]!), bytes);
  t.ok(kept[0]!.buffer.byteLength < 10_000);
});

t.test(
  'a batch that was stored is answered again without decoding it, and no other bytes are taken for it',
  async (t) => {
    const { ingest, tables, counts } = await standing(t);
    const { bytes } = batchOf(1, 3);
    const first = await ingest.onBatch(sender(), bytes);
    for (let i = 0; i < 100; i++) t.same(await ingest.onBatch(sender(), Buffer.from(bytes)), first);
    t.equal(counts.of('repeated'), 100);
    t.equal(tables.puts.get('events'), 1);
    t.match(await ingest.onBatch(sender('till-2'), bytes), { result: 'stored' });
    t.match(await ingest.onBatch(sender(), batchOf(1, 3, { amount: () => 1 }).bytes), { result: 'stored' });
    t.equal(tables.puts.get('events'), 3, 'another till’s, and other content, are batches of their own');
    const damaged = Buffer.from(bytes);
    damaged[damaged.length - 1]! ^= 1;
    t.match(await ingest.onBatch(sender(), damaged), { result: 'damaged' });
  },
);

t.test('a resend that says the same with another clearance is a repeat', async (t) => {
  const { ingest, counts } = await standing(t);
  const { bytes, header } = batchOf(1, 3);
  await ingest.onBatch(sender(), bytes);
  const again = Buffer.from(bytes);
  writeHeader({ ...header, clearThrough: 7 }, again);
  t.match(await ingest.onBatch(sender(), again), { result: 'stored' });
  t.equal(counts.of('repeated'), 1);
});

t.test(
  'of a terminal with more waiting than an agent sends the store is asked first, and a mark is made',
  async (t) => {
    const before = await standing(t);
    before.tables.turn('refuses', 'due');
    const all = Array.from({ length: 10 }, (_, i) => batchOf(1 + i, 1 + i).bytes);
    for (const bytes of all) t.match(await before.ingest.onBatch(sender(), bytes), { result: 'busy' });
    t.equal(before.asked.rows, 0, 'one at a time nobody is asked');
    before.tables.turn('on');
    t.same(await before.minutes(), []);
    const acks = await Promise.all(all.map((bytes) => before.ingest.onBatch(sender(), Buffer.from(bytes))));
    t.ok(acks.every(({ result }) => result === 'stored'));
    t.equal(before.asked.rows, 6);
    t.equal(before.counts.of('repeated'), 6);
    t.equal(before.counts.of('batches'), 4, 'only what was decoded counts as stored by us');
    t.ok((await before.minutes()).length > 0, 'their hour is due');
  },
);

t.test('a batch whose mark was not durable is no repeat', async (t) => {
  const { send, tables, counts } = await standing(t);
  tables.turn('refuses', 'due');
  t.match(await send(1), { result: 'busy' });
  t.match(await send(1), { result: 'busy' });
  t.equal(counts.of('repeated'), 0);
  tables.turn('on');
  t.match(await send(1), { result: 'stored' });
});

t.test('an honest till waits for one batch of another, however many that one has sent', async (t) => {
  const { ingest } = await standing(t);
  const order: string[] = [];
  const answered = async (name: string, ack: Promise<{ result: string }>) => {
    await ack;
    order.push(name);
  };
  // The same bytes are decoded until the first of them is stored, so each batch differs.
  const evil = Array.from({ length: 40 }, (_, i) => batchOf(1 + 5_000 * i, 5_000 * (i + 1)).bytes);
  const all = evil.map((bytes, i) => answered(`evil ${i}`, ingest.onBatch(sender(`till-${i % 4}`, 'evil'), bytes)));
  all.push(answered('good', ingest.onBatch(sender('till-1', 'good'), batchOf(1, 1).bytes)));
  await Promise.all(all);
  t.ok(order.indexOf('good') <= 10, `answered after ${order.indexOf('good')} of 40`);
});

t.test('a terminal over its day’s quota is told until when to wait, and goes on at midnight', async (t) => {
  const refused: string[] = [];
  const { send, clock, counts } = await standing(t, {
    quotas: { bytesPerDay: 1_000_000, eventsPerDay: 3 },
    onRefused: ({ terminal }, reason, batches) => void refused.push(`${terminal} ${reason} ${batches}`),
  });
  const midnight = Date.UTC(2026, 10, 23);
  for (const seq of [1, 2, 3]) t.match(await send(seq), { result: 'stored' });
  t.match(await send(4), {
    result: 'busy',
    reason: /quota of a day, 3 events.*00:00 UTC/,
    retryAfterMs: 900_000,
  });
  t.match(await send(3), { result: 'stored' }, 'a repeat costs nothing');
  t.match(await send(1, 'till-2'), { result: 'stored' });
  clock.now = midnight - 5_000;
  t.match(await send(4), { result: 'busy', retryAfterMs: 5_000 });
  clock.now = midnight;
  t.match(await send(4), { result: 'stored' });
  t.equal(counts.of('refused events-per-day'), 2);
  t.same(refused, ['till-1 events-per-day 1'], 'the log is told once in ten seconds');
});

t.test('what finds no room, or exceeds its quota, costs no digest; a repeat costs one in its turn', async (t) => {
  const { ingest, send, asked, counts } = await standing(t, {
    ...{ quotas: { bytesPerDay: 1_000_000, eventsPerDay: 2 } },
    room: { maxBytes: 1_000_000, maxTerminalBatches: 3, maxTerminalBytes: 1_000_000 },
  });
  const burst = Array.from({ length: 100 }, () => ingest.onBatch(sender('till-2'), batchOf(1, 1).bytes));
  t.equal(asked.digests, 0, 'none at their arrival');
  await Promise.all(burst);
  t.equal(asked.digests, 3);
  t.equal(counts.of('refused terminal-room'), 97);
  for (const seq of [1, 2]) await send(seq);
  asked.digests = 0;
  for (let seq = 3; seq < 100; seq++) t.match(await send(seq), { result: 'busy' });
  t.equal(asked.digests, 0);
  t.match(await send(2), { result: 'stored' });
  const other = batchOf(2, 2, { amount: () => 7 });
  t.match(await ingest.onBatch(sender(), other.bytes), { result: 'busy' }, 'it claims to be a repeat and is none');
  t.equal(asked.digests, 2);
});

t.test('what the store had already is stored once in the counters and the quota', async (t) => {
  const { ingest, send, tables, counts } = await standing(t, { quotas: { bytesPerDay: 1_000_000, eventsPerDay: 5 } });
  tables.turn('refuses', 'due');
  t.match(await send(1), { result: 'busy' }, 'its row is stored, its mark is not');
  t.equal(counts.of('events'), 1);
  tables.turn('on');
  const { bytes } = batchOf(2, 2);
  const acks = [send(1), send(1), ...[1, 2, 3].map(() => ingest.onBatch(sender(), Buffer.from(bytes)))];
  for (const ack of acks) t.match(await ack, { result: 'stored' });
  t.equal(counts.of('events'), 2);
  for (const seq of [3, 4, 5]) t.match(await send(seq), { result: 'stored' });
  t.match(await send(6), { result: 'busy' });
  t.equal(counts.of('events'), 5);
});

t.test('bytes count with the row that they take', async (t) => {
  const { send, counts } = await standing(t, { quotas: { bytesPerDay: 1_000, eventsPerDay: 1_000 } });
  const results = [];
  for (let seq = 1; seq <= 10; seq++) results.push((await send(seq)).result);
  t.same(results.slice(0, 4), ['stored', 'stored', 'stored', 'busy']);
  t.equal(counts.of('refused bytes-per-day'), 7);
});

t.test('a till that takes this store for another one is not complete, whatever it says', async (t) => {
  const { ingest, terminals, clock } = await standing(t);
  const say = async (storeGen: string) => {
    const status = { epochs: [{ epoch: EPOCH, lastSeq: 1, pending: [] }], closed: [['00000000000000aa', 3]] };
    const rest = { version: '0.1.0', clearThrough: 5_000, losses: 0, bufferBytes: 0, clockOffsetMs: null };
    await ingest.onStatus(sender(), encodeStatus({ ...status, ...rest, storeGen } as never));
    clock.now += 1_000;
    await ingest.tick();
    return (await Array.fromAsync(terminals.list(ACME)))[0]?.epochs[0];
  };
  const other = await say('of before the restore');
  t.match(other, { clearThrough: 0 });
  t.equal(other?.closed, undefined);
  t.match(await say(STORE_GEN), { clearThrough: 5_000, closed: [['00000000000000aa', 3]] });
});

t.test('of statuses that wait for their turn only the last is decoded', async (t) => {
  const { ingest, terminals, counts } = await standing(t);
  for (let seq = 1; seq <= 100; seq++)
    ingest.onStatus(
      sender(),
      encodeStatus({
        epochs: [{ epoch: EPOCH, lastSeq: seq, pending: [] }],
        ...{ version: '0.1.0', clearThrough: 0, losses: 0, bufferBytes: 0, clockOffsetMs: null },
      }),
    );
  await turn();
  await ingest.tick();
  t.equal(counts.of('statuses kept'), 1);
  t.match((await Array.fromAsync(terminals.list(ACME)))[0]?.epochs, [{ lastSeq: 100 }]);
});

/** The status of an agent whose epochs from `first` to `last` have something pending. */
const statusOf = (first: number, last: number) => {
  const epochs = Array.from({ length: last - first + 1 }, (_, i) => ({
    epoch: epoch((first + i).toString(16).padStart(16, '0')),
    ...{ lastSeq: 3, pending: [[1, 3]] as const },
  }));
  const holdings = {
    epochs,
    drained: [],
    open: epochs.at(-1)!.epoch,
    ...{ pending: 3 * epochs.length, losses: 0, bytes: 65_536 },
  };
  const facts = { version: '0.1.0', clearThrough: 0, clockOffsetMs: null, unsentLosses: new Set<never>() };
  return encodeStatus(
    statusMessage({ ...facts, holdings, acknowledged: { storeGen: null, runs: [] }, signingOff: false }),
  );
};

t.test('an agent that restarted 300 times offline is known by all its epochs once it has drained', async (t) => {
  const { ingest, terminals, counts, clock } = await standing(t);
  for (const drained of [0, 10, 60, 200, 299]) {
    ingest.onStatus(sender(), statusOf(1 + drained, 300));
    // Its batches are stored whatever becomes of its statuses.
    const oldest = (1 + drained).toString(16).padStart(16, '0');
    t.match(await ingest.onBatch(sender(), batchOf(1, 3, { epoch: oldest }).bytes), { result: 'stored' });
    clock.monotonic += 600_000;
    await ingest.tick();
  }
  const [till] = await Array.fromAsync(terminals.list(ACME));
  t.ok(till!.epochs.length >= 256, `${till!.epochs.length} epochs`);
  t.equal(counts.of('statuses refused'), 0);
  t.equal(counts.of('statuses dropped'), 0);
});

t.test('statuses of invented epochs leave as many rows as a terminal may have', async (t) => {
  const { ingest, terminals, counts, clock } = await standing(t);
  for (let round = 0; round < 200; round++) {
    ingest.onStatus(sender(), statusOf(1 + 256 * round, 256 * (round + 1)));
    clock.monotonic += 50;
    await turn();
    await ingest.tick();
  }
  const [till] = await Array.fromAsync(terminals.list(ACME));
  t.ok(till!.epochs.length <= 512, `${till!.epochs.length} rows for 51,200 epochs`);
  t.ok(counts.of('statuses kept') <= 520);
});

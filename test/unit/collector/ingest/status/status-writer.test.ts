/** The writer on a stand-in that keeps rows as the store does: the newest of each epoch. */
import t from 'tap';
import { StatusWriter, type StatusWriterOptions } from '../../../../../collector/ingest/status/status-writer.ts';
import type { TerminalStatus } from '../../../../../collector/store/terminals.ts';
import { type Epoch, epoch, merchantId, terminalId } from '../../../../../shared/ids.ts';

const ACME = merchantId('acme');
const epochOf = (number: number): Epoch => epoch(number.toString(16).padStart(16, '0'));

const status = (terminal: string, of = 1, lastSeq = 0, lastSeen = 0): TerminalStatus => ({
  ...{ merchant: ACME, terminal: terminalId(terminal), epoch: epochOf(of) },
  ...{ lastSeen, lastSeq, pending: [], clearThrough: 0, losses: 0, bufferBytes: 0, clockOffsetMs: null, version: '' },
});

const numbers = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

function standing(options: Partial<StatusWriterOptions> = {}) {
  const writes: (readonly TerminalStatus[])[] = [];
  const stored = new Map<string, Map<Epoch, number>>();
  const of = (terminal: string) => {
    const rows = stored.get(terminal) ?? new Map<Epoch, number>();
    stored.set(terminal, rows);
    return rows;
  };
  const counts = new Map<string, number>();
  const clock = { now: 0 };
  const reads = { count: 0 };
  const store: StatusWriterOptions['terminals'] = {
    putStatuses: async (rows) => {
      writes.push(rows);
      for (const { terminal, epoch, lastSeen } of rows) of(terminal).set(epoch, lastSeen);
    },
    epochsOf: async (_merchant, terminal, limit) => {
      reads.count++;
      return [...of(terminal)]
        .sort()
        .slice(0, limit)
        .map(([epoch, lastSeen]) => ({ epoch, lastSeen }));
    },
    forgetEpochs: async (_merchant, terminal, epochs) => {
      for (const epoch of epochs) of(terminal).delete(epoch);
    },
  };
  const make = () =>
    new StatusWriter({
      ...{ terminals: store, maxWaiting: 3_000, maxRows: 2_000, maxBooks: 100, maxKnown: 10_000 },
      ...{ maxEpochs: 512, rows: { burst: 512, perSecond: 0.5 }, newEpochs: { burst: 512, perSecond: 1 / 60 } },
      clock: () => clock.now,
      onKept: () => undefined,
      metrics: { statuses: (outcome, count) => void counts.set(outcome, (counts.get(outcome) ?? 0) + count) },
      ...options,
    });
  const writer = make();
  return {
    ...{ writer, make, counts, clock, reads, store, rows: (terminal: string) => [...of(terminal).keys()] },
    written: () => writes.map((rows) => rows.map(({ terminal, lastSeq }) => `${terminal} ${lastSeq}`)),
    /** One status message that names the epochs. */
    say(terminal: string, epochs: readonly number[], to = writer) {
      const all = epochs.map((of) => status(terminal, of, 0, clock.now));
      to.enqueue(ACME, terminalId(terminal), all);
      return to.flush();
    },
  };
}

const enqueue = (writer: StatusWriter, ...statuses: TerminalStatus[]) => {
  for (const one of statuses) writer.enqueue(ACME, one.terminal, [one]);
};

t.test('of a terminal that says something twice, the last one is written', async (t) => {
  const { writer, written } = standing();
  for (const seq of [1, 2, 3]) enqueue(writer, status('till-1', 1, seq));
  await writer.flush();
  t.same(written(), [['till-1 3']]);
});

t.test('writes are bounded, one after the other, until nothing waits', async (t) => {
  const { writer, written, counts } = standing({ maxRows: 2 });
  enqueue(writer, status('a'), status('b'), status('c'));
  await Promise.all([writer.flush(), writer.flush()]);
  t.same(written(), [['a 0', 'b 0'], ['c 0']]);
  t.equal(counts.get('kept'), 3);
});

t.test('what finds no room is dropped; waiting statuses are still updated', async (t) => {
  const { writer, written, counts } = standing({ maxWaiting: 6 });
  enqueue(writer, status('a'), status('b'), status('c'), status('d'), status('a', 1, 7));
  t.equal(counts.get('dropped'), 1);
  await writer.flush();
  t.same(written(), [['a 7', 'b 0', 'c 0']]);
});

t.test('what fails waits again, unless something newer came meanwhile', async (t) => {
  const { writer, store, written } = standing();
  const { putStatuses } = store;
  Object.assign(store, {
    putStatuses: async () => {
      enqueue(writer, status('a', 1, 9));
      throw new Error('store away');
    },
  });
  enqueue(writer, status('a', 1, 1), status('b', 1, 1));
  await writer.flush();
  t.equal(writer.waiting, 2);
  Object.assign(store, { putStatuses });
  await writer.flush();
  t.same(written()[0]!.toSorted(), ['a 9', 'b 1']);
});

t.test('what a merchant says takes no room that others need', async (t) => {
  const { writer, counts } = standing({ maxWaiting: 1_000 });
  const say = (merchant: string, terminal: string, epochs: readonly number[]) =>
    writer.enqueue(
      merchantId(merchant),
      terminalId(terminal),
      epochs.map((of) => ({ ...status(terminal, of), merchant: merchantId(merchant) })),
    );
  for (let till = 0; till < 100; till++) say('evil', `till-${till}`, numbers(1, 100));
  t.equal(writer.waiting, 500);
  const dropped = counts.get('dropped');
  for (let merchant = 0; merchant < 200; merchant++) say(`honest-${merchant}`, 'till-1', [1]);
  say('evil', 'till-0', numbers(1, 50));
  t.equal(writer.waiting, 650);
  t.equal(counts.get('dropped'), dropped);
});

t.test('a write that fails costs no rows and no new epochs', async (t) => {
  const { say, writer, store, rows, counts } = standing();
  const { putStatuses } = store;
  Object.assign(store, { putStatuses: () => Promise.reject(new Error('store away')) });
  await say('till-1', numbers(1, 256));
  for (let second = 0; second < 10; second++) await writer.flush();
  Object.assign(store, { putStatuses });
  await writer.flush();
  t.equal(rows('till-1').length, 256);
  await say('till-1', numbers(257, 512));
  t.equal(rows('till-1').length, 512);
  t.equal(counts.get('refused'), undefined);
});

t.test('what is written but whose surplus cannot be deleted is not written again', async (t) => {
  const { say, writer, store, rows, counts, clock } = standing({ maxEpochs: 2 });
  await say('till-1', numbers(1, 2));
  const { forgetEpochs } = store;
  Object.assign(store, { forgetEpochs: () => Promise.reject(new Error('store away')) });
  await say('till-1', [3]);
  await writer.flush();
  t.equal(writer.waiting, 0);
  t.equal(counts.get('kept'), 3);
  Object.assign(store, { forgetEpochs });
  clock.now += 1_000;
  await say('till-1', [3]);
  t.same(rows('till-1').sort(), [epochOf(2), epochOf(3)]);
});

t.test('invented epochs leave no more rows than a terminal may have, however long they come', async (t) => {
  const { say, rows, clock, counts } = standing();
  for (let round = 0; round < 400; round++) {
    clock.now += 1_000;
    await say('evil', numbers(1 + 256 * round, 256 * (round + 1)));
  }
  t.ok(rows('evil').length <= 512, `${rows('evil').length} rows`);
  t.ok(counts.get('kept')! <= 512 + 200 + 7, `${counts.get('kept')} rows written in 400 s`);
});

t.test('new epochs are bounded in the long run although rows are left', async (t) => {
  const { say, rows, clock, counts } = standing({ rows: { burst: 10_000, perSecond: 1_000 } });
  for (let round = 0; round < 100; round++) {
    clock.now += 60_000;
    await say('evil', numbers(1 + 256 * round, 256 * (round + 1)));
  }
  t.ok(counts.get('kept')! <= 512 + 100);
  t.equal(rows('evil').length, 512);
  t.ok(counts.get('forgotten')! >= 90, 'the ones seen longest ago made room');
});

t.test('what earlier processes left is found and brought within the bound', async (t) => {
  const { say, make, rows, clock } = standing({ newEpochs: { burst: 512, perSecond: 1 } });
  for (let restart = 0; restart < 8; restart++) {
    const writer = make();
    for (const half of [0, 1]) {
      clock.now += 600_000;
      const first = 1 + 512 * restart + 256 * half;
      await say('evil', numbers(first, first + 255), writer);
    }
    t.ok(rows('evil').length <= 512 + 1, `${rows('evil').length} rows`);
  }
});

t.test('a till that restarted 300 times offline has all its epochs, and goes on having the newest', async (t) => {
  const { say, rows, clock, counts, reads } = standing();
  // The newest 256 first; the rest once those that were listed are drained.
  await say('till-1', numbers(45, 300));
  clock.now += 10_000;
  await say('till-1', [...numbers(1, 44), 300]);
  t.equal(rows('till-1').length, 300);
  t.equal(counts.get('refused'), undefined);
  t.equal(reads.count, 1);
  // A start a day for two years: the oldest make room for the newest.
  for (let day = 1; day <= 730; day++) {
    clock.now += 86_400_000;
    await say('till-1', [300 + day]);
  }
  t.equal(counts.get('refused'), undefined);
  t.equal(rows('till-1').length, 512);
  t.ok(rows('till-1').includes(epochOf(1_030)));
  t.notOk(rows('till-1').includes(epochOf(500)));
});

t.test('a till that connects again, to whichever process, costs no read', async (t) => {
  const { say, make, reads } = standing();
  await say('till-1', [1]);
  for (let i = 0; i < 5; i++) await say('till-1', [1], make());
  t.equal(reads.count, 0);
});

t.test('a status that has to wait for its rows is written when they are there, and nobody waits for it', async (t) => {
  const { say, writer, clock, counts } = standing();
  await say('noisy', numbers(1, 256));
  await say('noisy', numbers(1, 256));
  await say('noisy', numbers(1, 256));
  await say('honest', [1]);
  t.equal(counts.get('kept'), 513);
  t.equal(writer.waiting, 256);
  clock.now += 512_000;
  await writer.flush();
  t.equal(counts.get('kept'), 769);
});

t.test('the memory of claims is bounded by terminals and by epochs', async (t) => {
  const { say, reads } = standing({ maxBooks: 10, maxKnown: 600 });
  await say('till-1', [1, 2]);
  t.equal(reads.count, 1);
  for (let i = 0; i < 20; i++) await say(`other-${i}`, [1]);
  await say('till-1', [3, 4]);
  t.equal(reads.count, 2, 'forgotten, so the store was read again');
  await say('large', numbers(1, 256));
  await say('larger', numbers(1, 512));
  await say('till-1', [5, 6]);
  t.equal(reads.count, 5);
});

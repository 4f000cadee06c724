import { statSync } from 'node:fs';
import t from 'tap';
import { BALLAST_BYTES, ballastBytes, releaseBallast } from '../../../../../agent/buffer/disk/ballast-file.ts';
import { account } from '../../../../../agent/buffer/integrity/seq-accounting.ts';
import type { SqliteBuffer } from '../../../../../agent/buffer/sqlite-buffer.ts';
import { readStats } from '../../../../../agent/buffer/support/buffer-stats.ts';
import { openReadOnly } from '../../../../../agent/buffer/support/open-read-only.ts';
import { HOUR_MS } from '../../../../../shared/time.ts';
import { parsed, sale } from '../../../../support/agent/events.ts';
import { scratchBuffer } from '../../../../support/agent/temp-buffer.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const size = (path: string): number =>
  ['', '-wal', '.reserve'].reduce(
    (sum, suffix) => sum + (statSync(path + suffix, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
/** Sizes that fill pages in different ways; every tenth event spills over to pages of its own. */
const request = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) =>
    parsed(sale(`R-${from + at}`, at % 10 === 0 ? { attrs: 'x'.repeat(3_000 + ((from + at) % 1_000)) } : {})),
  );

/** As acks come: batch by batch. */
async function settle(buffer: SqliteBuffer, first: number, last: number): Promise<void> {
  const { open: epoch } = buffer.holdings();
  for (let seq = first; seq <= last; seq += 1_000)
    await buffer.settle([{ kind: 'stored', epoch, firstSeq: seq, lastSeq: Math.min(last, seq + 999) }]);
}

/** Posts until the buffer is full. @returns how many events it took */
async function fill(
  buffer: SqliteBuffer,
  path: string,
  from: number,
): Promise<{ taken: number; largest: number; detail: string }> {
  let largest = 0;
  for (let taken = 0; ; taken += 200) {
    const answer = await buffer.accept(request(from + taken, 200));
    largest = Math.max(largest, size(path));
    if (answer.kind === 'full') return { taken, largest, detail: answer.detail };
  }
}

t.test('database and log together never grow beyond maxBytes, and most of it can be used', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open({ maxBytes: MAX_BYTES });
  const { taken, largest, detail } = await fill(buffer, scratch.path, 0);
  t.ok(largest <= MAX_BYTES, `${largest} bytes at most`);
  t.ok(largest > MAX_BYTES * 0.8, `${largest} bytes used`);
  t.match(detail, /buffer.maxBytes/);
  t.equal(buffer.facts().pending, taken, 'nothing of the refused request was stored');
  t.equal(buffer.facts().epochs.at(-1)!.lastSeq, taken);
  buffer.close();
});

t.test('a full buffer still knows repeats, takes acks, and then takes events again', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open({ maxBytes: MAX_BYTES });
  const { taken } = await fill(buffer, scratch.path, 0);
  t.match(await buffer.accept(request(0, 200)), { kind: 'accepted', accepted: 0, duplicates: { length: 200 } });
  t.match(await buffer.accept([...request(0, 1), ...request(taken, 200)]), { kind: 'full' });
  await settle(buffer, 1, 2_000);
  t.match(await buffer.accept(request(taken, 200)), { kind: 'accepted', accepted: 200 });
  buffer.close();
});

t.test('acked events are evicted oldest first, pending ones never', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open({ maxBytes: MAX_BYTES });
  const first = await fill(buffer, scratch.path, 0);
  const half = first.taken / 2;
  await settle(buffer, 1, half);
  t.ok(size(scratch.path) <= MAX_BYTES, 'after settling');
  const second = await fill(buffer, scratch.path, first.taken);
  t.ok(second.taken > half * 0.6, `${second.taken} more events in the place of ${half}`);
  t.ok(second.largest <= MAX_BYTES, `${second.largest} bytes at most`);
  const { pending, acked } = buffer.facts();
  t.equal(pending, first.taken - half + second.taken);
  t.equal(acked, 0);
  buffer.close();
});

t.test('the oldest acked events go first', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open({ maxBytes: MAX_BYTES });
  const { taken } = await fill(buffer, scratch.path, 0);
  await settle(buffer, 3_001, 6_000);
  scratch.clock += HOUR_MS;
  await settle(buffer, 1, 3_000);
  await buffer.accept(request(taken, 200));
  buffer.close();
  const again = scratch.open();
  const { acked } = again.facts();
  t.ok(acked >= 3_000 && acked < 6_000, `${acked} are left`);
  again.close();
});

t.test('the file system keeps minFreeBytes', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  let free = 100 * 1024 * 1024;
  const buffer = scratch.open({ minFreeBytes: 50 * 1024 * 1024, diskFree: () => free });
  t.match(await buffer.accept(request(0, 10)), { kind: 'accepted' });
  free = 50 * 1024 * 1024;
  t.match(await buffer.accept(request(10, 10)), { kind: 'full', detail: /buffer.minFreeBytes/ });
  const { open: epoch } = buffer.holdings();
  await buffer.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 10 }]);
  t.match(buffer.facts(), { pending: 0, acked: 10 }, 'settling goes on');
  free = 100 * 1024 * 1024;
  t.match(await buffer.accept(request(10, 10)), { kind: 'accepted' });
  buffer.close();
});

t.test('SQLite itself refuses to grow beyond, and that is full too', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open({ maxBytes: MAX_BYTES });
  const { taken } = await fill(buffer, scratch.path, 0);
  buffer.close();
  // A budget below what is there already: the page limit stays where the file ends.
  const tight = scratch.open({ maxBytes: MAX_BYTES / 2 });
  t.match(await tight.accept(request(taken, 1)), { kind: 'full' });
  t.equal(tight.facts().pending, taken);
  tight.close();
});

t.test(
  'somebody who reads for long lets nothing grow beyond maxBytes: what does not fit is refused, until the reader is gone',
  async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const buffer = scratch.open({ maxBytes: MAX_BYTES });
    await buffer.accept(request(0, 200));
    const reader = openReadOnly(scratch.path);
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM events').get();
    const { taken, largest, detail } = await fill(buffer, scratch.path, 200);
    t.ok(taken > 1_000, `${taken} events meanwhile`);
    t.match(detail, /a process keeps reading the buffer/);
    let refused: unknown = null;
    let most = largest;
    for (let seq = 1; refused === null && seq <= taken; seq += 100) {
      const { open: epoch } = buffer.holdings();
      await buffer.settle([{ kind: 'stored', epoch, firstSeq: seq, lastSeq: seq + 99 }]).catch((error) => {
        refused = error;
      });
      most = Math.max(most, size(scratch.path));
    }
    t.ok(most <= MAX_BYTES, `${most} bytes at most`);
    reader.exec('COMMIT');
    reader.close();
    const again = async () => (await buffer.accept(request(100_000, 10))).kind === 'accepted';
    while (!(await again())) await new Promise((resolve) => setImmediate(resolve));
    await settle(buffer, 1, taken);
    t.equal(buffer.facts().pending, 210);
    buffer.close();
  },
);

t.test('drop-oldest', async (t) => {
  /** Posts as a till does that is never told to wait. @returns the most bytes that the files took */
  async function post(buffer: SqliteBuffer, path: string, from: number, count: number, at = 200): Promise<number> {
    let largest = 0;
    for (let taken = 0; taken < count; taken += at) {
      t.match(await buffer.accept(request(from + taken, at)), { kind: 'accepted', accepted: at });
      largest = Math.max(largest, size(path));
    }
    return largest;
  }

  t.test('makes room for new events by giving up the oldest, each with a record', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const buffer = scratch.open({ maxBytes: MAX_BYTES, whenFull: 'drop-oldest' });
    const { open: epoch } = buffer.holdings();
    const largest = await post(buffer, scratch.path, 0, 40_000);
    t.ok(largest <= MAX_BYTES, `${largest} bytes at most`);
    const { pending, losses } = buffer.facts();
    t.equal(pending + losses.events, 40_000);
    t.ok(pending > 15_000, `${pending} are left`);
    t.same(losses.records, 1, 'a long outage is one record');
    t.match(buffer.losses(10), [{ epoch, firstSeq: 1, count: losses.events, loss: { reason: 'evicted' } }]);
    t.equal([...buffer.pending(0)][0]!.seq, losses.events + 1);
    t.match(await buffer.accept(request(0, 1)), { accepted: 1 }, 'a repeat of what was given up is welcome');
    const reader = openReadOnly(scratch.path);
    t.equal(account(reader).sound, true);
    t.same(readStats(reader, scratch.path), buffer.facts());
    reader.close();
    buffer.close();
  });

  t.test('gives up acked and quarantined events first', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const buffer = scratch.open({ maxBytes: MAX_BYTES, whenFull: 'drop-oldest' });
    const { open: epoch } = buffer.holdings();
    await post(buffer, scratch.path, 0, 10_000);
    await settle(buffer, 4_001, 8_000);
    await buffer.settle([{ kind: 'quarantined', epoch, firstSeq: 9_001, lastSeq: 10_000, reason: 'odd' }]);
    let from = 10_000;
    for (; buffer.facts().quarantined === 1_000; from += 200) await buffer.accept(request(from, 200));
    t.match(buffer.facts(), { acked: 0, losses: { events: 1_000 } });
    for (; buffer.facts().losses.events === 1_000; from += 200) await buffer.accept(request(from, 200));
    t.equal(buffer.facts().quarantined, 0);
    const reader = openReadOnly(scratch.path);
    t.equal(account(reader).sound, true);
    reader.close();
    buffer.close();
  });

  t.test('goes on where the disk is full, in the room that is there already', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    let free = 1024 ** 3;
    const buffer = scratch.open({ whenFull: 'drop-oldest', minFreeBytes: 1024 * 1024, diskFree: () => free });
    await post(buffer, scratch.path, 0, 10_000);
    free = 0;
    const inAll = () => buffer.facts().fileBytes + buffer.facts().walBytes;
    const before = inAll();
    await post(buffer, scratch.path, 10_000, 4_000, 20);
    t.ok(inAll() <= before, `${inAll() - before} bytes more`);
    const { pending, losses } = buffer.facts();
    t.equal(pending + losses.events, 14_000);
    buffer.close();
  });

  t.test('refuses what could not fit, rather than give everything up for it', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const buffer = scratch.open({ maxBytes: MAX_BYTES, whenFull: 'drop-oldest' });
    await post(buffer, scratch.path, 0, 36_000, 2_000);
    const { losses } = buffer.facts();
    const huge = Array.from({ length: 60 }, (_, at) =>
      parsed(
        sale(`H-${at}`, {
          attrs: undefined,
          dims: {},
          items: Array.from({ length: 2_000 }, (_, item) => ({ sku: `${'s'.repeat(50)}${item}`, qty: 1, price: 1 })),
        }),
      ),
    );
    t.match(await buffer.accept(huge), { kind: 'full' });
    t.match(buffer.facts(), { losses });
    buffer.close();
  });
});

t.test('the ballast counts, is given up when the disk is full, and comes back with room', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  let free = 1024 ** 3;
  const buffer = scratch.open({ minFreeBytes: 1024 * 1024, diskFree: () => free });
  t.equal(ballastBytes(scratch.path), BALLAST_BYTES);
  releaseBallast(scratch.path);
  free = 1024 * 1024;
  buffer.expireStep();
  t.equal(ballastBytes(scratch.path), 0);
  free = 2 * 1024 * 1024;
  buffer.expireStep();
  t.equal(ballastBytes(scratch.path), BALLAST_BYTES);
  buffer.close();
});

t.test('a file that is larger than a lowered budget drains, and shrinks at the next start', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open({ maxBytes: 2 * MAX_BYTES });
  const { open: epoch } = buffer.holdings();
  const { taken } = await fill(buffer, scratch.path, 0);
  buffer.close();
  scratch.clock += 48 * HOUR_MS;
  const tight = scratch.open({ maxBytes: MAX_BYTES });
  t.match(await tight.accept(request(taken, 1)), { kind: 'full' });
  for (let seq = 1; seq <= taken; seq += 1_000)
    await tight.settle([{ kind: 'stored', epoch, firstSeq: seq, lastSeq: Math.min(taken, seq + 999) }]);
  scratch.clock += 48 * HOUR_MS;
  while (tight.expireStep()) {}
  t.match(tight.facts(), { pending: 0, refs: 0 });
  tight.close();
  const small = scratch.open({ maxBytes: MAX_BYTES });
  t.ok(size(scratch.path) < MAX_BYTES / 4, `${size(scratch.path)} bytes`);
  t.match(await small.accept(request(taken, 200)), { kind: 'accepted', accepted: 200 });
  const reader = openReadOnly(scratch.path);
  t.equal(account(reader).sound, true);
  reader.close();
  small.close();
});

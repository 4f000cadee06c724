import { statSync } from 'node:fs';
import t from 'tap';
import type { SqliteBuffer } from '../../../../agent/buffer/sqlite-buffer.ts';
import { HOUR_MS } from '../../../../shared/time.ts';
import { parsed, sale } from '../events.ts';
import { scratchBuffer } from './scratch-buffer.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const size = (path: string): number =>
  ['', '-wal'].reduce((sum, suffix) => sum + (statSync(path + suffix, { throwIfNoEntry: false })?.size ?? 0), 0);
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

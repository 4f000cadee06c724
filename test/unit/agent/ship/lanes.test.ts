import t from 'tap';
import type { SqliteBuffer } from '../../../../agent/buffer/sqlite-buffer.ts';
import type { Feed } from '../../../../agent/ship/feed.ts';
import { Lanes } from '../../../../agent/ship/lanes.ts';
import { HOUR_MS, hourOf } from '../../../../shared/time.ts';
import { scratchBuffer } from '../buffer/scratch-buffer.ts';
import { NOW, parsed, sale } from '../events.ts';

const accept = (buffer: SqliteBuffer, count: number, ts: number, name = 'R') =>
  buffer.accept(Array.from({ length: count }, (_, at) => parsed(sale(`${name}-${at}`, { ts }))));

/** The seqs that a lane sends, batch by batch. */
function drained(feed: Feed, wanted = 1_000): number[][] {
  const batches: number[][] = [];
  for (let events = feed.next(wanted); events.length > 0; events = feed.next(wanted)) {
    feed.take(events);
    batches.push([events[0]!.seq, events.at(-1)!.seq]);
  }
  return batches;
}

t.test('what is pending of the current hour is live, what is older is the backlog, the oldest first', async (t) => {
  const buffer = scratchBuffer(t.testdir()).open();
  await accept(buffer, 3, NOW - 3 * HOUR_MS, 'a');
  await accept(buffer, 3, NOW - 2 * HOUR_MS, 'b');
  await accept(buffer, 3, NOW, 'c');
  await accept(buffer, 1, NOW - 5 * HOUR_MS, 'late');
  const lanes = new Lanes(buffer);
  lanes.begin(hourOf(NOW));
  t.same(drained(lanes.live), [
    [7, 9],
    [10, 10],
  ]);
  t.same(drained(lanes.backlog), [
    [1, 3],
    [4, 6],
  ]);
  t.ok(lanes.empty);
  buffer.close();
});

t.test('what is accepted later is live, whatever its hour', async (t) => {
  const buffer = scratchBuffer(t.testdir()).open();
  await accept(buffer, 2, NOW - 3 * HOUR_MS, 'a');
  const lanes = new Lanes(buffer);
  lanes.begin(hourOf(NOW));
  t.equal(lanes.liveWaiting(), 0);
  await accept(buffer, 2, NOW - 4 * HOUR_MS, 'b');
  t.equal(lanes.liveWaiting(), 2);
  t.same(drained(lanes.live), [[3, 4]]);
  t.same(drained(lanes.backlog), [[1, 2]]);
  buffer.close();
});

t.test('a live lane that has too much leaves it to the backlog, ahead of what is there', async (t) => {
  const buffer = scratchBuffer(t.testdir()).open();
  await accept(buffer, 500, NOW - 3 * HOUR_MS, 'old');
  const lanes = new Lanes(buffer);
  lanes.begin(hourOf(NOW));
  t.same(lanes.backlog.next(100).length, 100, 'read ahead');
  await accept(buffer, 10_001, NOW, 'much');
  t.equal(lanes.liveWaiting(), 0);
  await accept(buffer, 1, NOW, 'new');
  t.equal(lanes.liveWaiting(), 1);
  t.same(drained(lanes.live), [[10_502, 10_502]]);
  const batches = drained(lanes.backlog);
  t.equal(batches[0]![0], 501, 'the latest first');
  t.same(batches.at(-1), [1, 500]);
  t.equal(
    batches.reduce((sum, [first, last]) => sum + last! - first! + 1, 0),
    10_501,
  );
  buffer.close();
});

t.test('what is sent again comes first, cut to what is still pending', async (t) => {
  const buffer = scratchBuffer(t.testdir()).open();
  await accept(buffer, 20, NOW);
  const lanes = new Lanes(buffer);
  lanes.begin(hourOf(NOW));
  const { live } = lanes;
  const first = live.take(live.next(1_000).slice(0, 8));
  live.again(first);
  t.equal(live.waiting, 20);
  await buffer.settle([{ kind: 'stored', epoch: buffer.holdings().open, firstSeq: 1, lastSeq: 3 }]);
  t.same(drained(live), [
    [4, 8],
    [9, 20],
  ]);
  buffer.close();
});

t.test('no more than a batch may hold is read ahead', async (t) => {
  const buffer = scratchBuffer(t.testdir()).open();
  await accept(buffer, 3_000, NOW);
  let most = 0;
  const counting = Object.assign(Object.create(buffer) as SqliteBuffer, {
    pending: (...given: Parameters<SqliteBuffer['pending']>) => {
      const events = buffer.pending(...given);
      most = Math.max(most, events.length);
      return events;
    },
    pendingCount: (...given: Parameters<SqliteBuffer['pendingCount']>) => buffer.pendingCount(...given),
    firstPendingFrom: (hour: number) => buffer.firstPendingFrom(hour),
    lastId: () => buffer.lastId(),
  });
  const lanes = new Lanes(counting);
  lanes.begin(hourOf(NOW));
  drained(lanes.live, 200);
  t.equal(most, 200);
  buffer.close();
});

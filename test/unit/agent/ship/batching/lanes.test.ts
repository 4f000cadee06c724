import Sqlite from 'better-sqlite3';
import t from 'tap';
import type { SqliteBuffer } from '../../../../../agent/buffer/sqlite-buffer.ts';
import type { Lane } from '../../../../../agent/ship/batching/lane.ts';
import { Lanes } from '../../../../../agent/ship/batching/lanes.ts';
import { HOUR_MS, hourOf } from '../../../../../shared/time.ts';
import { NOW, parsed, sale } from '../../../../support/agent/events.ts';
import { scratchBuffer } from '../../../../support/agent/temp-buffer.ts';

const accept = (buffer: SqliteBuffer, count: number, ts: number, name = 'R') =>
  buffer.accept(Array.from({ length: count }, (_, at) => parsed(sale(`${name}-${at}`, { ts }))));

/** The seqs that a lane sends, batch by batch. */
function drained(feed: Lane): number[][] {
  const batches: number[][] = [];
  for (let run = feed.nextRun(); run !== null; run = feed.nextRun()) {
    const events = [...run].slice(0, 1_000);
    feed.markSent({ firstId: events[0]!.id, lastId: events.at(-1)!.id });
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
  const first = { firstId: 1, lastId: 8 };
  t.equal(live.nextRun()!.first.id, 1);
  live.markSent(first);
  live.resend(first);
  t.equal(live.waiting, 20);
  await buffer.settle([{ kind: 'stored', epoch: buffer.holdings().open, firstSeq: 1, lastSeq: 3 }]);
  t.same(drained(live), [
    [4, 8],
    [9, 20],
  ]);
  buffer.close();
});

t.test('a run ends where the hour, the stream or the numbering does', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const before = scratch.open();
  await accept(before, 4, NOW, 'a');
  await accept(before, 2, NOW + HOUR_MS, 'b');
  await before.settle([{ kind: 'stored', epoch: before.holdings().open, firstSeq: 2, lastSeq: 2 }]);
  before.close();
  // Another epoch, as after a crash.
  const buffer = scratch.open();
  await accept(buffer, 3, NOW + HOUR_MS, 'c');
  const lanes = new Lanes(buffer);
  lanes.begin(hourOf(NOW));
  t.same(drained(lanes.live), [
    [1, 1],
    [3, 4],
    [5, 6],
    [1, 3],
  ]);
  buffer.close();
});

t.test('an event is read when it is asked for, none ahead, and anew for each loop', async (t) => {
  const buffer = scratchBuffer(t.testdir()).open();
  await accept(buffer, 3_000, NOW);
  let read = 0;
  const counting = Object.assign(Object.create(buffer) as SqliteBuffer, {
    *pending(after: number) {
      for (const event of buffer.pending(after)) {
        read++;
        yield event;
      }
    },
    pendingCount: (...given: Parameters<SqliteBuffer['pendingCount']>) => buffer.pendingCount(...given),
    firstPendingFrom: (hour: number) => buffer.firstPendingFrom(hour),
    lastId: () => buffer.lastId(),
  });
  const lanes = new Lanes(counting);
  lanes.begin(hourOf(NOW));
  const run = lanes.live.nextRun()!;
  t.equal(read, 1, 'whether there is one');
  for (let loop = 0; loop < 2; loop++) {
    read = 0;
    for (const { seq } of run) if (seq === 200) break;
    t.equal(read, 199, 'the first one is there');
  }
  buffer.close();
});

t.test('rows that are not what was written are passed over, and each is told once', async (t) => {
  const dir = t.testdir();
  for (const where of ['id <= 3', 'id BETWEEN 900 AND 905', 'id > 1495', 'id % 2 = 0 AND id < 100']) {
    const scratch = scratchBuffer(`${dir}/${where}`);
    const before = scratch.open();
    await accept(before, 1_500, NOW);
    before.close();
    const db = new Sqlite(scratch.path);
    const { changes } = db.prepare(`UPDATE events SET sum = sum + 1 WHERE ${where}`).run();
    db.close();
    const buffer = scratch.open();
    const lanes = new Lanes(buffer);
    lanes.begin(hourOf(NOW));
    const sent = drained(lanes.live).reduce((sum, [first, last]) => sum + last! - first! + 1, 0);
    t.equal(sent, 1_500 - changes, where);
    // The setting aside shares the commit of the next request.
    await accept(buffer, 1, NOW, 'later');
    t.match(buffer.facts(), { quarantined: changes, losses: { events: changes } });
    t.equal(scratch.damage.length, changes);
    t.equal(lanes.live.waiting, 1);
    buffer.close();
  }
});

import { rmSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import t from 'tap';
import { HighWaterFile, highWaterPath } from '../../../../../agent/buffer/high-water/high-water-file.ts';
import type { HighWaterMark, ShippingState } from '../../../../../agent/buffer/high-water/high-water-mark.ts';
import { HighWaterMarks } from '../../../../../agent/buffer/high-water/update-marks.ts';
import { PendingSet } from '../../../../../agent/buffer/tables/pending-set.ts';
import { epoch as epochOf } from '../../../../../shared/ids.ts';

const EPOCH = epochOf('0123456789abcdef');

class CountingFile extends HighWaterFile {
  syncs = 0;

  override sync(): void {
    this.syncs++;
    super.sync();
  }
}

/** Ten seqs, of which some are pending, and loss records of others. */
function marked(path: string) {
  const db = new Sqlite(':memory:');
  db.exec('CREATE TABLE losses (epoch TEXT, first_seq INTEGER, acked INTEGER)');
  const file = new CountingFile(path);
  let elapsed = 0;
  const pending = new PendingSet();
  const hour = new Map([[1, 1]]);
  const marks = new HighWaterMarks(db, file, () => elapsed);
  return {
    later: (ms: number) => (elapsed += ms),
    wait: (seq: number) => pending.add({ first: seq, last: seq }, hour),
    done: (seq: number) => pending.remove({ first: seq, last: seq }, hour),
    lose: (seq: number) => db.prepare('INSERT INTO losses VALUES (?, ?, 0)').run(EPOCH, seq),
    tell: (seq: number) => db.prepare('UPDATE losses SET acked = 1 WHERE first_seq = ?').run(seq),
    settledThrough(
      lossesChanged = true,
      shipping: ShippingState = 'free',
      unconfirmedFrom: number | null = null,
    ): number {
      marks.update({
        epochs: [{ epoch: EPOCH, base: 0, lastSeq: 10, openedAt: 0 }],
        pending,
        unsentLosses: db.prepare<[], number>('SELECT count(*) FROM losses WHERE acked = 0').pluck().get()!,
        lossesChanged,
        newestHour: null,
        unconfirmedFrom,
        carried: new Set(),
        shipping,
      });
      return file.get(EPOCH)!.settledThrough;
    },
    syncs: () => file.syncs,
    shipping: () => file.get(EPOCH)!.shipping,
    close() {
      file.close();
      db.close();
    },
  };
}

t.test('as many losses as before may be others: a mark never says that one is told which is not', async (t) => {
  const marks = marked(`${t.testdir()}/buffer.db`);
  marks.wait(3);
  marks.lose(8);
  t.equal(marks.settledThrough(), 2);
  marks.later(2_000);
  marks.tell(8);
  marks.done(3);
  marks.lose(3);
  t.equal(marks.settledThrough(), 2);
  marks.tell(3);
  marks.lose(5);
  t.ok(marks.settledThrough() < 5, 'before it is looked up again');
  marks.later(2_000);
  t.equal(marks.settledThrough(false), 4);
  marks.tell(5);
  t.equal(marks.settledThrough(), 10);
  marks.close();
});

t.test(
  'a mark that goes back is durable before anybody counts on it: what it said is not to be believed after a power cut',
  async (t) => {
    const marks = marked(`${t.testdir()}/buffer.db`);
    marks.wait(7);
    t.equal(marks.settledThrough(false), 6);
    marks.done(7);
    t.equal(marks.settledThrough(false), 10);
    t.equal(marks.syncs(), 0, 'forward it lags behind what is durable at worst');
    marks.wait(4);
    t.equal(marks.settledThrough(false), 3, 'offered again');
    t.equal(marks.syncs(), 1);
    t.equal(marks.settledThrough(false), 3);
    t.equal(marks.syncs(), 1, 'once');
    marks.close();
  },
);

t.test('that nothing was shipped is taken back before anything is; and is never said again', async (t) => {
  const marks = marked(`${t.testdir()}/buffer.db`);
  const said = (shipping: ShippingState) => {
    marks.settledThrough(false, shipping);
    return [marks.shipping(), marks.syncs()];
  };
  t.same(said('held'), ['held', 0]);
  t.same(said('ahead'), ['ahead', 1]);
  t.same(said('held'), ['ahead', 1]);
  t.same(said('free'), ['free', 2]);
  t.same(said('ahead'), ['free', 2]);
  marks.close();
});

t.test('that the clock was confirmed is taken back before anything is answered that it stamps', async (t) => {
  const marks = marked(`${t.testdir()}/buffer.db`);
  for (const [unconfirmedFrom, syncs] of [
    [null, 0],
    [8, 1],
    [9, 1],
    [null, 1],
  ] as const) {
    marks.settledThrough(false, 'free', unconfirmedFrom);
    t.equal(marks.syncs(), syncs);
  }
  marks.close();
});

/** Of the epoch with this number; all of it is settled. */
const markOf = (number: number, settledThrough = 1): HighWaterMark => ({
  ...{
    epoch: epochOf(number.toString(16).padStart(16, '0')),
    lastSeq: 1,
    settledThrough,
    openedAt: 0,
    shipping: 'free',
  },
  ...{ oldestHour: 0, newestHour: 0, unconfirmedFrom: 0 },
});

t.test(
  'marks of what is settled stay while there is room; then the one goes that was written the longest ago',
  async (t) => {
    const path = `${t.testdir()}/buffer.db`;
    const file = new HighWaterFile(path);
    const ROOM = 256;
    for (let number = 1; number <= ROOM; number++) file.put(markOf(number, number % 2));
    for (const number of [4, 2, 1, 3]) file.put({ ...markOf(number), newestHour: 1 });
    t.equal(file.marks.length, ROOM);
    file.put(markOf(1_000));
    const has = (number: number) => file.get(markOf(number).epoch) !== null;
    t.same([1, 2, 3, 4, 5, 6, 1_000].map(has), [true, true, true, true, false, true, true]);
    t.equal(file.marks.length, ROOM);
    rmSync(highWaterPath(path));
    file.close();
    const again = new HighWaterFile(path);
    again.put(markOf(1_001));
    t.equal(again.get(markOf(7).epoch), null, 'also after it was written anew');
    t.equal(again.marks.length, ROOM);
    again.close();
  },
);

t.test('what is over is not written again with each sale', async (t) => {
  const path = `${t.testdir()}/buffer.db`;
  const file = new HighWaterFile(path);
  const db = new Sqlite(':memory:');
  db.exec('CREATE TABLE losses (epoch TEXT, first_seq INTEGER, acked INTEGER)');
  const pending = new PendingSet();
  const marks = new HighWaterMarks(db, file, () => 0);
  const epochs = [1, 2, 3].map((number) => ({ ...markOf(number), base: number * 100 }));
  const put: string[] = [];
  const follow = () =>
    marks.update({
      ...{ epochs, pending, unsentLosses: 0, lossesChanged: false, newestHour: null, unconfirmedFrom: null },
      ...{ carried: new Set(), shipping: 'free' },
    });
  for (const number of [1, 2]) file.put(markOf(number));
  follow();
  file.put = ({ epoch, oldestHour }) => void put.push(`${Number.parseInt(epoch, 16)} ${oldestHour}`);
  pending.add({ first: 301, last: 301 }, new Map([[7, 1]]));
  follow();
  t.same(put, ['1 0', '2 0', '3 7']);
  file.close();
  db.close();
});

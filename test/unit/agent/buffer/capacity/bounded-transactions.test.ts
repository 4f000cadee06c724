import t from 'tap';
import { BoundedTransactions } from '../../../../../agent/buffer/capacity/bounded-transactions.ts';
import { isFull } from '../../../../../agent/buffer/disk/buffer-error.ts';
import { ChangeSet } from '../../../../../agent/buffer/transaction/changeset.ts';

const ROW_BYTES = 100;

/** A disk with so many bytes for a transaction, which whatever is submitted at once shares. */
function diskOf(bytes: number) {
  const disk = { bytes, ballast: 0, acked: 0, thrown: 0, most: 0 };
  const group: ((changes: ChangeSet) => void)[] = [];
  const commit = (): void => {
    const changes = new ChangeSet(0);
    for (const run of group.splice(0)) run(changes);
    disk.most = Math.max(disk.most, changes.bytes);
  };
  const commits = {
    submit<T>(_: number, work: (changes: ChangeSet) => T): Promise<T> {
      return new Promise((resolve, reject) => {
        const run = (changes: ChangeSet): void => {
          try {
            resolve(work(changes));
          } catch (error) {
            disk.thrown++;
            reject(error);
          }
        };
        if (group.push(run) === 1) setImmediate(commit);
      });
    },
    now: <T>(_: number, work: (changes: ChangeSet) => T): T => work(new ChangeSet(0)),
  };
  const budget = {
    rowBytes: () => ROW_BYTES,
    walHasRoom: (wanted: number) => wanted <= disk.bytes,
    leavesSpace: (wanted: number) => wanted <= disk.bytes,
    releaseReserve() {
      disk.bytes += disk.ballast;
      disk.ballast = 0;
    },
    describe: () => 'the disk is full',
  };
  const transitions = {
    evictAcked(rows: number) {
      const evicted = Math.min(rows, disk.acked);
      disk.acked -= evicted;
      return evicted;
    },
  };
  const bounded = new BoundedTransactions(commits, budget, transitions, { rowCount: 1 });
  return { disk, bounded };
}

const rowsOf = (bounded: BoundedTransactions): Promise<number> => bounded.runBounded((_, rows) => rows);

t.test('a portion is halved until it fits, and grows again slowly', async (t) => {
  const { disk, bounded } = diskOf(30 * ROW_BYTES);
  t.equal(await rowsOf(bounded), 25);
  t.equal(bounded.limit, 32);
  t.equal(await rowsOf(bounded), 16);
  t.equal(await rowsOf(bounded), 20);
  disk.bytes = 1e9;
  const grown: number[] = [];
  for (let turn = 0; turn < 14; turn++) grown.push(await rowsOf(bounded));
  t.same(grown.slice(0, 3), [25, 32, 40]);
  t.equal(grown.at(-1), 200, 'not above what was the most');
});

t.test('room is made from the ballast, and from what is kept for support only', async (t) => {
  const { disk, bounded } = diskOf(0);
  disk.ballast = 300 * ROW_BYTES;
  disk.acked = 1_000;
  t.equal(await rowsOf(bounded), 200);
  t.equal(disk.acked, 800);
});

t.test('where a single row has no room it is full, in words', async (t) => {
  const { bounded } = diskOf(ROW_BYTES - 1);
  await t.rejects(rowsOf(bounded), /the disk is full/);
  t.equal(bounded.limit, 1);
});

t.test('who shares the transaction has nothing to do with its want of room: nothing is thrown within', async (t) => {
  const { disk, bounded } = diskOf(30 * ROW_BYTES);
  const full = await bounded.runOnce(31, () => 'done').catch((error: unknown) => error);
  t.ok(isFull(full));
  t.equal(await rowsOf(bounded), 25);
  t.equal(disk.thrown, 0);
  t.equal(await bounded.runOnce(30, () => 'done'), 'done');
  t.equal(bounded.limit, 200, 'what fitted whole needs no bounded');
});

t.test('another fault is no want of room', async (t) => {
  const { bounded } = diskOf(1e9);
  await t.rejects(
    bounded.runBounded(() => {
      throw new Error('disk I/O error');
    }),
    /disk I\/O error/,
  );
  t.equal(bounded.limit, 200);
  t.equal(await rowsOf(bounded), 200, 'and no reason for the next one not to have its turn');
});

t.test('those that come at once have the room of one transaction, and each gets its turn', async (t) => {
  const { disk, bounded } = diskOf(200 * ROW_BYTES);
  disk.ballast = 1_000 * ROW_BYTES;
  t.same(await Promise.all([1, 2, 3].map(() => rowsOf(bounded))), [200, 200, 200]);
  t.not(disk.ballast, 0, 'and needs no other');
  const full = await Promise.all([150, 100].map((rows) => bounded.runOnce(rows, () => 'done').catch(isFull)));
  t.same(full, ['done', true]);
  t.equal(disk.most, 200 * ROW_BYTES);
});

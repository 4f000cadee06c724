import Sqlite from 'better-sqlite3';
import t from 'tap';
import type { ChangeSet } from '../../../../../agent/buffer/transaction/changeset.ts';
import { GroupCommit } from '../../../../../agent/buffer/transaction/group-commit.ts';

function fixture(delayMs = 0) {
  const db = new Sqlite(':memory:');
  db.exec('CREATE TABLE x (v INTEGER UNIQUE) STRICT');
  const seen: string[] = [];
  const commits = new GroupCommit(
    db,
    { lastId: 0 },
    {
      prepare: (bytes) => seen.push(`begin ${bytes}`),
      begun: () => {},
      committed: () => seen.push('committed'),
      rolledBack: () => seen.push('rolled back'),
      failed: (error) => seen.push(`failed: ${(error as Error).message}`),
    },
    delayMs,
  );
  const insert = (value: number, bytes = 1) =>
    commits.submit(bytes, () => db.prepare('INSERT INTO x VALUES (?)').run(value).changes);
  return { db, seen, commits, insert, values: () => db.prepare('SELECT v FROM x ORDER BY v').pluck().all() };
}

t.test('what is submitted in one tick shares one transaction', async (t) => {
  const { insert, seen, values } = fixture();
  t.same(await Promise.all([insert(1), insert(2), insert(3)]), [1, 1, 1]);
  await insert(4);
  t.same(seen, ['begin 3', 'committed', 'begin 1', 'committed']);
  t.same(values(), [1, 2, 3, 4]);
});

t.test('what is durable is answered, and the fault reported, when the observer fails after COMMIT', async (t) => {
  const db = new Sqlite(':memory:');
  const reported: unknown[] = [];
  const commits = new GroupCommit(
    db,
    { lastId: 0 },
    {
      prepare() {},
      begun() {},
      committed() {
        throw new Error('disk I/O error');
      },
      rolledBack: () => reported.push('rolled back'),
      failed: (error) => reported.push((error as Error).message),
    },
  );
  t.equal(await commits.submit(0, () => 'stored'), 'stored');
  t.same(reported, ['disk I/O error']);
  t.equal(await commits.submit(0, () => 'next'), 'next', 'the state is idle again');
});

t.test('each work of a group gets the change set of its transaction, which continues the numbering', async (t) => {
  const db = new Sqlite(':memory:');
  const index = { lastId: 7 };
  const followed: ChangeSet[] = [];
  const commits = new GroupCommit(db, index, {
    prepare() {},
    begun() {},
    committed(changes) {
      followed.push(changes);
      index.lastId = changes.lastId;
    },
    rolledBack() {},
    failed() {},
  });
  const append = (changes: ChangeSet): number => changes.append(1);
  const appendSlowly = function* (changes: ChangeSet) {
    yield;
    return changes.append(1);
  };
  t.same(await Promise.all([commits.submit(0, append), commits.submitCooperative(0, appendSlowly)]), [8, 9]);
  t.equal(commits.now(0, append), 10);
  await t.rejects(
    commits.submit(0, (changes) => {
      append(changes);
      throw new Error('rolled back');
    }),
  );
  t.equal(await commits.submit(0, append), 11);
  t.same(
    followed.map(({ lastIdBefore, lastId }) => [lastIdBefore, lastId]),
    [
      [7, 9],
      [9, 10],
      [10, 11],
    ],
  );
});

t.test('an answer comes after the commit', async (t) => {
  const { insert, seen } = fixture();
  await insert(1).then(() => seen.push('answered'));
  t.same(seen, ['begin 1', 'committed', 'answered']);
});

t.test('one failure rejects the whole group and stores nothing of it; the next group is not touched', async (t) => {
  const { insert, seen, values } = fixture();
  const group = await Promise.allSettled([insert(1), insert(1), insert(2)]);
  t.same(
    group.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  );
  t.same(values(), []);
  t.equal(await insert(1), 1);
  const failed = 'failed: UNIQUE constraint failed: x.v';
  t.same(seen, ['begin 3', 'rolled back', failed, 'begin 1', 'committed']);
});

t.test('a failing COMMIT stores nothing', async (t) => {
  const { db, insert, commits, values } = fixture();
  db.pragma('foreign_keys = ON');
  db.exec(
    'CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)',
  );
  const broken = commits.submit(0, () => db.prepare('INSERT INTO c VALUES (7)').run().changes);
  const group = await Promise.allSettled([insert(1), broken]);
  t.same(
    group.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  t.same(values(), []);
  t.notOk(db.inTransaction);
  await insert(2);
  t.same(values(), [2]);
});

t.test('large work is spread over transactions, in order', async (t) => {
  const { insert, seen } = fixture();
  const order: number[] = [];
  const large = 10 * 1024 * 1024;
  await Promise.all([1, 2, 3].map((value) => insert(value, large).then(() => order.push(value))));
  t.same(order, [1, 2, 3]);
  t.equal(seen.filter((what) => what === 'committed').length, 3);
});

t.test('flush commits at once what was submitted', async (t) => {
  const { insert, commits, values } = fixture();
  const submitted = insert(1);
  commits.flush();
  t.same(values(), [1]);
  t.equal(await submitted, 1);
});

t.test('work in pieces gives the event loop its turns, and is all or nothing', async (t) => {
  const { db, commits, insert, seen, values } = fixture();
  const until = (ms: number) => {
    for (const end = performance.now() + ms; performance.now() < end; );
  };
  const pieces = function* (first: number, count: number) {
    for (let value = first; value < first + count; value++) {
      db.prepare('INSERT INTO x VALUES (?)').run(value);
      until(8);
      yield;
    }
    return count;
  };
  let turns = 0;
  const turn = () => {
    if (commits.busy) turns++;
    if (seen.at(-1) !== 'committed') setImmediate(turn);
  };
  setImmediate(turn);
  const [large, small] = await Promise.all([commits.submitCooperative(1, () => pieces(1, 8)), insert(100)]);
  t.same([large, small], [8, 1]);
  t.ok(turns > 1, `${turns} turns`);
  t.same(seen, ['begin 2', 'committed']);
  const failing = commits.submitCooperative(1, () => pieces(95, 8));
  await t.rejects(failing, /UNIQUE/);
  t.equal(values().length, 9);
  t.equal(commits.busy, false);
});

t.test('what is done at once ends the open transaction first', async (t) => {
  const { db, commits, insert, seen } = fixture();
  const slow = commits.submitCooperative(1, function* () {
    for (let value = 1; value <= 4; value++) {
      db.prepare('INSERT INTO x VALUES (?)').run(value);
      for (const end = performance.now() + 11; performance.now() < end; );
      yield;
    }
    return 'slow';
  });
  while (!commits.busy) await new Promise((resolve) => setImmediate(resolve));
  const waiting = insert(10);
  t.equal(
    commits.now(0, () => db.prepare('SELECT count(*) FROM x').pluck().get()),
    4,
  );
  t.same(await Promise.all([slow, waiting]), ['slow', 1]);
  t.same(seen, ['begin 1', 'committed', 'begin 0', 'committed', 'begin 1', 'committed']);
  t.throws(() => commits.now(0, () => db.exec('INSERT INTO x VALUES (1)')), /UNIQUE/);
});

t.test('with a delay, what is submitted within it shares a commit; enough of it does not wait', async (t) => {
  const { insert, seen } = fixture(20);
  const first = insert(1);
  await new Promise((resolve) => setImmediate(resolve));
  await Promise.all([first, insert(2)]);
  t.same(seen, ['begin 2', 'committed']);
  const patient = fixture(3_600_000);
  await Promise.all([1, 2].map((value) => patient.insert(value, 9 * 1024 * 1024)));
  t.equal(patient.seen.length, 4, 'the rest waits for nobody either');
});

t.test('who is told of a fault may flush and close at once, also while work in pieces goes on', async (t) => {
  const db = new Sqlite(':memory:');
  const told: unknown[] = [];
  const commits = new GroupCommit(
    db,
    { lastId: 0 },
    {
      prepare() {},
      begun() {},
      committed() {},
      rolledBack() {},
      failed(error) {
        told.push(error);
        if (!db.open) return;
        commits.flush();
        db.close();
      },
    },
  );
  const fault = new Error('disk I/O error');
  const failing = commits.submitCooperative(1, function* () {
    for (const end = performance.now() + 11; performance.now() < end; );
    yield;
    throw fault;
  });
  while (!commits.busy) await new Promise((resolve) => setImmediate(resolve));
  const waiting = commits.submit(0, () => db.prepare('SELECT 7').pluck().get());
  await t.rejects(failing, fault);
  t.equal(await waiting, 7);
  t.throws(() => commits.now(0, () => {}), /not open/);
  t.same(told.slice(0, 1), [fault]);
  t.equal(told.length, 2);
});

t.test('a turn that finds nothing to commit, as it was flushed, leaves the next one alone', async (t) => {
  const { insert, commits, values } = fixture(5);
  const first = insert(1);
  commits.flush();
  await first;
  await new Promise((resolve) => setTimeout(resolve, 10));
  t.equal(commits.busy, false);
  await insert(2);
  t.same(values(), [1, 2]);
});

import Sqlite from 'better-sqlite3';
import t from 'tap';
import { GroupCommit } from '../../../../agent/buffer/group-commit.ts';

function fixture() {
  const db = new Sqlite(':memory:');
  db.exec('CREATE TABLE x (v INTEGER UNIQUE) STRICT');
  const seen: string[] = [];
  const commits = new GroupCommit(db, {
    prepare: (bytes) => seen.push(`begin ${bytes}`),
    begun: () => {},
    committed: () => seen.push('committed'),
    rolledBack: () => seen.push('rolled back'),
  });
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
  t.same(seen, ['begin 3', 'rolled back', 'begin 1', 'committed']);
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

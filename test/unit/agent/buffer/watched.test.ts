import Sqlite from 'better-sqlite3';
import t from 'tap';
import { openBuffer } from '../../../../agent/buffer/open-buffer.ts';
import type { SqliteBuffer } from '../../../../agent/buffer/sqlite-buffer.ts';
import { BufferSupervisor } from '../../../../agent/buffer/supervisor.ts';
import { watched } from '../../../../agent/buffer/watched.ts';
import { NOW, parsed, sale } from '../../../support/agent/events.ts';
import { scratchBuffer } from '../../../support/agent/temp-buffer.ts';

const FAULT = new Error('disk I/O error');

t.test('what a method throws, rejects with, or throws on the way is told once, and comes to the caller', async (t) => {
  const told: unknown[] = [];
  const target = {
    throws() {
      throw FAULT;
    },
    async rejects() {
      throw FAULT;
    },
    *throwsLater() {
      yield 1;
      throw FAULT;
    },
    *gives() {
      yield 1;
      return 2;
    },
    value: 7,
  };
  const seen = watched(target, (error) => told.push(error));
  t.throws(() => seen.throws(), FAULT);
  t.same(told.splice(0), [FAULT]);
  await t.rejects(seen.rejects(), FAULT);
  t.same(told.splice(0), [FAULT]);
  t.throws(() => [...seen.throwsLater()], FAULT);
  t.same(told.splice(0), [FAULT]);
  const steps = seen.gives();
  t.same(
    [steps.next(), steps.next()],
    [
      { done: false, value: 1 },
      { done: true, value: 2 },
    ],
  );
  t.equal(seen.value, 7);
  t.throws(() => {
    for (const _ of seen.throwsLater()) throw new Error("the loop's own");
  }, /the loop's own/);
  t.same(told, [], 'that is no fault of the object');
});

t.test('a page that cannot be read, met while shipping, has the file set aside', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const before = scratch.open();
  await before.accept(Array.from({ length: 3_000 }, (_, at) => parsed(sale(`R-${at}`, { ts: NOW }))));
  before.close();
  const db = new Sqlite(scratch.path);
  const leaves = db
    .prepare<[], number>("SELECT pageno FROM dbstat WHERE name = 'events' AND pagetype = 'leaf' ORDER BY path")
    .pluck()
    .all();
  db.close();
  const page = leaves[Math.floor(leaves.length / 2)]!;
  let shipped: SqliteBuffer | null = null;
  const keeper = new BufferSupervisor<SqliteBuffer>({
    open: (distrust) => openBuffer({ ...scratch.options, distrust }),
    onOpened(buffer) {
      shipped = buffer;
      return async () => {};
    },
    probeDisk: () => null,
    timers: { now: () => 0, after: () => () => {} },
    random: () => 1,
    log: { info() {}, error() {} },
  });
  keeper.start();
  scratch.spoil((page - 1) * 4_096, 4_096);
  t.throws(() => [...shipped!.pending(0)], /malformed/);
  t.equal(keeper.buffer, null);
  t.match(keeper.trouble, /malformed/);
  await keeper.stop();
});

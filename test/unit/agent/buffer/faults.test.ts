/** Which faults of its file a buffer reports, so that its supervisor can act on them. */
import { rmSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import t, { type Test } from 'tap';
import { openBuffer } from '../../../../agent/buffer/open-buffer.ts';
import type { SqliteBuffer } from '../../../../agent/buffer/sqlite-buffer.ts';
import { BufferSupervisor } from '../../../../agent/buffer/supervisor.ts';
import { NOW, parsed, sale } from '../../../support/agent/events.ts';
import { scratchBuffer } from '../../../support/agent/temp-buffer.ts';

/** A buffer with two pending events whose file is closed under it: whatever is asked of the file then fails. */
async function faulty(t: Test, distrust: string | null = null) {
  const told: unknown[] = [];
  const scratch = scratchBuffer(t.testdir());
  if (distrust !== null) {
    const before = scratch.open();
    await before.accept([parsed(sale('R-0'))]);
    before.close();
  }
  const buffer = scratch.open({ distrust, onFault: (error) => told.push(error) });
  await buffer.accept([parsed(sale('R-1')), parsed(sale('R-2'))]);
  buffer.close();
  return { buffer, told };
}

const NO_FILE = /not open|was removed/;
const GREETING = { storeGen: 'a', trueTimeOrigin: NOW, uncertaintyMs: 1 };

const CALLS: Readonly<Record<string, (buffer: SqliteBuffer) => unknown>> = {
  accept: (buffer) => buffer.accept([parsed(sale('R-3'))]),
  settle: (buffer) => buffer.settle([{ kind: 'loss-stored', id: 1 }]),
  pending: (buffer) => [...buffer.pending(0)],
  firstPendingFrom: (buffer) => buffer.firstPendingFrom(0),
  losses: (buffer) => buffer.losses(1),
  greeted: (buffer) => buffer.greeted(GREETING),
  holdings: (buffer) => buffer.holdings(),
  facts: (buffer) => buffer.facts(),
  expireStep: (buffer) => buffer.expireStep(),
  reloadIfChanged: (buffer) => buffer.reloadIfChanged(),
  scrubStep: (buffer) => buffer.scrubStep(),
};

for (const [name, call] of Object.entries(CALLS)) {
  t.test(`${name} reports a fault of the file before its caller sees it`, async (t) => {
    const { buffer, told } = await faulty(t);
    const seen: unknown[] = [];
    try {
      await call(buffer);
    } catch (error) {
      seen.push(error, told.at(-1));
    }
    t.match(seen, [NO_FILE, NO_FILE]);
    t.equal(seen[0], seen[1]);
  });
}

t.test('oldestPending reports a fault where the clocks have to be read', async (t) => {
  const { buffer, told } = await faulty(t);
  await t.rejects(buffer.accept([parsed(sale('R-3'))]), NO_FILE);
  told.length = 0;
  t.throws(() => buffer.oldestPending(), NO_FILE);
  t.match(told, [NO_FILE]);
});

t.test('a recovery reports a fault of the fresh file', async (t) => {
  const { buffer, told } = await faulty(t, 'for a test');
  await t.rejects(
    buffer.recover(async () => false),
    NO_FILE,
  );
  t.match(told[0], NO_FILE);
});

t.test('what a method that only knows memory says is no fault', async (t) => {
  const { buffer, told } = await faulty(t);
  t.equal(buffer.lastId(), 2);
  t.equal(buffer.pendingCount(0, 2), 2);
  t.match(buffer.stream, /^till-1/);
  t.same(told, []);
});

t.test("who reads pending events may end the loop, also by a fault of its own: that is not the buffer's", async (t) => {
  const told: unknown[] = [];
  const buffer = scratchBuffer(t.testdir()).open({ onFault: (error) => told.push(error) });
  await buffer.accept([parsed(sale('R-1')), parsed(sale('R-2'))]);
  t.throws(() => {
    for (const _ of buffer.pending(0)) throw new Error("the loop's own");
  }, /the loop's own/);
  t.equal([...buffer.pending(0)].length, 2);
  t.same(told, []);
  buffer.close();
});

t.test('a fault of a transaction that nobody waits for is reported', async (t) => {
  const told: unknown[] = [];
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open({ onFault: (error) => told.push(error) });
  await buffer.accept([parsed(sale('R-1'))]);
  const db = new Sqlite(scratch.path);
  db.exec('UPDATE events SET sum = sum + 1');
  db.close();
  t.same([...buffer.pending(0)], [], 'given up in a transaction of its own');
  rmSync(scratch.path);
  await new Promise((resolve) => setImmediate(resolve));
  t.match(told, [{ name: 'FileMovedError' }]);
  t.match(scratch.damage.at(-1), /could not be set aside/);
  buffer.close();
});

t.test('a page that cannot be read, met while shipping, has the file set aside', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const before = scratch.open();
  // More than the page cache holds.
  const attrs = { text: 'x'.repeat(900) };
  await before.accept(Array.from({ length: 3_000 }, (_, at) => parsed(sale(`R-${at}`, { ts: NOW, attrs }))));
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
    open: (distrust, onFault) => openBuffer({ ...scratch.options, distrust, onFault }),
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

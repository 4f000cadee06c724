import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import t from 'tap';
import { account } from '../../../../../agent/buffer/integrity/seq-accounting.ts';
import { openBuffer } from '../../../../../agent/buffer/open-buffer.ts';
import type { SqliteBuffer } from '../../../../../agent/buffer/sqlite-buffer.ts';
import { BufferSupervisor } from '../../../../../agent/buffer/supervisor.ts';
import { openReadOnly } from '../../../../../agent/buffer/support/open-read-only.ts';
import { SqliteReader } from '../../../../../agent/buffer/support/sqlite-reader.ts';
import type { BufferAccount } from '../../../../../agent/port/buffer-reader.ts';
import type { Accepted } from '../../../../../agent/port/intake.ts';
import { HOUR_MS } from '../../../../../shared/time.ts';
import { lost, offered } from '../../../../support/agent/crashed-buffer.ts';
import { parsed, sale } from '../../../../support/agent/events.ts';
import { type Scratch, scratchBuffer } from '../../../../support/agent/temp-buffer.ts';

/** Keeps the buffer open, and tries again at once. */
function keeperOf(scratch: Scratch): BufferSupervisor<SqliteBuffer> {
  const keeper = new BufferSupervisor<SqliteBuffer>({
    open: (distrust, onFault) => openBuffer({ ...scratch.options, distrust, onFault }),
    onOpened: (buffer) => {
      void buffer.recover(async () => true).catch(() => {});
      return async () => {};
    },
    probeDisk: () => null,
    timers: {
      now: () => performance.now(),
      after(_, run) {
        const turn = setImmediate(run);
        return () => clearImmediate(turn);
      },
    },
    random: () => 0,
    log: { info() {}, error() {} },
  });
  keeper.start();
  return keeper;
}

function inspected(reader: SqliteReader): BufferAccount {
  for (const steps = reader.account(); ; ) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function accepted(keeper: BufferSupervisor<SqliteBuffer>, ref: string): Promise<Accepted> {
  for (;;) {
    const answer = await keeper.accept([parsed(sale(ref))]);
    if (answer.kind !== 'unavailable') return answer;
    await turn();
  }
}

async function healed(keeper: BufferSupervisor<SqliteBuffer>): Promise<SqliteBuffer> {
  while (keeper.buffer === null || keeper.buffer.facts().salvage !== null) await turn();
  return keeper.buffer;
}

const refs = (buffer: SqliteBuffer): (string | null)[] =>
  [...offered(buffer).values()].map(({ event }) => event.ref).sort();

for (const [what, harm] of [
  ['its database is removed', (path: string) => rmSync(path)],
  ['its log is removed', (path: string) => rmSync(`${path}-wal`)],
  [
    'all of its files are removed',
    (path: string) => readdirSync(dirname(path)).map((name) => rmSync(`${dirname(path)}/${name}`)),
  ],
  ['its folder is removed', (path: string) => rmSync(dirname(path), { recursive: true })],
  ['its database is moved away', (path: string) => renameSync(path, `${path}.old`)],
] as const) {
  t.test(`when ${what} under a running agent, it goes on, and loses nothing that it still has open`, async (t) => {
    const scratch = scratchBuffer(`${t.testdir()}/buffer`);
    const keeper = keeperOf(scratch);
    await accepted(keeper, 'R-1');
    const { stream } = keeper.buffer!;
    harm(scratch.path);
    t.match(await keeper.accept([parsed(sale('R-2'))]), { kind: 'unavailable', detail: /removed or replaced/ });
    t.match(await accepted(keeper, 'R-2'), { kind: 'accepted', firstSeq: 1 });
    const buffer = await healed(keeper);
    t.not(buffer.stream, stream);
    t.same(refs(buffer), ['R-1', 'R-2']);
    t.same(lost(buffer), []);
    await keeper.stop();
    t.ok(existsSync(scratch.path));
    const again = scratch.open();
    t.same(refs(again), ['R-1', 'R-2']);
    again.close();
  });
}

t.test('a till that sells nothing more notices it too', async (t) => {
  const scratch = scratchBuffer(`${t.testdir()}/buffer`);
  const keeper = keeperOf(scratch);
  await accepted(keeper, 'R-1');
  renameSync(dirname(scratch.path), `${dirname(scratch.path)}.old`);
  t.throws(() => keeper.buffer!.reloadIfChanged(), { message: /removed or replaced/ });
  t.same(refs(await healed(keeper)), ['R-1']);
  await keeper.stop();
});

t.test('an older copy that is put in place of the database lacks nothing in the end', async (t) => {
  const scratch = scratchBuffer(`${t.testdir()}/buffer`);
  const first = scratch.open();
  await first.accept([parsed(sale('R-1'))]);
  first.close();
  copyFileSync(scratch.path, `${scratch.path}.copy`);
  const keeper = keeperOf(scratch);
  await accepted(keeper, 'R-2');
  renameSync(`${scratch.path}.copy`, scratch.path);
  await accepted(keeper, 'R-3');
  const buffer = await healed(keeper);
  t.same(refs(buffer), ['R-1', 'R-2', 'R-3']);
  t.same(lost(buffer), []);
  await keeper.stop();
});

t.test('an older copy of which the collector has all that came since is set aside too', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  let buffer = scratch.open();
  const { open: epoch } = buffer.holdings();
  await buffer.accept([parsed(sale('R-1'))]);
  for (const part of ['', '-wal']) copyFileSync(`${scratch.path}${part}`, `${scratch.path}.copy${part}`);
  await buffer.accept([parsed(sale('R-2')), parsed(sale('R-3'))]);
  await buffer.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 3 }]);
  buffer.close();
  for (const part of ['', '-wal']) renameSync(`${scratch.path}.copy${part}`, `${scratch.path}${part}`);
  buffer = scratch.open();
  await buffer.recover(async () => true);
  t.same(refs(buffer), [], 'it is not sent again');
  t.same(lost(buffer), [], 'and what came since is not given up');
  const reader = new SqliteReader(openReadOnly(scratch.path), scratch.path);
  t.same(inspected(reader).problems, []);
  reader.close();
  buffer.close();
});

t.test(
  'an epoch is not forgotten before the side file says that it is over, which a power cut may put back',
  async (t) => {
    const scratch = scratchBuffer(t.testdir());
    let buffer = scratch.open();
    const { open } = buffer.holdings();
    await buffer.accept([parsed(sale('R-1')), parsed(sale('R-2'))]);
    const side = readFileSync(`${scratch.path}.seq`);
    await buffer.settle([{ kind: 'stored', epoch: open, firstSeq: 1, lastSeq: 2 }]);
    buffer.close();
    buffer = scratch.open();
    await buffer.accept([parsed(sale('R-3'))]);
    scratch.clock += 9 * 24 * HOUR_MS;
    while (buffer.expireStep()) {}
    buffer.close();
    writeFileSync(`${scratch.path}.seq`, side);
    for (const knows of [true, false]) {
      buffer = scratch.open();
      t.equal(buffer.facts().salvage, null);
      t.equal(
        buffer.facts().epochs.some(({ epoch }) => epoch === open),
        knows,
      );
      const reader = new SqliteReader(openReadOnly(scratch.path), scratch.path);
      t.match(inspected(reader), { problems: [], unaccounted: 0 });
      reader.close();
      t.same(lost(buffer), []);
      buffer.close();
    }
  },
);

t.test('a folder that cannot be there is said in words, and tried again', async (t) => {
  const dir = t.testdir({ file: '' });
  for (const path of [`${dir}/file/buffer.db`, '/proc/tillstream/a/b/buffer.db']) {
    const keeper = keeperOf({ ...scratchBuffer(dir), options: { ...scratchBuffer(dir).options, path } } as Scratch);
    t.match(await keeper.accept([parsed(sale('R-1'))]), {
      kind: 'unavailable',
      detail: /its folder cannot be created/,
    });
    await turn();
    t.match(keeper.trouble, /its folder cannot be created/);
    await keeper.stop();
  }
});

t.test('a folder that comes back is taken up', async (t) => {
  const dir = t.testdir();
  const scratch = scratchBuffer(`${dir}/disk/buffer`);
  writeFileSync(`${dir}/disk`, 'not mounted yet');
  const keeper = keeperOf(scratch);
  t.match(await keeper.accept([parsed(sale('R-1'))]), { kind: 'unavailable' });
  rmSync(`${dir}/disk`);
  mkdirSync(`${dir}/disk`);
  t.match(await accepted(keeper, 'R-1'), { kind: 'accepted' });
  await keeper.stop();
});

t.test('a damaged page of refs is found by the look through the file: opening reads their index only', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open();
  await buffer.accept(Array.from({ length: 1_000 }, (_, n) => parsed(sale(`R-${n}`))));
  buffer.close();
  const db = new Sqlite(scratch.path, { readonly: true });
  const tables = new Set(db.prepare('SELECT rootpage FROM sqlite_schema').pluck().all());
  db.close();
  const bytes = readFileSync(scratch.path);
  const pages = Array.from({ length: bytes.length / 4096 }, (_, at) => bytes.subarray(at * 4096, (at + 1) * 4096));
  const LEAF = 0x0d;
  // An event's currency precedes its ref.
  const hit = pages.findIndex(
    (page, at) => !tables.has(at + 1) && page[0] === LEAF && page.includes('R-5') && !page.includes('EUR'),
  );
  t.ok(hit > 0);
  scratch.spoil(hit * 4096, 4096);
  const again = scratch.open();
  const look = (): void => {
    while (again.scrubStep()) {}
  };
  t.throws(look, { code: 'SQLITE_CORRUPT' });
  again.close(true);
  const salvaged = scratch.open();
  await salvaged.recover(async () => true);
  while (salvaged.scrubStep()) {}
  t.match(salvaged.facts(), { pending: 1_000, refs: 1_000, losses: { events: 0 } });
  salvaged.close();
});

t.test('damage that is met while events are read is salvaged beside the work', async (t) => {
  const scratch = scratchBuffer(`${t.testdir()}/buffer`);
  const first = scratch.open();
  for (let at = 0; at < 30; at++)
    await first.accept(Array.from({ length: 20 }, (_, n) => parsed(sale(`R-${20 * at + n}`))));
  const expected = offered(first).size;
  first.close();
  scratch.spoil(8 * 4096, 4096);
  const keeper = keeperOf(scratch);
  let passes = 0;
  for (let more = true; more; ) {
    const buffer = await healed(keeper);
    try {
      while (buffer.scrubStep()) {}
      more = keeper.buffer !== buffer;
    } catch {
      passes++;
    }
  }
  const buffer = await healed(keeper);
  const missing = buffer.losses(1_000).reduce((sum, { count }) => sum + count, 0);
  t.equal(offered(buffer).size + missing, expected);
  t.ok(missing < 60, `${missing} lost with a page`);
  t.ok(passes > 0 || missing === 0);
  await keeper.stop();
});

t.test(
  'when its log is cut under a running agent, nothing more is accepted into it, and what is gone is accounted for',
  async (t) => {
    const scratch = scratchBuffer(`${t.testdir()}/buffer`);
    const keeper = keeperOf(scratch);
    for (let sale = 1; sale <= 50; sale++) await accepted(keeper, `R-${sale}`);
    truncateSync(`${scratch.path}-wal`, 40_000);
    t.match(await keeper.accept([parsed(sale('new'))]), { kind: 'unavailable', detail: /-wal was truncated/ });
    t.match(await accepted(keeper, 'new'), { kind: 'accepted' });
    const buffer = await healed(keeper);
    const found = refs(buffer);
    t.ok(found.includes('new'));
    const missing = buffer.losses(1_000).reduce((sum, { count }) => sum + count, 0);
    t.ok(missing > 0);
    t.equal(found.length + missing, 51);
    await keeper.stop();
    const reader = openReadOnly(scratch.path);
    t.equal(account(reader).sound, true);
    reader.close();
  },
);

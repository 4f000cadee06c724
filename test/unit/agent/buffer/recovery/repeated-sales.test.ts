/** What a till repeats around a salvage, and what had been shipped before: each sale counts once. */
import { copyFileSync, cpSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import t, { type Test } from 'tap';
import type { SqliteBuffer } from '../../../../../agent/buffer/sqlite-buffer.ts';
import { accounts, greeting, healed, sales, shipAll } from '../../../../support/agent/crashed-buffer.ts';
import { type Scratch, scratchBuffer } from '../../../../support/agent/temp-buffer.ts';

const SMALL = { maxBytes: 3 * 1024 * 1024 };
/** So many fit into a small budget in part only. */
const MANY = 3_000;
const LONG = 'x'.repeat(300);

const refs = (first: number, count: number): string[] => sales(first, count).map(({ ref }) => ref!);

/** The database's header is lost; later it is opened again. */
function harm(scratch: Scratch): void {
  scratch.spoil(0, 100);
  scratch.clock += 1_000;
}

async function countsOnce(t: Test, scratch: Scratch, expected: readonly string[]): Promise<void> {
  const buffer = scratch.open();
  await healed(buffer);
  t.same([...(await shipAll(buffer)).values()].sort(), [...expected].sort(), 'each once');
  buffer.close();
  t.match(accounts(scratch), { sound: true });
}

for (const [what, isDamaged] of [
  ['starts anew', false],
  ['is damaged too', true],
] as const) {
  t.test(`a buffer that has shipped before all was brought over, and ${what}`, async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const all = sales(0, MANY, LONG);
    const repeated = all.filter((_, at) => at % 50 === 0);
    let buffer = scratch.open();
    await buffer.accept(all);
    buffer.close();
    harm(scratch);

    buffer = scratch.open(SMALL);
    t.match(await buffer.accept(repeated), { accepted: repeated.length });
    const stored = new Map<string, string>();
    const ship = async (): Promise<void> => {
      for (const [identity, ref] of await shipAll(buffer)) stored.set(identity, ref);
    };
    let isGreeted = false;
    void buffer.greeted(greeting).then(() => {
      isGreeted = true;
    });
    await buffer.recover(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      if (isGreeted) await ship();
      return !isGreeted;
    });
    t.ok(stored.size > 0 && stored.size < MANY - 100, `${stored.size} shipped before the end`);
    t.not(buffer.facts().salvage, null);
    buffer.close();
    if (isDamaged) harm(scratch);

    buffer = scratch.open();
    await healed(buffer);
    await ship();
    t.same([...stored.values()].sort(), refs(0, MANY).sort(), 'each once');
    buffer.close();
    t.match(accounts(scratch), { sound: true });
  });
}

t.test('where what the collector has finds no room, its repeats are known all the same', async (t) => {
  for (const when of ['while it is brought over', 'afterwards']) {
    await t.test(when, async (t) => {
      const scratch = scratchBuffer(t.testdir());
      let buffer = scratch.open();
      await buffer.accept(sales(0, MANY, LONG));
      const { open: epoch } = buffer.holdings();
      // The first ones wait: what comes after them is settled, and no mark says so.
      await buffer.settle([{ kind: 'stored', epoch, firstSeq: 101, lastSeq: MANY }]);
      buffer.close();
      harm(scratch);

      buffer = scratch.open(SMALL);
      const repeated = sales(1_000, 1_000, LONG).filter((_, at) => at % 10 === 0);
      const repeat = () => buffer.accept(repeated);
      if (when !== 'afterwards') await repeat();
      await healed(buffer);
      if (when === 'afterwards') t.match(await repeat(), { accepted: 0 });
      t.same([...(await shipAll(buffer)).values()].sort(), refs(0, 100).sort());
      buffer.close();
      t.match(accounts(scratch), { sound: true });
    });
  }
});

for (const isRestarted of [false, true]) {
  t.test(`rows of what the collector has are lost, ${isRestarted ? 'after' : 'without'} a restart`, async (t) => {
    const scratch = scratchBuffer(t.testdir());
    let buffer = scratch.open();
    await buffer.accept(sales(0, 200));
    await shipAll(buffer);
    buffer.close();
    if (isRestarted) {
      buffer = scratch.open();
      await buffer.accept(sales(500, 1));
      buffer.close();
    }
    const row = readFileSync(scratch.path).indexOf('EUR\xa4R-99', 0, 'latin1');
    t.ok(row > 0);
    scratch.spoil(row - (row % 4_096), 4_096);
    harm(scratch);
    buffer = scratch.open();
    await healed(buffer);
    t.match(await buffer.accept(sales(99, 1)), { accepted: 0, duplicates: [{ seq: 100 }] });
    t.same(buffer.losses(10), []);
    buffer.close();
  });
}

for (const [what, harmSide] of [
  ['', () => {}],
  [', and a power cut leaves the side file as it was', (side: string) => copyFileSync(`${side}.then`, side)],
  [', and the side file is lost', (side: string) => rmSync(side)],
] as const) {
  t.test(`a till that repeats itself through two damages${what}`, async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const side = `${scratch.path}.seq`;
    for (const [first, count] of [
      [0, 10],
      [8, 4],
      [9, 5],
      [5, 11],
    ] as const) {
      const buffer = scratch.open();
      copyFileSync(side, `${side}.then`);
      await buffer.accept(sales(first, count));
      buffer.close();
      harm(scratch);
    }
    harmSide(side);
    await countsOnce(t, scratch, refs(0, 16));
  });
}

for (const isShipped of [false, true]) {
  t.test(`the log is lost right after a salvage, ${isShipped ? 'shipped' : 'not shipped'} before`, async (t) => {
    const scratch = scratchBuffer(t.testdir());
    let buffer: SqliteBuffer = scratch.open();
    await buffer.accept(sales(0, 10));
    buffer.close();
    harm(scratch);
    buffer = scratch.open();
    await buffer.accept(sales(5, 3));
    await healed(buffer);
    const stored = isShipped ? await shipAll(buffer) : new Map<string, string>();
    const folder = `${t.testdirName}-then`;
    cpSync(dirname(scratch.path), folder, { recursive: true, filter: (name) => !/-(wal|shm)$|\.lock$/.test(name) });
    t.teardown(() => rmSync(folder, { recursive: true }));
    buffer.close();
    const cut = scratchBuffer(folder);
    cut.clock = scratch.clock;
    buffer = cut.open();
    await healed(buffer);
    for (const [identity, ref] of await shipAll(buffer)) stored.set(identity, ref);
    t.same([...stored.values()].sort(), refs(0, 10).sort(), 'each once');
    t.same(
      buffer.losses(10).filter(({ loss }) => loss.reason !== 'duplicate'),
      [],
    );
    buffer.close();
    t.match(accounts(cut), { sound: true });
  });
}

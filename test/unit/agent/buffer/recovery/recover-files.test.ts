import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import t, { type Test } from 'tap';
import type { SqliteBuffer } from '../../../../../agent/buffer/sqlite-buffer.ts';
import { openForRequeue, requeue } from '../../../../../agent/buffer/support/requeue.ts';
import { lossSum } from '../../../../../agent/buffer/tables/loss-record.ts';
import { HOUR_MS } from '../../../../../shared/time.ts';
import {
  accounts,
  crashed,
  greeting,
  healed,
  lost,
  offered,
  sales,
  shipAll,
} from '../../../../support/agent/crashed-buffer.ts';
import { NOW, parsed, sale } from '../../../../support/agent/events.ts';
import { type Scratch, scratchBuffer } from '../../../../support/agent/temp-buffer.ts';

const asideOf = ({ path }: Scratch): string[] =>
  readdirSync(dirname(path)).filter((name) => /\.(damaged|migrating|salvaged)-/.test(name));

const checkpoint = (path: string): void => {
  const db = new Sqlite(path);
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
};

t.test('a fresh installation is no damage, and neither is a side file that is missing or garbage', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  for (const spoil of [
    () => {},
    () => rmSync(`${scratch.path}.seq`),
    () => writeFileSync(`${scratch.path}.seq`, 'x'.repeat(999)),
  ]) {
    spoil();
    const buffer = scratch.open();
    await buffer.accept(sales(0, 3));
    t.same(lost(buffer), []);
    t.same(asideOf(scratch), []);
    buffer.close();
  }
});

t.test('a destroyed header costs nothing: streams, seqs, hours and contents are as they were', async (t) => {
  const dir = t.testdir();
  const first = scratchBuffer(`${dir}/first`);
  const before = first.open();
  await before.accept([...sales(0, 50), parsed(sale('old', { ts: NOW - 5 * HOUR_MS }))]);
  const { open: epoch } = before.holdings();
  await before.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 10 }]);
  await before.settle([{ kind: 'quarantined', epoch, firstSeq: 11, lastSeq: 11, reason: 'odd' }]);
  const expected = offered(before);
  before.close();
  first.spoil(0, 200);

  const buffer = first.open();
  t.match(await buffer.accept([parsed(sale('new'))]), { kind: 'accepted', firstSeq: 1 }, 'it answers first');
  t.equal(buffer.oldestPending(), 0, 'until it knows better it vouches for nothing');
  let isGreeted = false;
  const greeted = buffer.greeted(greeting).then(() => {
    isGreeted = true;
  });
  t.match(buffer.facts().salvage, /recovering buffer\.db\.damaged-\S+ \(file is not a database\)/);
  t.notOk(isGreeted, 'nothing is shipped');
  await healed(buffer);
  await greeted;
  const found = offered(buffer);
  for (const [key, event] of expected) t.same(found.get(key), event);
  // What was acknowledged too: the file does not tell by which state of the collector's store.
  const size = expected.size + 1 + 10;
  t.equal(found.size, size);
  t.match(buffer.facts(), { acked: 0, quarantined: 1, salvage: null, losses: { events: 1 } });
  t.same(lost(buffer), [`${epoch} 11-11 quarantined`]);
  t.same(
    buffer.holdings().epochs.map(({ epoch }) => epoch),
    [epoch, buffer.holdings().open],
    'the older epoch comes first',
  );
  buffer.close();
  t.match(accounts(first), { sound: true });
  t.match(asideOf(first), [/\.salvaged-/], 'the damaged file is kept');
  const again = first.open();
  t.equal(offered(again).size, size);
  again.close();
});

t.test('a lost log is accounted for to the event', async (t) => {
  const dir = t.testdir();
  const first = scratchBuffer(`${dir}/first`);
  const before = first.open();
  await before.accept(sales(0, 20));
  checkpoint(first.path);
  await before.accept(sales(20, 7));
  const { open: epoch } = before.holdings();
  const copy = crashed(first, dir, 'copy');
  before.close();
  rmSync(`${copy.path}-wal`);
  const buffer = copy.open();
  await healed(buffer);
  t.same(lost(buffer), [`${epoch} 21-27 unreadable`]);
  t.equal(offered(buffer).size, 20);
  buffer.close();
  t.match(accounts(copy), { sound: true });
});

t.test('a destroyed database is accounted for to the event, less what the collector has', async (t) => {
  const dir = t.testdir();
  const first = scratchBuffer(`${dir}/first`);
  const before = first.open();
  await before.accept(sales(0, 30));
  const { open: epoch } = before.holdings();
  await before.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 12 }]);
  await before.settle([{ kind: 'stored', epoch, firstSeq: 14, lastSeq: 14 }]);
  const copy = crashed(first, dir, 'copy');
  before.close();
  rmSync(copy.path);
  rmSync(`${copy.path}-wal`);
  const buffer = copy.open();
  await healed(buffer);
  // 14 too: that it was stored is known to nobody but the collector, and stored beats lost.
  t.same(lost(buffer), [`${epoch} 13-30 unreadable`]);
  t.match(buffer.losses(1), [{ hour: Math.floor(NOW / HOUR_MS) }]);
  buffer.close();
  t.match(accounts(copy), { sound: true });
  const again = copy.open();
  t.equal(lost(again).length, 1, 'once');
  again.close();
});

t.test('a database that was restored from an older backup lacks what came since, which is lost', async (t) => {
  const dir = t.testdir();
  const first = scratchBuffer(`${dir}/first`);
  const before = first.open();
  await before.accept(sales(0, 10));
  const { open: epoch } = before.holdings();
  const backup = crashed(first, dir, 'backup');
  await before.accept(sales(10, 5));
  before.close();
  const middle = first.open();
  await middle.accept(sales(15, 4));
  const { open: second } = middle.holdings();
  middle.close();
  for (const suffix of ['', '-wal']) writeFileSync(first.path + suffix, readFileSync(backup.path + suffix));
  const buffer = first.open();
  await healed(buffer);
  t.same(lost(buffer), [`${epoch} 11-15 unreadable`, `${second} 1-4 unreadable`]);
  t.equal(offered(buffer).size, 10);
  buffer.close();
  t.match(accounts(first), { sound: true });
});

t.test(
  'what support requeued on a dead agent’s file is offered, though its loss was told and the file is damaged before the next start',
  async (t) => {
    const scratch = scratchBuffer(t.testdir());
    let buffer = scratch.open();
    const { open: epoch } = buffer.holdings();
    await buffer.accept(sales(0, 6));
    await buffer.settle([
      { kind: 'stored', epoch, firstSeq: 1, lastSeq: 2 },
      { kind: 'quarantined', epoch, firstSeq: 3, lastSeq: 6, reason: 'odd' },
    ]);
    await buffer.settle(buffer.losses(10).map(({ id }) => ({ kind: 'loss-stored', id })));
    buffer.close();
    const db = openForRequeue(scratch.path);
    t.match(requeue(db, { epoch, firstSeq: 4, lastSeq: 5 }, NOW), { requeued: 2 });
    db.close();
    for (const damage of ['first', 'second']) {
      scratch.spoil(0, 200);
      buffer = scratch.open();
      await healed(buffer);
      t.same(
        [...offered(buffer).values()].map(({ seq }) => seq),
        [4, 5],
        `${damage} damage`,
      );
      t.match(buffer.facts(), { acked: 2, quarantined: 2, losses: { events: 4, unsent: 0 } });
      buffer.close();
    }
    buffer = scratch.open();
    t.same([...(await shipAll(buffer)).values()], ['R-3', 'R-4']);
    buffer.close();
    scratch.spoil(0, 200);
    buffer = scratch.open();
    await healed(buffer);
    t.match(buffer.facts(), { pending: 0, acked: 4, quarantined: 2 }, 'once it was sent, it is settled like any other');
    buffer.close();
    t.match(accounts(scratch), { sound: true });
  },
);

t.test('a cloned image is no damage: each clone goes on with an epoch of its own', async (t) => {
  const dir = t.testdir();
  const first = scratchBuffer(`${dir}/first`);
  const before = first.open();
  await before.accept(sales(0, 10));
  const clones = ['a', 'b'].map((name) => crashed(first, dir, name));
  before.close();
  const streams = clones.map((clone) => {
    const buffer = clone.open();
    t.equal(offered(buffer).size, 10);
    t.same(asideOf(clone), []);
    const { stream } = buffer;
    buffer.close();
    return stream;
  });
  t.equal(new Set(streams).size, 2);
});

t.test('a retry that meets a salvage counts once', async (t) => {
  const dir = t.testdir();
  const first = scratchBuffer(`${dir}/first`);
  const before = first.open();
  await before.accept(sales(0, 10));
  const { open: epoch } = before.holdings();
  before.close();
  first.spoil(0, 100);
  const buffer = first.open();
  // The till repeats what it had no answer to, before the salvage knows the first one.
  t.match(await buffer.accept(sales(9, 2)), { accepted: 2, firstSeq: 1, lastSeq: 2, duplicates: [] });
  const { open: second } = buffer.holdings();
  await healed(buffer);
  t.same(
    [...offered(buffer).keys()].sort(),
    [...Array.from({ length: 10 }, (_, at) => `${epoch} ${at + 1}`), `${second} 2`].sort(),
  );
  t.same(lost(buffer), [`${second} 1-1 duplicate`]);
  t.match(buffer.losses(1), [{ loss: { detail: `the same as till-1.${epoch} seq 10` } }]);
  t.match(await buffer.accept(sales(9, 1)), { accepted: 0, duplicates: [{ stream: `till-1.${epoch}`, seq: 10 }] });
  buffer.close();
  t.match(accounts(first), { sound: true });
});

t.test('a till sells on while a salvage goes on and ends: no commit is counted twice', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  let buffer = scratch.open();
  await buffer.accept(sales(0, 10));
  buffer.close();
  scratch.spoil(0, 100);
  buffer = scratch.open();
  const selling = { on: true };
  const healing = healed(buffer).finally(() => {
    selling.on = false;
  });
  let sold = 10;
  while (selling.on) t.match(await buffer.accept(sales(sold++, 1)), { accepted: 1 });
  await healing;
  t.match(buffer.facts(), { pending: sold });
  t.equal(offered(buffer).size, sold);
  buffer.close();
  t.match(accounts(scratch), { sound: true });
});

t.test('the ref of an event that is lost does not hide its repeat', async (t) => {
  const dir = t.testdir();
  const first = scratchBuffer(`${dir}/first`);
  const before = first.open();
  await before.accept(sales(0, 200));
  before.close();
  const bytes = readFileSync(first.path);
  first.spoil(0, 100);
  for (let from = 0; ; ) {
    const found = bytes.indexOf('R-99', from);
    if (found < 0) break;
    // In an event's body the ref follows the currency.
    if (bytes.toString('latin1', found - 4, found - 1) === 'EUR') first.spoil(found, 4);
    from = found + 4;
  }
  const buffer = first.open();
  await healed(buffer);
  t.match(lost(buffer), [/ 100-100 unreadable$/]);
  t.match(await buffer.accept(sales(99, 1)), { accepted: 1, duplicates: [] });
  buffer.close();
});

t.test(
  'the ledger is read first: what was given up is still in pages that were freed, and lies before it',
  async (t) => {
    const scratch = scratchBuffer(t.testdir());
    let buffer = scratch.open();
    const { open: epoch } = buffer.holdings();
    await buffer.accept(sales(0, 300));
    buffer.close();
    const db = new Sqlite(scratch.path);
    const write = db.prepare(
      'INSERT INTO losses (epoch, first_seq, count, hour, reason, at, detail, acked, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    for (let seq = 1; seq <= 200; seq++) {
      const [hour, at, detail] = [Math.floor(NOW / HOUR_MS), NOW, 'long'.padEnd(100)] as const;
      const record = { epoch, first_seq: seq, count: 1, hour, reason: 'evicted', at, detail, acked: NOW };
      write.run(epoch, seq, 1, hour, 'evicted', at, detail, NOW, lossSum(record));
    }
    db.exec('DELETE FROM events WHERE seq <= 200; DELETE FROM refs WHERE seq <= 200');
    db.close();
    scratch.open().close();
    scratch.spoil(0, 200);

    buffer = scratch.open();
    await healed(buffer);
    t.match(buffer.facts(), { pending: 100, acked: 0, quarantined: 0, losses: { events: 200, unsent: 0 } });
    t.match(await buffer.accept(sales(0, 200)), { accepted: 200 }, 'a repeat is welcome');
    t.match(await buffer.accept(sales(200, 100)), { accepted: 0 });
    buffer.close();
    t.match(accounts(scratch), { sound: true });
  },
);

for (const when of ['before', 'while', 'after']) {
  t.test(
    `a ref that is left of what was given up and told hides no repeat that comes ${when} it is brought over`,
    async (t) => {
      const scratch = scratchBuffer(t.testdir());
      let buffer = scratch.open();
      const { open: epoch } = buffer.holdings();
      await buffer.accept(sales(0, 300));
      buffer.close();
      const db = new Sqlite(scratch.path);
      const [hour, at] = [Math.floor(NOW / HOUR_MS), NOW] as const;
      const record = { epoch, first_seq: 1, count: 200, hour, reason: 'evicted', at, detail: null, acked: at };
      db.prepare(
        'INSERT INTO losses (epoch, first_seq, count, hour, reason, at, detail, acked, sum) VALUES (?, 1, 200, ?, ?, ?, NULL, ?, ?)',
      ).run(epoch, hour, 'evicted', at, at, lossSum(record));
      db.exec('DELETE FROM events WHERE seq <= 200; DELETE FROM refs WHERE seq <= 200');
      db.close();
      scratch.open().close();
      scratch.spoil(0, 200);

      buffer = scratch.open();
      if (when === 'before') t.match(await buffer.accept(sales(0, 200)), { accepted: 200 });
      const healing = healed(buffer);
      if (when === 'after') await healing;
      for (let number = 0; number < 200 && when !== 'before'; number++) await buffer.accept(sales(number, 1));
      await healing;
      t.same(lost(buffer), [], 'nothing is given up as a repeat of what is lost');
      t.match(buffer.facts(), { pending: 300, losses: { events: 200 } });
      buffer.close();
      t.match(accounts(scratch), { sound: true });
    },
  );
}

/** One that had to give up its oldest sales; `sold` says what the sale of a number was. */
async function overfullBuffer(t: Test) {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open({ maxBytes: 3 * 1024 * 1024, whenFull: 'drop-oldest' });
  const sold = (number: number) => parsed(sale(`L-${number}`, { attrs: 'x'.padEnd(3_000) }));
  let count = 0;
  while (buffer.facts().losses.events < 20) await buffer.accept([sold(count++)]);
  return { scratch, buffer, sold, count };
}

t.test('what was given up and found again counts once, though its repeat was stored', async (t) => {
  const overfull = await overfullBuffer(t);
  const { scratch, sold, count } = overfull;
  let { buffer } = overfull;
  const lostFirst = buffer.facts().losses.events;
  for (let number = lostFirst - 5; number < lostFirst; number++) {
    t.match(await buffer.accept([sold(number)]), { accepted: 1 }, 'its ref went with it');
  }
  buffer.close();
  scratch.spoil(0, 200);
  buffer = scratch.open();
  await healed(buffer);
  const refs = [...offered(buffer).values()].map(({ event }) => event.ref!);
  t.equal(new Set(refs).size, refs.length, 'each once');
  for (let number = lostFirst - 5; number < count; number++) t.ok(refs.includes(`L-${number}`));
  buffer.close();
  t.match(accounts(scratch), { sound: true });
});

t.test('what was given up and told is no more known by a ref that is left of it in a page', async (t) => {
  const overfull = await overfullBuffer(t);
  const { scratch, sold, count } = overfull;
  let { buffer } = overfull;
  const { open: epoch } = buffer.holdings();
  await buffer.settle(buffer.losses(100).map(({ id }) => ({ kind: 'loss-stored', id })));
  const { events } = buffer.facts().losses;
  await buffer.settle([{ kind: 'stored', epoch, firstSeq: events + 1, lastSeq: count }]);
  buffer.close();
  scratch.spoil(0, 200);
  buffer = scratch.open();
  await healed(buffer);
  const answers = [];
  for (let number = 0; number < events; number++) answers.push(await buffer.accept([sold(number)]));
  t.same(
    answers.flatMap((answer) => (answer.kind === 'accepted' ? answer.duplicates : [])),
    [],
    'a repeat of what is lost is welcome',
  );
  t.match(await buffer.accept([sold(count - 1)]), { accepted: 0 }, 'what the collector has is known');
  buffer.close();
  t.match(accounts(scratch), { sound: true });
});

t.test('a salvage that is killed at any moment goes on', async (t) => {
  const dir = t.testdir();
  const first = scratchBuffer(`${dir}/first`);
  const before = first.open();
  for (let at = 0; at < 40; at++) await before.accept(sales(100 * at, 100));
  const { open: epoch } = before.holdings();
  await before.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 1000 }]);
  const expected = [...offered(before).keys()].sort();
  before.close();
  first.spoil(4096 * 3, 4096);
  first.spoil(0, 100);
  let scratch = first;
  let opened = 0;
  for (let buffer: SqliteBuffer = scratch.open(); ; buffer = scratch.open()) {
    opened++;
    const healing = healed(buffer).catch(() => {});
    // As many turns as it takes for one more slice each time.
    for (let turn = 0; turn < 3 * opened; turn++) await new Promise((resolve) => setImmediate(resolve));
    const isOver = buffer.facts().salvage === null;
    const copy = crashed(scratch, dir, `kill-${opened}`);
    for (const name of asideOf(scratch))
      writeFileSync(`${dirname(copy.path)}/${name}`, readFileSync(`${dirname(scratch.path)}/${name}`));
    await healing;
    buffer.close();
    scratch = copy;
    if (isOver) break;
  }
  t.ok(opened > 2, `opened ${opened} times`);
  const buffer = scratch.open();
  await healed(buffer);
  const found = [...offered(buffer).keys()].sort();
  const missing = expected.filter((key) => !found.includes(key));
  const lostSeqs = buffer.losses(1_000).reduce((sum, { count }) => sum + count, 0);
  t.ok(missing.length <= lostSeqs && lostSeqs < 100, `${missing.length} missing, ${lostSeqs} lost`);
  t.same(
    found.filter((key) => !expected.includes(key)),
    [],
  );
  buffer.close();
  t.match(accounts(scratch), { sound: true });
});

t.test('a second damage while the first is being brought over loses nothing of either', async (t) => {
  const dir = t.testdir();
  const first = scratchBuffer(`${dir}/first`);
  const before = first.open();
  await before.accept(sales(0, 10));
  const { open: a } = before.holdings();
  before.close();
  first.spoil(0, 100);
  const middle = first.open();
  await middle.accept(sales(8, 4));
  const { open: b } = middle.holdings();
  middle.close();
  first.spoil(0, 100);
  first.clock += 1_000;
  const buffer = first.open();
  t.equal(asideOf(first).length, 2);
  await healed(buffer);
  const keys = [...offered(buffer).keys()];
  t.same(
    keys.sort(),
    [...Array.from({ length: 10 }, (_, at) => `${a} ${at + 1}`), `${b} 3`, `${b} 4`].sort(),
    'repeats count once',
  );
  t.same(
    lost(buffer).filter((loss) => !loss.endsWith('duplicate')),
    [],
  );
  buffer.close();
  t.match(accounts(first), { sound: true });
});

t.test(
  'of damaged files that were brought over the last two are kept, and none where a sale needs the room',
  async (t) => {
    const scratch = scratchBuffer(t.testdir());
    scratch.open().close();
    let free = 1024 ** 3;
    for (let damage = 0; damage < 4; damage++) {
      scratch.spoil(0, 200);
      scratch.clock += 1_000;
      const buffer = scratch.open();
      await healed(buffer);
      t.match(await buffer.accept(sales(damage, 1)), { kind: 'accepted' });
      t.equal(buffer.facts().pending, damage + 1);
      buffer.close();
      t.equal(asideOf(scratch).length, Math.min(2, damage + 1));
    }
    const newest = asideOf(scratch).sort().at(-1)!;
    t.match(newest, new RegExp(new Date(scratch.clock).toISOString().slice(17, 19)), 'the newest among them');
    const minFreeBytes = 1024 * 1024;
    const buffer = scratch.open({ minFreeBytes, diskFree: () => (asideOf(scratch).length > 0 ? 0 : free) });
    t.match(await buffer.accept(sales(9, 1)), { kind: 'accepted' });
    t.same(asideOf(scratch), []);
    free = 0;
    t.match(await buffer.accept(sales(10, 100)), { kind: 'full' }, 'nothing is left to give up');
    buffer.close();
  },
);

for (const [what, expires] of [
  ['expires of what the collector acknowledged', true],
  ['the collector acknowledged', false],
] as const) {
  t.test(`where the budget has no room for what is brought over, what ${what} makes some`, async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const small = { maxBytes: 3 * 1024 * 1024 };
    const sold: string[] = [];
    const fill = async (buffer: SqliteBuffer): Promise<void> => {
      for (;;) {
        const refs = Array.from({ length: 10 }, (_, at) => `L-${sold.length + at}`);
        const answer = await buffer.accept(refs.map((ref) => parsed(sale(ref, { attrs: ref.padEnd(3_000) }))));
        if (answer.kind === 'full') return;
        sold.push(...refs);
      }
    };
    let buffer = scratch.open(small);
    await fill(buffer);
    const { open: epoch } = buffer.holdings();
    await buffer.settle([{ kind: 'stored', epoch, firstSeq: 5, lastSeq: 9 }]);
    const shipped = sold.slice(4, 9);
    buffer.close();
    scratch.spoil(0, 200);

    buffer = scratch.open(small);
    await fill(buffer);
    let pauses = 0;
    let isGreeted = false;
    void buffer.greeted(greeting).then(() => {
      isGreeted = true;
    });
    const ship = async (): Promise<void> => {
      shipped.push(...(await shipAll(buffer)).values());
      if (!expires) return;
      scratch.clock += 25 * HOUR_MS;
      while (buffer.expireStep()) {}
    };
    await buffer.recover(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      if (isGreeted) await ship();
      return ++pauses < 50;
    });
    t.equal(buffer.facts().salvage, null);
    await ship();
    t.same(shipped.sort(), sold.sort(), 'each once');
    t.same(lost(buffer), []);
    buffer.close();
    t.match(accounts(scratch), { sound: true });
  });
}

t.test('where the budget was lowered below what is brought over, it is shipped part by part', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const refs = Array.from({ length: 3_000 }, (_, at) => `L-${at}`);
  let buffer = scratch.open();
  await buffer.accept(refs.map((ref) => parsed(sale(ref, { attrs: ref.padEnd(300) }))));
  buffer.close();
  scratch.spoil(0, 200);

  buffer = scratch.open({ maxBytes: 3 * 1024 * 1024 });
  let pauses = 0;
  const shipped: string[] = [];
  let isGreeted = false;
  void buffer.greeted(greeting).then(() => {
    isGreeted = true;
  });
  await buffer.recover(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    if (isGreeted) shipped.push(...(await shipAll(buffer)).values());
    return ++pauses < 200;
  });
  t.equal(buffer.facts().salvage, null);
  shipped.push(...(await shipAll(buffer)).values());
  t.same(shipped.sort(), refs.sort(), 'each once');
  t.same(lost(buffer), []);
  buffer.close();
  t.match(accounts(scratch), { sound: true });
});

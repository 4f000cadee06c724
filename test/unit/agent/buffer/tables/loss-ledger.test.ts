import { copyFileSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import t from 'tap';
import { LossLedger } from '../../../../../agent/buffer/tables/loss-ledger.ts';
import { epoch as epochOf } from '../../../../../shared/ids.ts';
import { HOUR_MS, hourOf } from '../../../../../shared/time.ts';
import { healed } from '../../../../support/agent/crashed-buffer.ts';
import { NOW, parsed, sale } from '../../../../support/agent/events.ts';
import { scratchBuffer } from '../../../../support/agent/temp-buffer.ts';

const sales = (from: number, count: number, ts = NOW) =>
  Array.from({ length: count }, (_, at) => parsed(sale(`R-${from + at}`, { ts })));
const HOUR = hourOf(NOW);

t.test('a quarantine writes a record for each run of seqs of an hour', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open();
  let told = 0;
  buffer.onLoss(() => told++);
  const { open: epoch } = buffer.holdings();
  await buffer.accept([...sales(0, 3, NOW - HOUR_MS), ...sales(3, 3)]);
  await buffer.settle([{ kind: 'stored', epoch, firstSeq: 5, lastSeq: 5 }]);
  t.equal(told, 0);
  await buffer.settle([{ kind: 'quarantined', epoch, firstSeq: 1, lastSeq: 6, reason: 'odd' }]);
  t.equal(told, 1);
  t.same(buffer.losses(10), [
    { id: 1, epoch, firstSeq: 1, count: 3, hour: HOUR - 1, loss: { reason: 'quarantined', at: NOW, detail: 'odd' } },
    { id: 2, epoch, firstSeq: 4, count: 1, hour: HOUR, loss: { reason: 'quarantined', at: NOW, detail: 'odd' } },
    { id: 3, epoch, firstSeq: 6, count: 1, hour: HOUR, loss: { reason: 'quarantined', at: NOW, detail: 'odd' } },
  ]);
  t.equal(buffer.losses(2).length, 2);
  t.match(buffer.facts().losses, { events: 5, records: 3, unsent: 3 });
  t.equal(buffer.holdings().losses, 5);
  buffer.close();
});

t.test('a record that the collector has is kept, but offered no more', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open();
  const { open: epoch } = buffer.holdings();
  await buffer.accept(sales(0, 4));
  for (const seq of [1, 3])
    await buffer.settle([{ kind: 'quarantined', epoch, firstSeq: seq, lastSeq: seq, reason: 'odd' }]);
  await buffer.settle([
    { kind: 'loss-stored', id: 1 },
    { kind: 'loss-stored', id: 1 },
    { kind: 'loss-stored', id: 99 },
  ]);
  t.same(
    buffer.losses(10).map(({ id }) => id),
    [2],
  );
  t.match(buffer.facts().losses, { events: 2, records: 2, unsent: 1 });
  buffer.close();
  const again = scratch.open();
  t.match(again.facts().losses, { events: 2, records: 2, unsent: 1 });
  t.equal(again.losses(10).length, 1);
  again.close();
});

t.test('a record grows until it is offered for shipping', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open();
  const { open: epoch } = buffer.holdings();
  await buffer.accept(sales(0, 9));
  const giveUp = (firstSeq: number, lastSeq: number) =>
    buffer.settle([{ kind: 'quarantined', epoch, firstSeq, lastSeq, reason: 'odd' }]);
  await giveUp(1, 2);
  await giveUp(3, 4);
  t.match(buffer.losses(10), [{ id: 1, firstSeq: 1, count: 4 }]);
  await giveUp(5, 6);
  t.match(buffer.losses(10), [
    { id: 1, count: 4 },
    { id: 2, firstSeq: 5, count: 2 },
  ]);
  await giveUp(8, 9);
  t.match(buffer.losses(10), [{}, { count: 2 }, { firstSeq: 8 }], 'not over a gap');
  buffer.close();
});

t.test('a loss of more seqs than a collector takes in one record is several', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open();
  buffer.close();
  const db = new Sqlite(scratch.path);
  const ledger = new LossLedger(db, t.fail);
  const epoch = epochOf('00000000000000aa');
  const lost = { epoch, hour: HOUR, reason: 'unreadable', detail: null } as const;
  t.match(ledger.write({ ...lost, firstSeq: 1, lastSeq: 2 ** 24 - 1 }, NOW), { records: 1 });
  t.match(ledger.write({ ...lost, firstSeq: 2 ** 24, lastSeq: 2 ** 25 + 5 }, NOW), { records: 2 });
  t.match(ledger.unacknowledged(10), [
    { firstSeq: 1, count: 2 ** 24 },
    { firstSeq: 2 ** 24 + 1, count: 2 ** 24 },
    { firstSeq: 2 ** 25 + 1, count: 5 },
  ]);
  db.close();
});

t.test('a record that is not what was written is not offered, and told once', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open();
  const { open: epoch } = buffer.holdings();
  await buffer.accept(sales(0, 3));
  for (const seq of [1, 3])
    await buffer.settle([{ kind: 'quarantined', epoch, firstSeq: seq, lastSeq: seq, reason: 'odd' }]);
  const db = new Sqlite(scratch.path);
  db.exec('UPDATE losses SET count = 7 WHERE id = 1');
  db.close();
  t.match(buffer.losses(1), [{ id: 2 }]);
  buffer.losses(1);
  t.same(scratch.damage, ['loss record 1 is damaged']);
  buffer.close();
});

t.test('a row that is not what was written is a loss of the hour of its neighbours', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const before = scratch.open();
  const { open: epoch } = before.holdings();
  await before.accept([...sales(0, 2), ...sales(2, 2, NOW + HOUR_MS)]);
  before.close();
  const db = new Sqlite(scratch.path);
  db.exec('UPDATE events SET hour = 7 WHERE seq = 2');
  db.close();
  const buffer = scratch.open();
  [...buffer.pending(0)];
  await buffer.accept(sales(9, 1));
  t.match(buffer.losses(10), [
    { epoch, firstSeq: 2, count: 1, hour: HOUR, loss: { reason: 'unreadable', detail: /checksum/ } },
  ]);
  buffer.close();
});

t.test('a restored store', async (t) => {
  const greeting = (storeGen: string) => ({
    storeGen,
    trueTimeOrigin: Date.now() - performance.now(),
    uncertaintyMs: 5,
  });

  t.test('is offered again what it had acknowledged, as far as it is kept', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const buffer = scratch.open({ keepAckedHours: 1 });
    const { open: epoch } = buffer.holdings();
    await buffer.greeted(greeting('a'));
    await buffer.accept(sales(0, 2_500));
    await buffer.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 10 }]);
    scratch.clock += HOUR_MS;
    buffer.expireStep();
    await buffer.settle([
      { kind: 'stored', epoch, firstSeq: 11, lastSeq: 2_400 },
      { kind: 'quarantined', epoch, firstSeq: 2_401, lastSeq: 2_402, reason: 'odd' },
    ]);
    await buffer.settle([{ kind: 'loss-stored', id: 1 }]);
    await buffer.greeted(greeting('a'));
    t.match(buffer.facts(), { pending: 98, acked: 2_390, losses: { unsent: 0 } });
    let woken = 0;
    buffer.onPending(() => woken++);
    buffer.onLoss(() => woken++);
    await buffer.greeted(greeting('b'));
    t.match(buffer.facts(), { pending: 2_488, acked: 0, quarantined: 2, losses: { records: 1, unsent: 1 } });
    t.ok(woken >= 2);
    t.same(
      [...buffer.pending(0)].slice(0, 1).map(({ seq }) => seq),
      [11],
    );
    t.match(buffer.losses(1), [{ id: 1 }]);
    await buffer.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 2_500 }]);
    buffer.close();
    const again = scratch.open();
    await again.greeted(greeting('b'));
    t.match(again.facts(), { pending: 0, acked: 2_488 });
    t.same(scratch.damage, []);
    again.close();
  });

  t.test(
    'is offered again what a salvage brought over, unless the damaged file says that it was of this generation',
    async (t) => {
      const dir = t.testdir();
      for (const isReadable of [false, true]) {
        for (const storeGen of ['a', 'b']) {
          const scratch = scratchBuffer(`${dir}/${isReadable}-${storeGen}`);
          const before = scratch.open();
          const { open: epoch } = before.holdings();
          await before.greeted(greeting('a'));
          await before.accept(sales(0, 20));
          await before.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 20 }]);
          before.close();
          copyFileSync(scratch.path, `${scratch.path}.old`);
          const later = scratch.open();
          await later.accept(sales(20, 1));
          later.close();
          if (isReadable) copyFileSync(`${scratch.path}.old`, scratch.path);
          else scratch.spoil(0, 200);
          const buffer = scratch.open();
          await healed(buffer);
          const waiting = isReadable ? 0 : 1;
          t.match(buffer.facts(), { pending: waiting, acked: 20 });
          await buffer.greeted(greeting(storeGen));
          const offered = isReadable && storeGen === 'a' ? 0 : 20;
          t.match(buffer.facts(), { pending: waiting + offered, acked: 20 - offered }, `${isReadable} ${storeGen}`);
          await buffer.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 20 }]);
          buffer.close();
          const again = scratch.open();
          await again.greeted(greeting(storeGen));
          t.match(again.facts(), { pending: waiting, acked: 20 }, 'once');
          again.close();
        }
      }
    },
  );

  t.test('that is the first one seen changes nothing', async (t) => {
    const buffer = scratchBuffer(t.testdir()).open();
    const { open: epoch } = buffer.holdings();
    await buffer.accept(sales(0, 5));
    await buffer.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 3 }]);
    await buffer.greeted(greeting('a'));
    t.match(buffer.facts(), { pending: 2, acked: 3 });
    buffer.close();
  });
});

t.test('an epoch is forgotten with its ledger, 30 days after the collector had the last of it', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const first = scratch.open({ keepAckedHours: 0 });
  const { open: epoch } = first.holdings();
  await first.accept(sales(0, 3));
  await first.settle([{ kind: 'quarantined', epoch, firstSeq: 1, lastSeq: 1, reason: 'odd' }]);
  first.close();
  const db = new Sqlite(scratch.path);
  // Support threw the event away.
  db.exec('DELETE FROM events WHERE state = 2');
  db.close();
  const second = scratch.open({ keepAckedHours: 0 });
  await second.accept(sales(5, 1));
  await second.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 3 }]);
  second.expireStep();
  second.close();
  const epochs = (): number => {
    const buffer = scratch.open({ keepAckedHours: 0 });
    const count = buffer.facts().epochs.filter((one) => one.epoch === epoch).length;
    buffer.close();
    return count;
  };
  scratch.clock += 100 * 24 * HOUR_MS;
  t.equal(epochs(), 1, 'its loss is not told yet');
  const third = scratch.open({ keepAckedHours: 0 });
  await third.settle([{ kind: 'loss-stored', id: 1 }]);
  third.close();
  t.equal(epochs(), 1);
  scratch.clock += 30 * 24 * HOUR_MS;
  t.equal(epochs(), 0, 'nor did it end lately');
  const last = scratch.open();
  t.match(last.facts().losses, { records: 0 });
  last.close();
});

import Sqlite from 'better-sqlite3';
import t from 'tap';
import { openForRequeue, requeue } from '../../../../../agent/buffer/support/requeue.ts';
import { NOW, parsed, sale } from '../../../../support/agent/events.ts';
import { type Scratch, scratchBuffer } from '../../../../support/agent/temp-buffer.ts';

const sales = (from: number, count: number) => Array.from({ length: count }, (_, at) => parsed(sale(`R-${from + at}`)));

async function withQuarantine(scratch: Scratch, count = 5) {
  const buffer = scratch.open();
  const { open: epoch } = buffer.holdings();
  await buffer.accept(sales(0, count));
  await buffer.settle([{ kind: 'quarantined', epoch, firstSeq: 2, lastSeq: count - 1, reason: 'odd' }]);
  return { buffer, epoch };
}

t.test('quarantined events are pending again under their old seqs; the loss stays told', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const { buffer, epoch } = await withQuarantine(scratch, 1_000);
  buffer.close();
  const db = openForRequeue(scratch.path);
  t.same(requeue(db, null, NOW, true), { requeued: 998, duplicates: 0, refused: [] }, 'a dry run');
  t.same(requeue(db, { epoch, firstSeq: 3, lastSeq: 3 }, NOW), { requeued: 1, duplicates: 0, refused: [] });
  t.same(requeue(db, null, NOW), { requeued: 997, duplicates: 0, refused: [] });
  t.same(requeue(db, null, NOW), { requeued: 0, duplicates: 0, refused: [] });
  db.close();
  const again = scratch.open();
  t.same(
    [...again.pending(0)].map(({ seq }) => seq),
    Array.from({ length: 1_000 }, (_, at) => at + 1),
  );
  t.match(again.facts(), { pending: 1_000, quarantined: 0, losses: { events: 998, unsent: 1 } });
  t.same(scratch.damage, []);
  again.close();
});

t.test('a duplicate that a salvage gave up stays: it would count twice', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  let buffer = scratch.open();
  const { open: first } = buffer.holdings();
  await buffer.accept(sales(0, 1));
  buffer.close();
  scratch.spoil(0, 100);
  buffer = scratch.open();
  const { open: epoch } = buffer.holdings();
  await buffer.accept(sales(0, 2));
  await buffer.recover(async () => true);
  const db = openForRequeue(scratch.path);
  const fault = `it is the same as till-1.${first} seq 1, and would count twice`;
  t.same(requeue(db, null, NOW), { requeued: 0, duplicates: 1, refused: [] });
  t.same(requeue(db, { epoch, firstSeq: 1, lastSeq: 1 }, NOW), {
    requeued: 0,
    duplicates: 0,
    refused: [{ epoch, seq: 1, fault }],
  });
  db.close();
  buffer.reloadIfChanged();
  t.same(
    [...buffer.pending(0)].map(({ event }) => event.ref),
    ['R-0', 'R-1'],
  );
  buffer.close();
});

t.test('a running agent notices, and ships', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const { buffer, epoch } = await withQuarantine(scratch);
  let woken = 0;
  buffer.onPending(() => woken++);
  buffer.reloadIfChanged();
  t.equal(woken, 0);
  const db = openForRequeue(scratch.path);
  requeue(db, { epoch, firstSeq: 2, lastSeq: 3 }, NOW);
  t.equal(buffer.facts().pending, 2, 'it did not look yet');
  buffer.reloadIfChanged();
  t.equal(woken, 1);
  t.match(buffer.facts(), { pending: 4, quarantined: 1 });
  requeue(db, null, NOW);
  await buffer.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 5 }]);
  t.match(buffer.facts(), { pending: 0, acked: 5, quarantined: 0 }, 'also when it writes next');
  db.close();
  buffer.close();
  t.same(scratch.damage, []);
});

t.test(
  'a look through the file takes what was requeued a moment ago for no damage, and ends when it was noticed',
  async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const { buffer } = await withQuarantine(scratch);
    const db = openForRequeue(scratch.path);
    requeue(db, null, NOW);
    db.close();
    for (let look = 0; look < 3; look++) t.equal(buffer.scrubStep(), true, 'it goes on');
    buffer.reloadIfChanged();
    for (let looks = 0; buffer.scrubStep(); looks++) if (looks === 10) throw new Error('the look has no end');
    t.match(buffer.facts(), { pending: 5, quarantined: 0 });
    buffer.close();
    t.same(scratch.damage, []);
  },
);

t.test('an event that is not what was written is refused', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const { buffer, epoch } = await withQuarantine(scratch);
  buffer.close();
  const damage = new Sqlite(scratch.path);
  damage.exec("UPDATE events SET body = X'90' WHERE seq = 3");
  damage.close();
  const db = openForRequeue(scratch.path);
  t.match(requeue(db, null, NOW), { requeued: 2, refused: [{ epoch, seq: 3, fault: /checksum/ }] });
  db.close();
});

t.test('what is no buffer is refused in words', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  t.throws(() => openForRequeue(scratch.path), { name: 'BufferError', message: /cannot be opened/ });
  new Sqlite(scratch.path).exec('CREATE TABLE x (y)').close();
  t.throws(() => openForRequeue(scratch.path), { name: 'BufferError', message: /not an agent's buffer/ });
});

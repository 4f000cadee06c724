import { setImmediate as turn } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import t from 'tap';
import { Scrubber } from '../../../../../agent/buffer/integrity/scrubber.ts';
import type { SqliteBuffer } from '../../../../../agent/buffer/sqlite-buffer.ts';
import { loadPending } from '../../../../../agent/buffer/support/buffer-stats.ts';
import { parsed, sale } from '../../../../support/agent/events.ts';
import { type Scratch, scratchBuffer } from '../../../../support/agent/temp-buffer.ts';

const sales = (from: number, count: number) => Array.from({ length: count }, (_, at) => parsed(sale(`R-${from + at}`)));

/** One pass, with turns of the event loop between the slices. @returns how many steps it took */
async function pass(buffer: SqliteBuffer): Promise<number> {
  for (let steps = 1; ; steps++) {
    if (!buffer.scrubStep()) return steps;
    if (steps === 100) throw new Error('the pass has no end');
    await turn();
  }
}

/** 1,200 events, of which the first three are acked. */
async function written(scratch: Scratch, sql: string): Promise<void> {
  const buffer = scratch.open();
  await buffer.accept(sales(0, 1_200));
  const { open: epoch } = buffer.holdings();
  await buffer.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 3 }]);
  buffer.close();
  const db = new Sqlite(scratch.path);
  db.exec(sql);
  db.close();
}

t.test('unreadable rows are quarantined, each reported once, and the pass ends', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  await written(scratch, "UPDATE events SET body = X'93' WHERE seq IN (2, 700, 1199)");
  const buffer = scratch.open();
  await pass(buffer);
  t.same(
    scratch.damage,
    [2, 700, 1_199].map((id) => `event ${id} cannot be read: its checksum does not match`),
  );
  t.match(buffer.facts(), { acked: 2, pending: 1_195, quarantined: 3, losses: { events: 3 } });
  await pass(buffer);
  t.equal(scratch.damage.length, 3, 'the next pass finds nothing new');
  buffer.close();
});

t.test('a quarantine that waits for its commit is waited for', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  await written(scratch, "UPDATE events SET body = X'93' WHERE seq = 2");
  const buffer = scratch.open({ commitDelayMs: 20 });
  for (let steps = 0; steps < 20; steps++) t.equal(buffer.scrubStep(), true);
  t.equal(scratch.damage.length, 1);
  await buffer.accept(sales(2_000, 1));
  await pass(buffer);
  t.match(buffer.facts(), { quarantined: 1, losses: { events: 1 } });
  t.equal(scratch.damage.length, 1);
  buffer.close();
});

t.test('a row in the wrong place is unreadable', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  await written(scratch, 'UPDATE events SET id = id + 5 WHERE seq = 1200');
  const buffer = scratch.open();
  await t.rejects(pass(buffer), { name: 'DamagedFileError', message: /not every event is accounted for/ });
  t.same(scratch.damage, ['event 1205 cannot be read: it does not belong where it lies']);
  buffer.close();
});

t.test('a row that cannot be quarantined makes the file a damaged one', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  await written(scratch, 'UPDATE events SET state = 7 WHERE seq = 2');
  const buffer = scratch.open();
  await t.rejects(pass(buffer), { name: 'DamagedFileError', message: /not every event is accounted for/ });
  t.equal(scratch.damage.length, 1);
  buffer.close();
});

t.test('a row that vanished makes the file a damaged one', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  await written(scratch, 'DELETE FROM events WHERE seq = 2');
  const buffer = scratch.open();
  await t.rejects(pass(buffer), { name: 'DamagedFileError', message: /not every event is accounted for/ });
  await t.rejects(pass(buffer), { name: 'DamagedFileError' }, 'the next pass finds it again');
  buffer.close();
});

t.test('a file that lost its epochs is a damaged one', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  await written(scratch, '');
  const buffer = scratch.open();
  const db = new Sqlite(scratch.path);
  db.exec('DELETE FROM epochs');
  db.close();
  buffer.reloadIfChanged();
  await t.rejects(pass(buffer), { name: 'DamagedFileError' });
  buffer.close();
});

t.test('rows that the buffer state does not know make the file a damaged one', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  await written(scratch, '');
  const db = new Sqlite(scratch.path);
  t.teardown(() => db.close());
  const known = loadPending(db);
  const scrubberOf = (pending = known, isBehind = false) => new Scrubber(db, scratch.path, { pending, isBehind });
  const run = (scrubber: Scrubber) => {
    for (let steps = 0; steps < 100; steps++) if (!scrubber.step().more) return;
    throw new Error('the pass has no end');
  };
  t.doesNotThrow(() => run(scrubberOf()));
  const unknown = { name: 'DamagedFileError', message: /indexes do not know/ };
  const fewer = loadPending(db);
  fewer.remove({ first: 600, last: 600 }, new Map([[fewer.oldestHour!, 1]]));
  t.throws(() => run(scrubberOf(fewer)), unknown);
  const beyond = loadPending(db);
  beyond.add({ first: 9_000, last: 9_000 }, new Map([[beyond.oldestHour!, 1]]));
  t.throws(() => run(scrubberOf(beyond)), unknown, 'also behind the newest row');
  t.throws(() => run(scrubberOf(fewer, true)), /no end/, 'a state that lags behind is waited for');
});

t.test('each row is read once, 500 at a time, while events are accepted', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  await written(scratch, '');
  const buffer = scratch.open();
  // 3 slices of the first epoch, the accounts, and 2 steps each through the table of refs and its index.
  t.ok((await pass(buffer)) <= 8);
  let accepted = 0;
  for (let more = true; more; accepted += 20) {
    more = buffer.scrubStep();
    await buffer.accept(sales(2_000 + accepted, 20));
    if (accepted > 1_000) throw new Error('the pass has no end');
  }
  t.same(scratch.damage, []);
  buffer.close();
});

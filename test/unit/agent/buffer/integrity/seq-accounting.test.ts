import Sqlite from 'better-sqlite3';
import t from 'tap';
import { account, accountBySlices } from '../../../../../agent/buffer/integrity/seq-accounting.ts';
import { openReadOnly } from '../../../../../agent/buffer/support/open-read-only.ts';
import { HOUR_MS } from '../../../../../shared/time.ts';
import { parsed, sale } from '../../../../support/agent/events.ts';
import { type Scratch, scratchBuffer } from '../../../../support/agent/temp-buffer.ts';

const sales = (from: number, count: number) => Array.from({ length: count }, (_, at) => parsed(sale(`R-${from + at}`)));

const accountsOf = ({ path }: Scratch) => {
  const db = openReadOnly(path);
  try {
    return account(db);
  } finally {
    db.close();
  }
};

/** Ten seqs: 1-3 gone, 4 acked, 5-6 quarantined, the rest pending. */
async function someOfEach(scratch: Scratch) {
  const buffer = scratch.open({ keepAckedHours: 2 });
  const { open: epoch } = buffer.holdings();
  await buffer.accept(sales(0, 10));
  await buffer.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 3 }]);
  scratch.clock += 2 * HOUR_MS;
  buffer.expireStep();
  await buffer.settle([
    { kind: 'stored', epoch, firstSeq: 4, lastSeq: 4 },
    { kind: 'quarantined', epoch, firstSeq: 5, lastSeq: 6, reason: 'odd' },
  ]);
  return { buffer, epoch };
}

t.test('each seq that was given out is a row, gone or lost', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const { buffer, epoch } = await someOfEach(scratch);
  t.same(accountsOf(scratch), {
    epochs: [
      {
        ...{ epoch, lastSeq: 10, pending: 4, acked: 1, quarantined: 2, gone: 3, lost: 0 },
        ...{ damaged: 0, damagedSeqs: [], unaccounted: 0, unaccountedSeqs: [], unrecorded: 0 },
      },
    ],
    strays: 0,
    losses: 1,
    damagedLosses: [],
    sound: true,
  });
  buffer.close();
  t.equal(accountsOf(scratch).sound, true, 'also of a dead one');
  scratch.open().close();
  t.equal(accountsOf(scratch).epochs.length, 2);
});

t.test('what is wrong is found and told', async (t) => {
  const cases: [string, string, object][] = [
    ['a row that vanished', 'DELETE FROM events WHERE seq = 8', { unaccounted: 1, unaccountedSeqs: [[8, 8]] }],
    ['an acked row that vanished', 'DELETE FROM events WHERE seq = 4', { unaccounted: 1, acked: 0 }],
    ['rows that vanished', 'DELETE FROM events WHERE seq IN (7, 8)', { unaccountedSeqs: [[7, 8]] }],
    [
      'a body that changed',
      "UPDATE events SET body = X'93' WHERE seq = 7",
      { damaged: 1, damagedSeqs: [[7, 7]], unaccounted: 0, pending: 3 },
    ],
    ['a state that changed', 'UPDATE events SET state = 1 WHERE seq = 7', { damaged: 1 }],
    ['another seq', 'UPDATE events SET seq = 20 WHERE seq = 9', { damagedSeqs: [[9, 9]] }],
    ['gone ranges that vanished', 'DELETE FROM gone', { gone: 0, unaccounted: 3, unaccountedSeqs: [[1, 3]] }],
    ['a ledger that vanished', 'DELETE FROM losses', { unrecorded: 2 }],
    ['a record that changed', 'UPDATE losses SET count = 3', { unrecorded: 2 }],
    [
      'a lost row and its record',
      'DELETE FROM events WHERE seq = 5; UPDATE losses SET hour = hour + 1',
      { unaccountedSeqs: [[5, 5]] },
    ],
  ];
  for (const [name, sql, expected] of cases) {
    t.test(name, async (t) => {
      const scratch = scratchBuffer(t.testdir());
      const { buffer } = await someOfEach(scratch);
      buffer.close();
      const db = new Sqlite(scratch.path);
      db.exec(sql);
      db.close();
      const accounts = accountsOf(scratch);
      t.match(accounts.epochs[0], expected);
      t.equal(accounts.sound, false);
    });
  }

  t.test('a row of no epoch', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const { buffer } = await someOfEach(scratch);
    buffer.close();
    scratch.open().close();
    const db = new Sqlite(scratch.path);
    db.exec('UPDATE epochs SET base = base + 100 WHERE last_seq IS NULL; UPDATE events SET id = id + 5 WHERE seq = 8');
    db.close();
    t.match(accountsOf(scratch), { strays: 1, sound: false, epochs: [{ unaccountedSeqs: [[8, 8]] }, {}] });
  });
});

t.test('the file is read in slices, beside an agent that changes it', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open({ keepAckedHours: 0 });
  const { open: epoch } = buffer.holdings();
  for (let from = 0; from < 3_000; from += 1_000) await buffer.accept(sales(from, 1_000));
  const db = openReadOnly(scratch.path);
  const slices = accountBySlices(db);
  const shares: number[] = [];
  for (let next = slices.next(); ; next = slices.next()) {
    if (next.done) {
      t.equal(next.value.sound, true);
      break;
    }
    shares.push(next.value);
    if (shares.length === 1) await buffer.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 1_400 }]);
    if (shares.length === 2)
      await buffer.settle([{ kind: 'quarantined', epoch, firstSeq: 1_601, lastSeq: 2_000, reason: 'odd' }]);
    while (buffer.expireStep()) {}
  }
  t.ok(shares.length >= 5, `${shares.length} slices`);
  t.equal(shares.at(-1), 1);
  db.close();
  buffer.close();
});

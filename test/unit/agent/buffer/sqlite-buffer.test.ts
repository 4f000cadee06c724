import { readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import t from 'tap';
import { readStats } from '../../../../agent/buffer/support/buffer-stats.ts';
import { openReadOnly } from '../../../../agent/buffer/support/open-read-only.ts';
import type { Accepted } from '../../../../agent/port/intake.ts';
import { FLAG } from '../../../../shared/event/event.ts';
import { merchantId } from '../../../../shared/ids.ts';
import { HOUR_MS, hourOf } from '../../../../shared/time.ts';
import { NOW, parsed, sale } from '../../../support/agent/events.ts';
import { scratchBuffer } from '../../../support/agent/temp-buffer.ts';

const stored = (accepted: Accepted) => {
  if (accepted.kind !== 'accepted') throw new Error(accepted.detail);
  return accepted;
};
const sales = (from: number, count: number) => Array.from({ length: count }, (_, at) => parsed(sale(`R-${from + at}`)));

t.test('seqs of a stream are 1, 2, 3 …, and what was accepted is pending in that order', async (t) => {
  const buffer = scratchBuffer(t.testdir()).open();
  t.match(await buffer.accept(sales(0, 3)), {
    accepted: 3,
    stream: buffer.stream,
    firstSeq: 1,
    lastSeq: 3,
    duplicates: [],
  });
  t.match(await buffer.accept(sales(3, 2)), { accepted: 2, firstSeq: 4, lastSeq: 5 });
  const pending = [...buffer.pending(0)];
  t.same(
    pending.map(({ seq }) => seq),
    [1, 2, 3, 4, 5],
  );
  t.same(
    pending.map(({ event }) => event.ref),
    ['R-0', 'R-1', 'R-2', 'R-3', 'R-4'],
  );
  t.same(
    pending.map(({ hour }) => hour),
    Array(5).fill(hourOf(NOW)),
  );
  buffer.close();
});

t.test('concurrent requests share a commit and each has a run of seqs of its own', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open();
  let commits = 0;
  buffer.onPending(() => commits++);
  const answers = (await Promise.all([0, 10, 20].map((from) => buffer.accept(sales(from, 10))))).map(stored);
  t.same(
    answers.map(({ firstSeq, lastSeq }) => [firstSeq, lastSeq]),
    [
      [1, 10],
      [11, 20],
      [21, 30],
    ],
  );
  t.equal(commits, 1);
  buffer.close();
});

t.test('seqs follow the hour within a request, and the order given within an hour', async (t) => {
  const buffer = scratchBuffer(t.testdir()).open();
  const at = (ref: string, hours: number, minutes: number) =>
    parsed(sale(ref, { ts: NOW + hours * HOUR_MS + minutes * 60_000 }));
  await buffer.accept([at('b1', 0, 9), at('c1', 1, 0), at('a1', -1, 5), at('b2', 0, 1), at('a2', -1, 0)]);
  t.same(
    [...buffer.pending(0)].map(({ event }) => event.ref),
    ['a1', 'a2', 'b1', 'b2', 'c1'],
  );
  buffer.close();
});

t.test('duplicates', async (t) => {
  t.test('are answered with the identity of the first one, also after a restart', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const first = scratch.open();
    await first.accept(sales(0, 3));
    const { stream } = first;
    first.close();
    scratch.clock += HOUR_MS;
    const second = scratch.open();
    t.not(second.stream, stream);
    t.match(await second.accept([parsed(sale('R-1'), scratch.clock)]), {
      accepted: 0,
      firstSeq: null,
      lastSeq: null,
      stream: second.stream,
      duplicates: [{ index: 0, stream, seq: 2 }],
    });
    t.equal([...second.pending(0)].length, 3);
    second.close();
  });

  t.test('are found within a request and within a commit', async (t) => {
    const buffer = scratchBuffer(t.testdir()).open();
    const [a, b] = await Promise.all([
      buffer.accept([...sales(0, 2), ...sales(0, 2)]),
      buffer.accept([...sales(1, 1), ...sales(2, 1)]),
    ]);
    t.match(a, {
      accepted: 2,
      firstSeq: 1,
      lastSeq: 2,
      duplicates: [
        { index: 2, seq: 1 },
        { index: 3, seq: 2 },
      ],
    });
    t.match(b, { accepted: 1, firstSeq: 3, lastSeq: 3, duplicates: [{ index: 0, seq: 2 }] });
    buffer.close();
  });

  t.test('are told by their index in the request, whatever their hours', async (t) => {
    const buffer = scratchBuffer(t.testdir()).open();
    const late = parsed(sale('late', { ts: NOW + HOUR_MS }));
    const early = parsed(sale('early', { ts: NOW }));
    await buffer.accept([late, early]);
    const { duplicates } = stored(await buffer.accept([late, early, parsed(sale('new'))]));
    t.match(duplicates, [
      { index: 0, seq: 2 },
      { index: 1, seq: 1 },
    ]);
    buffer.close();
  });

  t.test('are known for 24 hours', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const buffer = scratch.open();
    await buffer.accept(sales(0, 1));
    scratch.clock += 24 * HOUR_MS - 1;
    t.match(await buffer.accept(sales(0, 1)), { accepted: 0 });
    scratch.clock += 1;
    t.match(await buffer.accept(sales(0, 1)), { accepted: 1, firstSeq: 2 });
    t.match(await buffer.accept(sales(0, 1)), { accepted: 0, duplicates: [{ seq: 2 }] });
    t.equal(buffer.facts().refConflicts, 0);
    buffer.close();
  });

  t.test('need the same content: another one is stored and counted, and its own repeat is known', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const buffer = scratch.open();
    const other = parsed(sale('R-0', { amount: 7 }));
    await buffer.accept(sales(0, 1));
    t.match(await buffer.accept([other]), { accepted: 1, firstSeq: 2, duplicates: [] });
    t.match(await buffer.accept([other]), { accepted: 0, duplicates: [{ seq: 2 }] });
    t.match(await buffer.accept(sales(0, 1)), { accepted: 0, duplicates: [{ seq: 1 }] });
    t.equal(buffer.facts().refConflicts, 1);
    buffer.close();
    const again = scratch.open();
    t.equal(again.facts().refConflicts, 1);
    again.close();
  });

  t.test('need the same type', async (t) => {
    const buffer = scratchBuffer(t.testdir()).open();
    await buffer.accept(sales(0, 1));
    t.match(await buffer.accept([parsed(sale('R-0', { type: 'refund' }))]), { accepted: 1, duplicates: [] });
    t.equal(buffer.facts().refConflicts, 0);
    buffer.close();
  });

  t.test('are never found by a masked ref, nor without one', async (t) => {
    const buffer = scratchBuffer(t.testdir()).open();
    const masked = { ...parsed(sale('************1111')), flags: FLAG.masked | FLAG.tsDefaulted };
    const nameless = parsed({ type: 'sale' });
    t.match(await buffer.accept([masked, masked, nameless, nameless]), { accepted: 4, duplicates: [] });
    t.equal(buffer.facts().refs, 0);
    buffer.close();
  });
});

t.test('a fault', async (t) => {
  t.test('within a commit rejects all of its requests and stores none of them', async (t) => {
    const buffer = scratchBuffer(t.testdir()).open();
    const broken = parsed(sale('R-9'));
    // An hour that is no integer: the strict table refuses the row.
    const poisoned = { ...broken, ts: Number.NaN };
    const answers = await Promise.allSettled([
      buffer.accept(sales(0, 2)),
      buffer.accept([poisoned]),
      buffer.accept(sales(2, 2)),
    ]);
    t.same(
      answers.map(({ status }) => status),
      ['rejected', 'rejected', 'rejected'],
    );
    t.same([...buffer.pending(0)], []);
    t.equal(buffer.holdings().pending, 0);
    t.match(await buffer.accept(sales(0, 2)), { accepted: 2, firstSeq: 1, lastSeq: 2, duplicates: [] });
    buffer.close();
  });
});

t.test('nothing is accepted while the file is removed or replaced', async (t) => {
  const { path, open } = scratchBuffer(t.testdir());
  const buffer = open();
  renameSync(path, `${path}.away`);
  await t.rejects(buffer.accept(sales(0, 1)), { message: /buffer\.db was removed or replaced/ });
  renameSync(`${path}.away`, path);
  t.match(await buffer.accept(sales(0, 1)), { accepted: 1, firstSeq: 1 });
  buffer.close();
});

t.test('settling', async (t) => {
  t.test('takes exactly the named seqs of the named epoch out of pending', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const old = scratch.open();
    await old.accept(sales(0, 5));
    const { open: oldEpoch } = old.holdings();
    old.close();
    const buffer = scratch.open();
    const { open: epoch } = buffer.holdings();
    await buffer.accept(sales(5, 5));
    await buffer.settle([
      { kind: 'stored', epoch, firstSeq: 2, lastSeq: 4 },
      { kind: 'stored', epoch: oldEpoch, firstSeq: 1, lastSeq: 2 },
    ]);
    t.same(
      [...buffer.pending(0)].map(({ epoch: of, seq }) => [of === epoch ? 'new' : 'old', seq]),
      [
        ['old', 3],
        ['old', 4],
        ['old', 5],
        ['new', 1],
        ['new', 5],
      ],
    );
    t.match(buffer.holdings(), {
      open: epoch,
      pending: 5,
      epochs: [
        { epoch: oldEpoch, lastSeq: 5, pending: [[3, 5]] },
        {
          epoch,
          lastSeq: 5,
          pending: [
            [1, 1],
            [5, 5],
          ],
        },
      ],
    });
    buffer.close();
  });

  t.test('twice changes nothing', async (t) => {
    const buffer = scratchBuffer(t.testdir()).open();
    await buffer.accept(sales(0, 3));
    const { open: epoch } = buffer.holdings();
    const ack = { kind: 'stored', epoch, firstSeq: 1, lastSeq: 2 } as const;
    await Promise.all([buffer.settle([ack]), buffer.settle([ack, ack])]);
    t.match(buffer.facts(), { pending: 1, acked: 2 });
    buffer.close();
  });

  t.test('is durable, keeps the checksum true, and tells the reason of a quarantine', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const buffer = scratch.open();
    await buffer.accept(sales(0, 4));
    const { open: epoch } = buffer.holdings();
    await buffer.settle([
      { kind: 'stored', epoch, firstSeq: 1, lastSeq: 1 },
      { kind: 'quarantined', epoch, firstSeq: 2, lastSeq: 2, reason: 'odd' },
    ]);
    const stream = buffer.stream;
    buffer.close();
    const again = scratch.open();
    t.match(again.facts(), {
      pending: 2,
      acked: 1,
      quarantined: 1,
      quarantine: [{ stream, seq: 2, reason: 'odd', at: NOW }],
    });
    t.equal(again.holdings().losses, 1);
    t.same(
      [...again.pending(0)].map(({ seq }) => seq),
      [3, 4],
    );
    again.close();
  });

  t.test('an epoch that is not of this buffer is a fault', async (t) => {
    const buffer = scratchBuffer(t.testdir()).open();
    await t.rejects(
      buffer.settle([{ kind: 'stored', epoch: 'ffffffffffffffff' as never, firstSeq: 1, lastSeq: 1 }]),
      /not of this buffer/,
    );
    buffer.close();
  });
});

t.test('the oldest pending hour follows what is accepted and settled', async (t) => {
  const buffer = scratchBuffer(t.testdir()).open();
  t.equal(buffer.oldestPending(), null);
  await buffer.accept([parsed(sale('a', { ts: NOW })), parsed(sale('b', { ts: NOW - 5 * HOUR_MS }))]);
  const { open: epoch } = buffer.holdings();
  t.equal(buffer.oldestPending(), hourOf(NOW - 5 * HOUR_MS) * HOUR_MS);
  await buffer.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 1 }]);
  t.equal(buffer.oldestPending(), hourOf(NOW) * HOUR_MS);
  buffer.close();
});

t.test(
  'reading goes as far as it is asked for, and on from any id; then the buffer can be asked other things',
  async (t) => {
    const buffer = scratchBuffer(t.testdir()).open();
    await buffer.accept(sales(0, 1000));
    const seqs: number[] = [];
    for (const { seq } of buffer.pending(0)) if (seqs.push(seq) === 7) break;
    t.same(seqs, [1, 2, 3, 4, 5, 6, 7]);
    t.throws(() => {
      for (const { seq } of buffer.pending(0)) throw new Error(`stop at ${seq}`);
    }, /stop at 1/);
    await buffer.accept(sales(1000, 1));
    t.same(
      [...buffer.pending(998)].map(({ id }) => id),
      [999, 1000, 1001],
    );
    t.equal([...buffer.pending(0)].length, 1001);
    t.equal(buffer.pendingCount(990, 999), 9);
    buffer.close();
  },
);

t.test('a row that is not what was written is set aside and told, the others are read', async (t) => {
  const cases: [string, string, RegExp][] = [
    [
      'a body with one bit flipped',
      "UPDATE events SET body = CAST(substr(body, 1, 5) || X'ff' || substr(body, 7) AS BLOB) WHERE seq = 2",
      /checksum/,
    ],
    ['another seq', 'UPDATE events SET seq = 20 WHERE seq = 2', /checksum/],
    ['another hour', 'UPDATE events SET hour = hour + 1 WHERE seq = 2', /checksum/],
    ['an epoch that is none', "UPDATE events SET epoch = 'x' WHERE seq = 2", /not an epoch/],
    [
      'an acked row that became pending',
      'UPDATE events SET state = 1 WHERE seq = 3; UPDATE events SET sum = sum + 1 WHERE seq = 2',
      /checksum/,
    ],
  ];
  for (const [name, sql, expected] of cases) {
    t.test(name, async (t) => {
      const scratch = scratchBuffer(t.testdir());
      const before = scratch.open();
      await before.accept(sales(0, 3));
      before.close();
      const db = new Sqlite(scratch.path);
      db.exec(sql);
      db.close();
      const buffer = scratch.open();
      t.notOk([...buffer.pending(0)].some(({ seq }) => seq === 2 || seq === 20));
      // The setting aside shares the commit of the next request.
      await buffer.accept(sales(9, 1));
      t.match(buffer.facts(), { quarantined: 1, quarantine: [{ reason: /^unreadable: / }] });
      t.match(scratch.damage[0], expected);
      buffer.close();
    });
  }
});

t.test('opening', async (t) => {
  t.test('twice at once is refused, and possible again after the first has closed', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const first = scratch.open();
    t.throws(() => scratch.open(), { name: 'BufferError', message: /another agent has this buffer open/ });
    first.close();
    scratch.open().close();
  });

  t.test('a buffer of a newer agent is refused and left as it is', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    scratch.open().close();
    const db = new Sqlite(scratch.path);
    db.pragma('user_version = 3');
    db.close();
    t.throws(() => scratch.open(), { name: 'BufferError', message: /newer agent \(schema 3, this agent knows 2\)/ });
    t.throws(() => openReadOnly(scratch.path), /newer agent/);
  });

  t.test("another terminal's buffer is refused", async (t) => {
    const scratch = scratchBuffer(t.testdir());
    scratch.open().close();
    t.throws(() => scratch.open({ merchant: merchantId('other') }), {
      name: 'BufferError',
      message: /belongs to acme\/till-1/,
    });
  });

  t.test("another program's database is refused", async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const db = new Sqlite(scratch.path);
    db.exec('CREATE TABLE x (y)');
    db.close();
    t.throws(() => scratch.open(), { name: 'BufferError', message: /another program/ });
  });

  t.test('a file that is no database is set aside, and a fresh one takes its place', async (t) => {
    const dir = t.testdir({ 'buffer.db': 'receipts of last year\n'.repeat(100) });
    const scratch = scratchBuffer(dir);
    const buffer = scratch.open();
    t.match(await buffer.accept(sales(0, 1)), { kind: 'accepted', firstSeq: 1 });
    const [name] = readdirSync(dir).filter((name) => name.startsWith('buffer.db.damaged-'));
    t.match(readFileSync(`${dir}/${name}`, 'utf8'), /^receipts of last year/);
    buffer.close();
  });

  t.test('a folder in place of the file is refused in words', async (t) => {
    const scratch = scratchBuffer(t.testdir({ 'buffer.db': {} }));
    t.throws(() => scratch.open(), {
      name: 'BufferError',
      message: /buffer\.db: is a folder, not a file: give another buffer\.path/,
    });
  });

  t.test('draws a new epoch and starts its seqs at 1', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const streams = new Set<string>();
    for (let at = 0; at < 3; at++) {
      const buffer = scratch.open();
      streams.add(buffer.stream);
      t.match(await buffer.accept(sales(10 * at, 2)), { firstSeq: 1, lastSeq: 2 });
      buffer.close();
    }
    t.equal(streams.size, 3);
  });

  t.test('creates the folder', async (t) => {
    const scratch = scratchBuffer(`${t.testdir()}/a/b`);
    scratch.open().close();
    t.ok(statSync(scratch.path).isFile());
  });
});

t.test('commits are FULL: the fsync comes before the answer', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open();
  await buffer.accept(sales(0, 1));
  // Seen from outside: what was answered is in the log file already.
  const reader = openReadOnly(scratch.path);
  t.equal(reader.prepare('SELECT count(*) FROM events').pluck().get(), 1);
  reader.close();
  buffer.close();
});

t.test('looking', async (t) => {
  t.test('beside a running agent sees what the agent itself tells', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const before = scratch.open();
    await before.accept(sales(0, 10));
    before.close();
    const buffer = scratch.open();
    await buffer.accept([
      ...sales(10, 10),
      parsed(sale('R-10', { amount: 1 })),
      parsed(sale('old', { ts: NOW - 3 * HOUR_MS })),
    ]);
    const { open: epoch } = buffer.holdings();
    await buffer.settle([
      { kind: 'stored', epoch, firstSeq: 3, lastSeq: 5 },
      { kind: 'quarantined', epoch, firstSeq: 8, lastSeq: 8, reason: 'x' },
    ]);
    const db = openReadOnly(scratch.path);
    t.same(readStats(db, scratch.path), buffer.facts());
    db.close();
    buffer.close();
  });

  t.test('changes nothing, and cannot', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const buffer = scratch.open();
    await buffer.accept(sales(0, 10));
    buffer.close();
    const db = openReadOnly(scratch.path);
    readStats(db, scratch.path);
    t.throws(() => db.exec('DELETE FROM events'), /readonly|query_only|attempt to write/);
    db.close();
  });

  t.test('at nothing is a clear error', async (t) => {
    const dir = t.testdir();
    t.throws(() => openReadOnly(`${dir}/none.db`), { name: 'BufferError', message: /there is no buffer/ });
    t.same(readdirSync(dir), []);
  });
});

t.test('expiry', async (t) => {
  t.test('deletes acked events after keepAckedHours, and refs after 24 hours, but never the newest row', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const buffer = scratch.open({ keepAckedHours: 2 });
    await buffer.accept(sales(0, 4));
    const { open: epoch } = buffer.holdings();
    await buffer.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 4 }]);
    scratch.clock += 2 * HOUR_MS - 1;
    t.equal(buffer.expireStep(), false);
    t.equal(buffer.facts().acked, 4);
    scratch.clock += 1;
    buffer.expireStep();
    t.match(buffer.facts(), { acked: 1, refs: 4 });
    scratch.clock += 22 * HOUR_MS;
    buffer.expireStep();
    t.match(buffer.facts(), { acked: 1, refs: 0 });
    buffer.close();
    const again = scratch.open();
    t.match(again.facts(), { acked: 1, refs: 0, epochs: [{ epoch, lastSeq: 4 }, { lastSeq: 0 }] });
    again.close();
  });

  t.test('leaves pending and quarantined events alone, whatever their age', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const buffer = scratch.open({ keepAckedHours: 0 });
    await buffer.accept(sales(0, 4));
    const { open: epoch } = buffer.holdings();
    await buffer.settle([
      { kind: 'quarantined', epoch, firstSeq: 1, lastSeq: 1, reason: 'x' },
      { kind: 'stored', epoch, firstSeq: 2, lastSeq: 2 },
    ]);
    scratch.clock += 1000 * HOUR_MS;
    buffer.expireStep();
    t.match(buffer.facts(), { pending: 2, quarantined: 1, acked: 0 });
    buffer.close();
  });

  t.test('goes in slices, and says when there is more', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const buffer = scratch.open({ keepAckedHours: 0 });
    await buffer.accept(sales(0, 1200));
    const { open: epoch } = buffer.holdings();
    await buffer.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 1200 }]);
    t.equal(buffer.expireStep(), true);
    t.equal(buffer.facts().acked, 700);
    t.equal(buffer.expireStep(), true);
    t.equal(buffer.expireStep(), false);
    t.equal(buffer.facts().acked, 1);
    buffer.close();
  });

  t.test('forgets epochs of which nothing is left', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const epochs = (): number => {
      const buffer = scratch.open();
      const { length } = buffer.facts().epochs;
      buffer.close();
      return length;
    };
    for (let at = 1; at <= 5; at++) t.equal(epochs(), at, 'the collector is told that they are over');
    scratch.clock += 9 * 24 * HOUR_MS;
    t.equal(epochs(), 2, 'the last one ended just now');
    for (let at = 0; at < 300; at++) scratch.open().close();
    t.equal(epochs(), 257);
  });
});

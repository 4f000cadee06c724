import t from 'tap';
import { ClearanceWriter } from '../../../../../collector/ingest/status/clearance-writer.ts';
import type { NewDueMark } from '../../../../../collector/store/due-marks.ts';
import type { Clearance } from '../../../../../collector/store/finality.ts';
import type { TerminalStatus } from '../../../../../collector/store/terminals.ts';
import { epoch, merchantId, terminalId } from '../../../../../shared/ids.ts';
import { HOUR_MS, MINUTE_MS, minuteOf } from '../../../../../shared/time.ts';

const HOUR = 400_000;
const at = (hour: number, minutes = 0): number => (HOUR + hour) * HOUR_MS + minutes * MINUTE_MS;
const E1 = epoch('00000000000000e1');

function standing(maxWaiting = 100) {
  const clock = { now: at(1, 3) };
  const rows: Clearance[] = [];
  const marks: NewDueMark[] = [];
  const store = { fails: false };
  const writer = new ClearanceWriter({
    finality: {
      putClearances: async (given) => {
        if (store.fails) throw new Error('away');
        rows.push(...given);
      },
    },
    marks: {
      add: async (given) => {
        if (store.fails) throw new Error('away');
        marks.push(...given);
      },
    },
    now: () => clock.now,
    ...{ graceMs: 120_000, skipMarginMs: 10_000, maxWaiting, maxRemembered: 100 },
  });
  const of = (terminal: string) => ({ merchant: merchantId('acme'), terminal: terminalId(terminal), epoch: E1 });
  return {
    ...{ writer, rows, marks, clock, store },
    status: (terminal: string, clearThrough: number, more: Partial<TerminalStatus> = {}) =>
      writer.status({ ...of(terminal), clearThrough, lastSeen: clock.now, closed: [], ...more } as TerminalStatus),
    batch: (terminal: string, clearThrough: number, lastSeq = 1) =>
      writer.batch({ ...of(terminal), clearThrough, lastSeq, at: clock.now }),
  };
}

t.test('a clearance beyond the end of an hour makes the finality due, once a minute of a merchant', async (t) => {
  const { writer, marks, status, clock } = standing();
  for (const terminal of ['a', 'b', 'c']) {
    status(terminal, at(1, 2));
    await writer.flush();
  }
  const minute = minuteOf(clock.now) + 1;
  t.same(marks, [{ minute, merchant: 'acme', level: 'finality', time: 0, terminals: [] }]);
  clock.now += MINUTE_MS;
  status('a', at(1, 3));
  await writer.flush();
  t.equal(marks.length, 1, 'the same hour again is no news');
});

t.test('it is due after the first roll-up of the hour that has ended', async (t) => {
  const { writer, marks, status, clock } = standing();
  clock.now = at(1, 1);
  status('a', at(1));
  await writer.flush();
  t.equal(marks[0]!.minute, minuteOf(at(1, 2)));
});

t.test('a batch is written when it passes an hour, after a status made its epoch known', async (t) => {
  const { writer, rows, marks, status, batch } = standing();
  batch('a', at(1));
  await writer.flush();
  t.same(rows, [], 'an epoch without a status');
  status('a', at(0, 30));
  await writer.flush();
  batch('a', at(0, 50), 5);
  await writer.flush();
  t.same(rows, []);
  batch('a', at(1), 7);
  await writer.flush();
  t.match(rows, [{ terminal: 'a', epoch: E1, clearThrough: at(1), lastSeq: 7 }]);
  t.equal(marks.length, 1);
  batch('a', at(0, 10), 8);
  await writer.flush();
  t.match(rows.at(-1), { clearThrough: at(0, 10) }, 'it may go back');
});

t.test('a till that claims to be clear for ever holds up no other, and makes a mark a minute', async (t) => {
  const { writer, marks, status, batch } = standing();
  for (let flush = 0; flush < 30; flush++) {
    status('evil', Number.MAX_SAFE_INTEGER - flush * HOUR_MS);
    batch('evil', Number.MAX_SAFE_INTEGER - flush * HOUR_MS);
    if (flush === 5) status('a', at(1, 2));
    await writer.flush();
  }
  t.equal(marks.length, 1);
});

t.test('a batch tells nothing after a status that is not clear of anything', async (t) => {
  const { writer, rows, status, batch } = standing();
  status('a', 0);
  batch('a', at(1));
  await writer.flush();
  t.same(rows, []);
});

t.test('a sign-off makes the finality due through now', async (t) => {
  const { writer, marks, status } = standing();
  status('a', at(1, 2));
  await writer.flush();
  status('a', at(1, 2), { closed: [[E1, 0]] });
  await writer.flush();
  t.ok(marks.length >= 1);
});

t.test('what the store did not take is written later; what finds no room is dropped', async (t) => {
  const { writer, rows, marks, status, batch, store, clock } = standing(2);
  for (const terminal of ['a', 'b', 'c']) status(terminal, at(0, 1));
  await writer.flush();
  marks.length = 0;
  store.fails = true;
  for (const terminal of ['a', 'b', 'c']) batch(terminal, at(1));
  await writer.flush();
  store.fails = false;
  clock.now += MINUTE_MS;
  await writer.flush();
  t.same(
    rows.map(({ terminal }) => terminal),
    ['a', 'b'],
  );
  t.equal(marks.length, 1);
});

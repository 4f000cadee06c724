import Sqlite from 'better-sqlite3';
import t, { type Test } from 'tap';
import type { HighWaterMark } from '../../../../../agent/buffer/high-water/high-water-mark.ts';
import { IdAllocation } from '../../../../../agent/buffer/recovery/id-allocation.ts';
import { RowImport } from '../../../../../agent/buffer/recovery/import-rows.ts';
import type { CarvedEvent, CarvedLoss, CarvedRef } from '../../../../../agent/buffer/sqlite-format/carved-row.ts';
import { contentHash } from '../../../../../agent/buffer/tables/content-hash.ts';
import { encodeBody, STATE, type State } from '../../../../../agent/buffer/tables/event-row.ts';
import { LossLedger } from '../../../../../agent/buffer/tables/loss-ledger.ts';
import { prepareSchema } from '../../../../../agent/buffer/tables/schema.ts';
import { FLAG } from '../../../../../shared/event/event.ts';
import { type Epoch, epoch as epochOf } from '../../../../../shared/ids.ts';
import { HOUR_MS } from '../../../../../shared/time.ts';
import { MERCHANT, NOW, parsed, sale, TERMINAL } from '../../../../support/agent/events.ts';

const EPOCH = epochOf('0123456789abcdef');
const OTHER = epochOf('1123456789abcdef');
const HOUR = Math.floor(NOW / HOUR_MS);
const EVENT = parsed(sale('R-1'));
const BODY = Buffer.from(encodeBody(EVENT));

const found = (seq: number, state: State): CarvedEvent => ({
  ...{ kind: 'event', epoch: EPOCH, seq, hour: HOUR, state, at: NOW, reason: null, body: BODY },
});

/** Two events of one content are found, of which the first was given up before the other was accepted. */
for (const [order, seqs] of [
  ['before', [1, 9]],
  ['after', [9, 1]],
] as const) {
  for (const [name, state] of [
    ['waits', STATE.pending],
    ['was stored', STATE.acked],
  ] as const) {
    t.test(`what was given up, and is found ${order} its repeat, which ${name}, is a duplicate`, async (t) => {
      const db = new Sqlite(':memory:');
      prepareSchema(db, 'buffer.db', { merchant: MERCHANT, terminal: TERMINAL });
      const losses = new LossLedger(db, t.fail);
      const clocks = { addUnconfirmed: () => t.fail('nothing is known of a clock') };
      const ids = new IdAllocation(db, []);
      const into = new RowImport({
        ...{ db, terminal: TERMINAL, ids, losses, clocks },
        marks: new Map(),
        now: () => NOW,
      });
      const loss = {
        epoch: EPOCH,
        first_seq: 1,
        count: 1,
        hour: HOUR,
        reason: 'evicted',
        at: NOW,
        detail: null,
        acked: 0,
      };
      into.take([{ kind: 'loss', loss }]);
      for (const seq of seqs) into.take([found(seq, seq === 1 ? STATE.pending : state)]);
      t.same(db.prepare('SELECT seq, state FROM events ORDER BY seq').all(), [
        { seq: 1, state: STATE.quarantined },
        { seq: 9, state },
      ]);
      t.match(losses.unacknowledged(10), [{ loss: { reason: 'evicted' } }, { loss: { reason: 'duplicate' } }]);
      db.close();
    });
  }
}

/** The side file says of both epochs that they are settled up to some seq. */
function importing(t: Test, settledThrough: number) {
  const db = new Sqlite(':memory:');
  t.teardown(() => db.close());
  prepareSchema(db, 'buffer.db', { merchant: MERCHANT, terminal: TERMINAL });
  const mark = {
    ...{ lastSeq: 9, openedAt: NOW, oldestHour: 0, newestHour: 0, unconfirmedFrom: 0 },
    shipping: 'free' as const,
  };
  const marks = new Map<Epoch, HighWaterMark>([
    [EPOCH, { ...mark, epoch: EPOCH, settledThrough }],
    [OTHER, { ...mark, epoch: OTHER, settledThrough: 9 }],
  ]);
  const ids = new IdAllocation(db, [...marks.values()]);
  const clocks = { addUnconfirmed: () => t.fail('nothing is known of a clock') };
  const into = new RowImport({
    ...{ db, terminal: TERMINAL, ids, losses: new LossLedger(db, t.fail), clocks, marks },
    now: () => NOW,
  });
  const states = db.prepare('SELECT epoch, seq, state FROM events ORDER BY id');
  return { into, states: () => states.all(), refs: db.prepare<[], number>('SELECT seq FROM refs').pluck() };
}

const givenUp = (reason: string, acked: number): CarvedLoss => ({
  kind: 'loss',
  loss: { epoch: EPOCH, first_seq: 1, count: 1, hour: HOUR, reason, at: NOW, detail: null, acked },
});

const refOf = (epoch: Epoch, seq: number): CarvedRef => {
  const { type, ref } = EVENT;
  return { kind: 'ref', epoch, seq, type, ref: ref!, content: contentHash(EVENT), at: NOW };
};

t.test(
  'what was requeued, then dropped, and told stays lost, and no ref that is left of it is brought over',
  async (t) => {
    const { into, states, refs } = importing(t, 9);
    into.take([givenUp('quarantined', NOW), givenUp('evicted', NOW)]);
    into.take([{ ...found(1, STATE.pending), reason: 'odd' }, refOf(EPOCH, 1)]);
    t.same(states(), []);
    t.same(refs.all(), []);
  },
);

for (const [order, seqs] of [
  ['before', [0, 1]],
  ['after', [1, 0]],
] as const) {
  t.test(
    `what was dropped is a duplicate of a stored repeat of which only the ref is left, found ${order} that`,
    async (t) => {
      const { into, states } = importing(t, 0);
      const both = [found(1, STATE.pending), refOf(OTHER, 1)] as const;
      into.take([givenUp('evicted', 0), ...seqs.map((at) => both[at])]);
      t.same(states(), [{ epoch: EPOCH, seq: 1, state: STATE.quarantined }]);
    },
  );
}

t.test('a version of a duplicate from before it was known for one is left', async (t) => {
  const { into, states } = importing(t, 0);
  into.take([givenUp('duplicate', 0), found(1, STATE.pending), found(2, STATE.pending)]);
  t.same(states(), [{ epoch: EPOCH, seq: 2, state: STATE.pending }]);
});

t.test('two of one epoch are none a repeat of the other: it was looked when the second was accepted', async (t) => {
  const { into, states } = importing(t, 0);
  into.take([found(1, STATE.pending), found(2, STATE.pending)]);
  t.same(states(), [
    { epoch: EPOCH, seq: 1, state: STATE.pending },
    { epoch: EPOCH, seq: 2, state: STATE.pending },
  ]);
});

t.test('two sales of one ref whose times were corrected stay two; a sale and its repeat are one', async (t) => {
  const flags = FLAG.clockSuspect | FLAG.tsCorrected;
  const at = (epoch: Epoch, seq: number, ts: number): CarvedEvent => ({
    ...found(seq, STATE.pending),
    ...{ epoch, body: Buffer.from(encodeBody({ ...EVENT, ts, flags })) },
  });
  const statesOf = (...events: CarvedEvent[]) => {
    const { into, states } = importing(t, 0);
    into.take(events);
    return states();
  };
  t.match(statesOf(at(EPOCH, 1, NOW), at(OTHER, 10, NOW + 61_000)), [
    { epoch: EPOCH, state: STATE.pending },
    { epoch: OTHER, state: STATE.pending },
  ]);
  t.match(statesOf(at(EPOCH, 1, NOW), at(OTHER, 10, NOW + 2_000)), [
    { epoch: EPOCH, state: STATE.pending },
    { epoch: OTHER, state: STATE.quarantined },
  ]);
});

import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { encodePartial } from '../../../../collector/aggregation/codec.ts';
import { PartialFold } from '../../../../collector/aggregation/fold.ts';
import type { Logic } from '../../../../collector/aggregation/logic/logic-version.ts';
import type { Measures } from '../../../../collector/aggregation/measures.ts';
import type { PartialAggregate } from '../../../../collector/aggregation/partial.ts';
import { readRow, type StoredRow } from '../../../../collector/aggregation/raw-row.ts';
import { runToEnd } from '../../../../shared/cooperative.ts';
import type { TillEvent } from '../../../../shared/event/event.ts';
import { SLOTS_PER_HOUR } from '../../../../shared/time.ts';
import { columnsOf, toEvents } from '../../../../shared/wire/event-columns.ts';
import { eventsRow, lossRow } from '../../../support/collector/raw-rows.ts';
import { arbitraryEvent, HOUR, LOGIC, tillEvent } from '../../../support/collector/till-events.ts';
import { ObjectFold, readObjects } from '../../../support/oracle/object-fold.ts';
import { holds } from '../../../support/shared/property.ts';

/** Sketches as they are written: how they keep their numbers is theirs. */
const wireOf = (slots: ReadonlyMap<number, Measures>) =>
  [...slots].map(([slot, { tickets, customers, ...sums }]) => [
    slot,
    { ...sums, tickets: tickets?.toWire(), customers: customers?.toWire() },
  ]);

/** Every group with its measures, in the order of the cube, and the published cell byte by byte. */
const everything = (part: PartialAggregate) => ({
  figures: [...part.figures.groups()].map(({ key, slots }) => ({ key, slots: wireOf(slots) })),
  articles: [...part.articles.groups()].map(({ key, slots }) => ({ key, slots })),
  folded: [[...part.figures.folded], [...part.articles.folded]],
  bytes: [part.figures.bytes, part.articles.bytes],
  tally: part.tally,
  cell: runToEnd(encodePartial(part, HOUR * SLOTS_PER_HOUR)),
});

/** Folds the rows both ways, and compares what both say after each row. */
function compare(rows: readonly StoredRow[], isSettled: boolean, logic: Logic = LOGIC) {
  const [fold, oracle] = [new PartialFold(logic), new ObjectFold(logic)];
  for (const row of [...new Map(rows.map((row) => [Buffer.from(row.rowKey).toString('hex'), row]))].sort(([a], [b]) =>
    a < b ? -1 : 1,
  )) {
    runToEnd(fold.add(readRow(row[1])));
    runToEnd(oracle.add(readObjects(row[1])));
    if (isSettled) for (const one of [fold, oracle]) runToEnd(one.settle());
    assert.deepEqual([fold.cost, fold.isOutdated], [oracle.cost, oracle.isOutdated]);
  }
  assert.deepEqual(everything(fold.partial()), everything(oracle.partial()));
}

/** Fields in one order, whatever order they were made in. */
const inOrder = (event: TillEvent) => Object.entries(event).sort(([a], [b]) => (a < b ? -1 : 1));

const changes: Partial<TillEvent>[] = [{ ref: 'x' }, { amount: 7, currency: 'JPY' }, { type: 'refund' }, { items: [] }];

const arbitraryRows = fc
  .record({
    events: fc.array(arbitraryEvent(HOUR), { minLength: 30, maxLength: 30 }),
    cuts: fc.array(
      fc.record({
        first: fc.integer({ min: 0, max: 29 }),
        count: fc.integer({ min: 1, max: 30 }),
        change: fc.option(fc.tuple(fc.nat(29), fc.constantFrom(...changes)), { freq: 3 }),
        arrival: fc.nat(3),
        stream: fc.constantFrom('00000000000000aa', 'ff00000000000001'),
      }),
      { maxLength: 14 },
    ),
    lost: fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 9 })), { maxLength: 3 }),
  })
  .map(({ events, cuts, lost }) => [
    ...cuts.map(({ first, count, change, arrival, stream }) => {
      const all = events.map((event, at) => (at === change?.[0] ? { ...event, ...change[1] } : event));
      return eventsRow(1 + first, all.slice(first, first + count), { arrival, epoch: stream as never });
    }),
    ...lost.map(([first, count]) => lossRow(first, count)),
  ]);

holds(
  t,
  'a fold of columns gives what a fold of objects gives, bit for bit, however rows overlap and contradict each other',
  fc.property(
    arbitraryRows,
    fc.boolean(),
    fc.constantFrom([], ['method'], ['customer', 'cashier', 'method']),
    (rows, isSettled, dimensions) => compare(rows, isSettled, { ...LOGIC, dimensions }),
  ),
  { numRuns: 200 },
);

holds(
  t,
  'columns and objects of events are the same',
  fc.property(fc.array(arbitraryEvent(HOUR), { maxLength: 20 }), (events) => {
    assert.equal(JSON.stringify(toEvents(columnsOf(events)).map(inOrder)), JSON.stringify(events.map(inOrder)));
  }),
);

t.test('what a cube folded, and what no longer is remembered, is counted where it belongs', (t) => {
  const many = Array.from({ length: 60_000 }, (_, at) =>
    tillEvent({
      ts: HOUR * 3_600_000 + ((at * 7) % 3_600_000),
      type: at % 5 === 0 ? 'refund' : 'sale',
      amount: at,
      dims: { cashier: `c${(at * 13) % 30_000}`, customer: `u${at % 2_000}` },
      items: [0, 1].map((i) => ({ sku: `S${(at * 31 + i * 17) % 110_000}`, qty: 1_000, price: at % 900 })),
    }),
  );
  const rows = Array.from({ length: 30 }, (_, at) =>
    eventsRow(1 + at * 2_000, many.slice(at * 2_000, (at + 1) * 2_000)),
  );
  t.doesNotThrow(() => compare(rows, true));
  t.end();
});

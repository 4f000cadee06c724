import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { type FoldRow, PartialFold } from '../../../../collector/aggregation/fold.ts';
import type { PartialAggregate } from '../../../../collector/aggregation/partial.ts';
import { readRow, type StoredRow } from '../../../../collector/aggregation/raw-row.ts';
import { runToEnd } from '../../../../shared/cooperative.ts';
import type { Item, TillEvent } from '../../../../shared/event/event.ts';
import { epoch } from '../../../../shared/ids.ts';
import { articlesOf, expectedArticles, expectedFigures, figuresOf } from '../../../support/collector/figures-oracle.ts';
import { eventsOf } from '../../../support/collector/oracle-rows.ts';
import { eventsRow, foldOf, foldRows, lossRow } from '../../../support/collector/raw-rows.ts';
import { arbitraryEvent, HOUR, LOGIC, tillEvent } from '../../../support/collector/till-events.ts';
import { holds } from '../../../support/shared/property.ts';

const EPOCHS = ['00000000000000aa', 'ff00000000000001'].map(epoch);

/** What a part says, in plain values. */
const plain = (part: PartialAggregate) => ({ figures: figuresOf(part), articles: articlesOf(part), tally: part.tally });

/** The same, worked out seq by seq from the rows' own contents. */
function expected(sent: readonly StoredRow[]) {
  const { rows, events, conflicts, lost } = eventsOf(sent);
  return {
    figures: expectedFigures(events),
    articles: expectedArticles(events),
    rows: rows.length,
    events: events.length,
    conflicts,
    lost,
  };
}

/** A range of a stream's seqs, as some collector received it: first seq and count. */
const cut = fc.tuple(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 24 }));

/**
 * Two streams of up to 24 events, stored as whatever stretches of them: overlapping, twice,
 * subsets, with gaps, re-cut, in any order of arrival. Some rows hold another content under the same
 * seqs. Losses lie anywhere.
 */
const arbitraryRows = fc
  .record({
    streams: fc.tuple(
      ...EPOCHS.map(() => fc.array(arbitraryEvent(HOUR), { minLength: 24, maxLength: 24 })),
    ) as fc.Arbitrary<TillEvent[][]>,
    cuts: fc.array(fc.tuple(fc.nat(1), cut, fc.option(fc.nat(23), { freq: 8 }), fc.nat(3)), { maxLength: 12 }),
    losses: fc.array(fc.tuple(fc.nat(1), cut), { maxLength: 5 }),
  })
  .map(({ streams, cuts, losses }) => [
    ...cuts.map(([stream, [first, count], changed, arrival]) => {
      const events = streams[stream]!.map((event, i) => (i === changed ? { ...event, ref: 'changed' } : event));
      return eventsRow(first, events.slice(first - 1, first - 1 + count), { epoch: EPOCHS[stream]!, arrival });
    }),
    ...losses.map(([stream, [first, count]]) => lossRow(first, count, { epoch: EPOCHS[stream]! })),
  ]);

holds(
  t,
  'each seq counts once, however batches were cut, repeated and overlapping; the figures are those of a naive count',
  fc.property(arbitraryRows, (rows) => {
    const { figures, articles, tally } = plain(foldRows(rows));
    const { rows: count, events, conflicts, lost } = tally;
    assert.deepEqual({ figures, articles, rows: count, events, conflicts, lost }, expected(rows));
  }),
  { numRuns: 400 },
);

holds(
  t,
  'a fold goes on where it stood: rows added one by one give, each time, what all of them give, or it says that it does not',
  fc.property(arbitraryRows, (rows) => {
    const inOrder = eventsOf(rows).rows;
    const fold = new PartialFold(LOGIC);
    for (const [i, row] of inOrder.entries()) {
      runToEnd(fold.add(readRow(row)));
      if (fold.isOutdated) return;
      assert.deepEqual(plain(fold.partial()), plain(foldRows(inOrder.slice(0, i + 1))));
    }
  }),
  { numRuns: 40 },
);

const sales = (amounts: readonly number[]): TillEvent[] => amounts.map((amount) => tillEvent({ amount }));
const amountOf = (part: PartialAggregate): unknown => Object.values(figuresOf(part)).map(({ amount }) => amount);

t.test('two collectors hold versions of the same seqs, cut differently', (t) => {
  const events = sales([1, 2, 4, 8, 16, 32]);
  const part = foldRows([
    eventsRow(1, events.slice(0, 4)),
    eventsRow(5, events.slice(4)),
    eventsRow(1, events.slice(0, 2)),
    eventsRow(3, events.slice(2, 6)),
    eventsRow(1, events),
  ]);
  t.same(amountOf(part), [63n]);
  t.match(part.tally, { rows: 5, events: 6, conflicts: 0 });
  t.end();
});

t.test('a smaller batch that arrives after a larger one under the same first seq changes nothing', (t) => {
  const events = sales([1, 2, 4]);
  const large = eventsRow(1, events, { arrival: 1 });
  const small = eventsRow(1, events.slice(0, 1), { arrival: 2 });
  t.same(figuresOf(foldRows([large, small])), figuresOf(foldRows([large])));
  t.end();
});

t.test(
  'of two rows that claim a seq with different content and arrived together, the lower key wins; each such seq is one conflict',
  (t) => {
    const part = foldRows([
      eventsRow(1, sales([1, 2])),
      eventsRow(1, sales([10, 20, 40])),
      eventsRow(2, sales([200, 40])),
    ]);
    t.same(amountOf(part), [43n]);
    t.equal(part.tally.conflicts, 2, 'three rows disagree on two seqs');
    t.end();
  },
);

t.test('a sale sent again with another amount changes nothing, whichever of the two keys is the lower', (t) => {
  for (const [stored, forged] of [
    [50_000, 100],
    [100, 50_000],
  ] as const) {
    const part = foldRows([
      eventsRow(1, sales([stored]), { arrival: 1 }),
      eventsRow(1, sales([forged]), { arrival: 2 }),
      eventsRow(1, sales([forged, 7]), { arrival: 3 }),
      eventsRow(1, sales([stored]), { arrival: 1 }),
    ]);
    t.same(amountOf(part), [BigInt(stored + 7)]);
    t.equal(part.tally.conflicts, 1);
  }
  t.end();
});

t.test('a content that arrived again does not make a rival the earlier one', (t) => {
  const part = foldRows([
    eventsRow(1, sales([1]), { arrival: 10 }),
    eventsRow(1, sales([1, 2]), { arrival: 5 }),
    eventsRow(1, sales([9, 2, 3]), { arrival: 7 }),
  ]);
  t.same(amountOf(part), [6n]);
  t.end();
});

t.test('a fold asked for its figures is outdated by an earlier arrival with another content, not by a repeat', (t) => {
  const fold = new PartialFold(LOGIC);
  const add = (row: StoredRow) => runToEnd(fold.add(readRow(row)));
  add(eventsRow(1, sales([1]), { arrival: 10 }));
  t.equal(fold.partial().tally.events, 1);
  add(eventsRow(1, sales([1, 2]), { arrival: 5 }));
  t.notOk(fold.isOutdated);
  t.equal(fold.partial().tally.events, 2);
  add(eventsRow(1, sales([9, 9, 9]), { arrival: 4 }));
  t.ok(fold.isOutdated);
  t.end();
});

t.test('a fold holds one window, however many epochs and rows there are', (t) => {
  const fold = new PartialFold(LOGIC);
  const items = Array.from({ length: 100 }, () => ({ sku: 'A', qty: 1_000, price: 1 }));
  const events = Array.from({ length: 300 }, () => tillEvent({ items }));
  const held: number[] = [];
  for (let at = 1; at <= 24; at++) {
    runToEnd(fold.add(readRow(eventsRow(1, events, { epoch: epoch(at.toString(16).padStart(16, '0')) }))));
    held.push(fold.bytes);
  }
  t.ok(fold.cost > 24 * 300 * 100 * 64, `${fold.cost} bytes decoded`);
  t.ok(held.at(-1)! < 24 * 2_000, `${held.at(-1)} bytes held`);
  t.equal(fold.partial().tally.events, 24 * 300);
  t.end();
});

t.test('a fold that exceeds a limit ends with a reason', (t) => {
  const generous = { foldCost: 1e12, foldBytes: 1e12, foldWindowBytes: 1e12 };
  const folded = (limits: Partial<typeof generous>, ...rows: StoredRow[]) => {
    const fold = new PartialFold(LOGIC, { ...generous, ...limits });
    for (const row of rows) runToEnd(fold.add(readRow(row)));
    return fold.partial();
  };
  const customers = Array.from({ length: 900 }, (_, at) => tillEvent({ amount: at, dims: { customer: `u${at}` } }));
  const many = eventsRow(1, customers);
  t.throws(() => folded({ foldCost: 900 * 256 }, many), { name: 'FoldTooDear', message: /decode to more than/ });
  t.throws(() => folded({ foldBytes: 900 * 80 }, many), { name: 'FoldTooDear', message: /figures take more than/ });
  t.throws(() => folded({ foldBytes: 10_000 }, ...Array.from({ length: 200 }, (_, at) => lossRow(1 + 2 * at, 1))), {
    name: 'FoldTooDear',
  });
  // Each row brings one large event at a seq of its own: none is large, the window would be.
  const large = Array.from({ length: 50 }, () => ({ sku: 'A', qty: 1_000, price: 1 }));
  const contradicting = Array.from({ length: 20 }, (_, at) =>
    eventsRow(1, [...sales(Array(at).fill(1)), tillEvent({ items: large })]),
  );
  t.throws(() => folded({ foldWindowBytes: 30_000 }, ...contradicting), { message: /contradict each other/ });
  t.equal(folded({}, ...contradicting, many).tally.rows, 21);
  t.end();
});

t.test('what is stored beats what is lost, and a seq lost twice is lost once', (t) => {
  const part = foldRows([lossRow(1, 10), lossRow(5, 10), eventsRow(3, sales([1, 2])), eventsRow(12, sales([4]))]);
  t.equal(part.tally.lost, 11);
  t.end();
});

t.test('a loss of four milliards of seqs is counted, not walked', (t) => {
  t.equal(foldRows([lossRow(1, 2 ** 32 - 1), eventsRow(7, sales([1]))]).tally.lost, 2 ** 32 - 2);
  t.end();
});

t.test('the same seq in two epochs is two events', (t) => {
  const part = foldRows(EPOCHS.map((epoch) => eventsRow(1, sales([5]), { epoch })));
  t.same(amountOf(part), [10n]);
  t.end();
});

t.test('the earliest arrival and the digest cover all rows, also those without new seqs', (t) => {
  const rows = [
    eventsRow(1, sales([1, 2]), { arrival: 30 }),
    eventsRow(1, sales([1]), { arrival: 20 }),
    lossRow(9, 1, { arrival: 40 }),
  ];
  const { tally } = foldRows(rows);
  t.match(tally, { rows: 3, earliestArrival: 20 });
  t.not(tally.digest, foldRows(rows.slice(0, 1)).tally.digest);
  t.end();
});

t.test('rows of a stream that step back are a fault, not figures', (t) => {
  const fold = new PartialFold(LOGIC);
  const row = (firstSeq: number): FoldRow => readRow(eventsRow(firstSeq, sales([1])));
  runToEnd(fold.add(row(5)));
  t.throws(() => runToEnd(fold.add(row(4))), { message: /rows out of order: seq 4 after 5/ });
  t.end();
});

t.test('sums beyond 2^53 keep every digit', (t) => {
  const part = foldRows([
    eventsRow(
      1,
      Array.from({ length: 5_000 }, () => tillEvent({ amount: 1e12 - 1 })),
    ),
    eventsRow(
      5_001,
      Array.from({ length: 5_000 }, () => tillEvent({ amount: 1e12 - 1 })),
    ),
  ]);
  t.same(amountOf(part), [10_000n * (10n ** 12n - 1n)]);
  t.end();
});

t.test('lines of receipts count with their sign, by their total where they have one, to the digit', (t) => {
  const line = (sku: string, qty: number, price: number | null, amount?: number): Item =>
    amount === undefined ? { sku, qty, price } : { sku, qty, price, amount };
  const items = [
    ...[line('huge', 1e12, 1e12), line('huge', 1e12, 1e12), line('huge', -1e12, 1e12), line('huge', 1, -1)],
    ...[line('total', 435, 1_299, 565), line('total', -435, null, -565), line('total', 1_000, 5, 1e12)],
    ...[line('voided', 0, 1e12), line('voided', 0, null, 700)],
  ];
  const events = [tillEvent({ items }), tillEvent({ type: 'refund', items: items.slice(0, 1) })];
  const huge = { quantity: 1n, amount: -1n };
  const expected = { huge, total: { quantity: 1_000n, amount: 10n ** 15n } };
  const found = articlesOf(foldRows([eventsRow(1, events)]));
  t.same(Object.fromEntries(Object.entries(found).map(([key, of]) => [JSON.parse(key)[1], of])), expected);
  t.end();
});

t.test('two rows that differ in the total of a line alone are a conflict', (t) => {
  const sale = (more: object) => [tillEvent({ items: [{ sku: 'A', qty: 1_000, price: 5, ...more }] })];
  const conflicts = (a: object, b: object) => foldRows([eventsRow(1, sale(a)), eventsRow(1, sale(b))]).tally.conflicts;
  t.equal(conflicts({}, { amount: 5 }), 1);
  t.equal(conflicts({ amount: 4 }, { amount: 5 }), 1);
  t.equal(conflicts({ amount: 5 }, { amount: 5 }), 0);
  t.end();
});

t.test('what a void holds is counted as an event alone', (t) => {
  const items = [{ sku: 'A', qty: 1_000, price: 5 }];
  const part = foldRows([eventsRow(1, [tillEvent({ type: 'void', items, dims: { customer: 'u1' } })])]);
  t.match(Object.values(figuresOf(part)), [{ count: 1, quantity: 0n, tickets: null, customers: 0 }]);
  t.same(articlesOf(part), {});
  t.end();
});

t.test('a raw row that cannot be read is a fault that names its key', (t) => {
  const row = eventsRow(1, sales([1]));
  const damaged = { ...row, bytes: row.bytes.subarray(0, row.bytes.length - 1) };
  t.throws(() => readRow(damaged), { message: new RegExp(Buffer.from(row.rowKey).toString('hex')) });
  t.end();
});

t.test('an empty customer is none', (t) => {
  const part = foldOf([tillEvent({ dims: { customer: '' } }), tillEvent({ dims: { customer: 'u1' } })]);
  t.match(Object.values(figuresOf(part)), [{ count: 2, customers: 1 }]);
  t.end();
});

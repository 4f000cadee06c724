import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { SeqWindow, type Settled } from '../../../../collector/aggregation/seq-window.ts';
import { holds } from '../../../support/shared/property.ts';

interface Row {
  readonly firstSeq: number;
  readonly count: number;
  readonly arrival: number;
  /** Order of the key among those of the same firstSeq and count. */
  readonly digest: number;
}

const inKeyOrder = (a: Row, b: Row): number => a.firstSeq - b.firstSeq || a.count - b.count || a.digest - b.digest;

const arbitraryRows = fc
  .uniqueArray(
    fc.record({
      firstSeq: fc.integer({ min: 1, max: 12 }),
      count: fc.integer({ min: 1, max: 8 }),
      arrival: fc.nat(4),
      digest: fc.nat(3),
    }),
    { maxLength: 14, selector: ({ firstSeq, count, digest }) => `${firstSeq}/${count}/${digest}` },
  )
  .map((rows) => rows.toSorted(inKeyOrder));

/** The naive oracle: seq by seq, the row that arrived first, then the one with the lowest key. */
function oracle(rows: readonly Row[]): [number, Row][] {
  const seqs = [...new Set(rows.flatMap((row) => Array.from({ length: row.count }, (_, at) => row.firstSeq + at)))];
  return seqs
    .sort((a, b) => a - b)
    .map((seq) => {
      const claims = rows.filter(({ firstSeq, count }) => firstSeq <= seq && seq < firstSeq + count);
      return [seq, claims.toSorted((a, b) => a.arrival - b.arrival || inKeyOrder(a, b))[0]!];
    });
}

const listed = ({ firstSeq, claims }: Settled<Row>): [number, Row][] => claims.map((row, at) => [firstSeq + at, row]);

function walked(rows: readonly Row[], onRival?: (seq: number, winner: Row, other: Row) => void): [number, Row][] {
  const window = new SeqWindow<Row>();
  const found: [number, Row][] = [];
  for (const row of rows) {
    found.push(...listed(window.advance(row.firstSeq)));
    const claims = new Array<Row>(row.count).fill(row);
    window.claim(claims, row.arrival, (at, winner, other) => onRival?.(row.firstSeq + at, winner, other));
  }
  found.push(...listed({ firstSeq: window.start, claims: window.claims }));
  return found;
}

holds(
  t,
  'of the claims of a seq the earliest arrival counts, then the lowest key, as a naive search finds it',
  fc.property(arbitraryRows, (rows) => assert.deepEqual(walked(rows), oracle(rows))),
  { numRuns: 1_000 },
);

holds(
  t,
  'each seq is told its rivals: all of its rows but the first',
  fc.property(arbitraryRows, (rows) => {
    let rivals = 0;
    walked(rows, () => rivals++);
    const claims = rows.reduce((sum, { count }) => sum + count, 0);
    assert.equal(rivals, claims - oracle(rows).length);
  }),
);

holds(
  t,
  'a row that is covered changes nothing',
  fc.property(arbitraryRows, (rows) => {
    const window = new SeqWindow<Row>();
    for (const row of rows) {
      window.advance(row.firstSeq);
      const before = [...window.claims];
      const covered = window.isCovered(row.count, row.arrival);
      window.claim(new Array<Row>(row.count).fill(row), row.arrival);
      if (covered) assert.deepEqual(window.claims, before);
    }
  }),
);

t.test('a window holds no more than the last rows claim', (t) => {
  const window = new SeqWindow<string>();
  for (let seq = 1; seq < 1_000; seq += 5) {
    window.advance(seq);
    window.claim(Array(7).fill('x'), 0);
    t.ok(window.claims.length <= 7);
  }
  t.same(window.advance(5_000).claims, Array(7).fill('x'));
  t.equal(window.claims.length, 0);
  t.end();
});

t.test('rows out of order are a fault', (t) => {
  const window = new SeqWindow<string>();
  window.advance(5);
  t.throws(() => window.advance(4), { message: 'rows out of order: seq 4 after 5' });
  t.end();
});

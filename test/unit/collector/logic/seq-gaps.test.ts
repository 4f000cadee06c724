import fc from 'fast-check';
import t from 'tap';
import { seqGaps } from '../../../../collector/logic/seq-gaps.ts';
import { holds } from '../../shared/holds.ts';

t.test('what is not held is left, in ranges', async (t) => {
  t.same(seqGaps(5, 9, []), [[5, 9]]);
  t.same(
    seqGaps(5, 9, [
      [7, 7],
      [1, 5],
    ]),
    [
      [6, 6],
      [8, 9],
    ],
  );
  t.same(seqGaps(5, 9, [[1, 20]]), []);
  t.same(
    seqGaps(5, 9, [
      [1, 4],
      [10, 12],
    ]),
    [[5, 9]],
  );
});

const range = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.nat({ max: 10 }))
  .map(([first, more]) => [first, first + more] as const);

holds(
  t,
  'seq by seq, the ranges left are those that no range holds',
  fc.property(range, fc.array(range, { maxLength: 8 }), ([first, last], held) => {
    const expected = Array.from({ length: last - first + 1 }, (_, i) => first + i).filter(
      (seq) => !held.some(([start, end]) => seq >= start && seq <= end),
    );
    const gaps = seqGaps(first, last, held);
    const found = gaps.flatMap(([start, end]) => Array.from({ length: end - start + 1 }, (_, i) => start + i));
    // No two ranges touch.
    return String(found) === String(expected) && gaps.every(([start], i) => i === 0 || start > gaps[i - 1]![1] + 1);
  }),
  { numRuns: 1_000 },
);

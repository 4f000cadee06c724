import fc from 'fast-check';
import t from 'tap';
import { countOf, difference, type Ranges, union } from '../../../shared/seq-ranges.ts';

const ranges = fc
  .array(fc.tuple(fc.nat(60), fc.nat(8)), { maxLength: 8 })
  .map((pairs): Ranges => pairs.map(([first, length]) => [first, first + length]));
const members = (of: Ranges): Set<number> =>
  new Set(of.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, at) => first + at)));
const ascending = (of: Set<number>): number[] => [...of].sort((a, b) => a - b);

t.test('what no held range covers is left, in ranges that do not touch', async (t) => {
  const left = (...held: [number, number][]) => difference([[5, 9]], union(held));
  t.same(left(), [[5, 9]]);
  t.same(left([7, 7], [1, 5]), [
    [6, 6],
    [8, 9],
  ]);
  t.same(left([1, 20]), []);
  t.same(left([1, 4], [10, 12]), [[5, 9]]);
});

t.test('ranges behave as the sets that they stand for', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(ranges, ranges, (one, other) => {
        const [a, b] = [union(one), union(other)];
        const left = members(difference(a, b));
        const expected = ascending(members(one)).filter((seq) => !members(other).has(seq));
        if (ascending(left).join() !== expected.join()) throw new Error(`${ascending(left)} is not ${expected}`);
        if (countOf(a) !== members(one).size) throw new Error('size');
        if (a.some(([first], at) => at > 0 && a[at - 1]![1] + 1 >= first)) throw new Error('ranges touch');
      }),
    ),
  );
});

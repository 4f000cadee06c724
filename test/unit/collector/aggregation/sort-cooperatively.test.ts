import fc from 'fast-check';
import t from 'tap';
import { sortCooperatively } from '../../../../collector/aggregation/sort-cooperatively.ts';
import { runToEnd } from '../../../../shared/cooperative.ts';

interface Item {
  readonly rank: number;
  readonly at: number;
}
const byRank = (a: Item, b: Item): number => a.rank - b.rank;

t.test('it sorts as Array.prototype.sort does, equal items in the order they came', async (t) => {
  const lengths = fc.oneof(fc.nat(40), fc.constantFrom(1_023, 1_024, 1_025, 2_048, 3_100, 5_000));
  const property = fc.property(lengths, fc.integer(), (length, seed) => {
    let state = seed >>> 0;
    const items = Array.from({ length }, (_, at): Item => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return { rank: state % 50, at };
    });
    const before = [...items];
    t.same(runToEnd(sortCooperatively(items, byRank)), before.toSorted(byRank));
    return items.every((item, at) => item === before[at]);
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 30 }));
});

t.test('no step of a long list compares more than some thousand items', async (t) => {
  const items = Array.from({ length: 50_000 }, (_, at): Item => ({ rank: (at * 7_919) % 50_021, at }));
  let [compared, most] = [0, 0];
  const counted = (a: Item, b: Item): number => {
    compared++;
    return byRank(a, b);
  };
  const task = sortCooperatively(items, counted);
  while (!task.next().done) {
    most = Math.max(most, compared);
    compared = 0;
  }
  t.ok(most > 0 && most <= 1_024 * 12, `${most} comparisons in a step`);
});

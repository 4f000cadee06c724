import fc from 'fast-check';
import t from 'tap';
import { AmountSketch, EXACT_LIMIT } from '../../../../../collector/aggregation/sketches/amount-sketch.ts';
import { nearestRank } from '../../../../support/collector/figures-oracle.ts';
import { holds } from '../../../../support/shared/property.ts';

const of = (amounts: Iterable<number>): AmountSketch => {
  const tickets = new AmountSketch();
  for (const amount of amounts) tickets.add(amount);
  return tickets;
};
const merged = (...parts: readonly AmountSketch[]): AmountSketch => {
  const into = new AmountSketch();
  for (const part of parts) into.merge(part);
  return into;
};
const percents = fc.integer({ min: 0, max: 100 });
const few = fc.array(fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 1e12 })), {
  minLength: 1,
  maxLength: 300,
});
/** More different amounts than are kept one by one, over all magnitudes. */
const many = fc
  .tuple(fc.integer({ min: 1, max: 1e9 }), fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 3_000 }))
  .map(([step, small]) => [...small, ...Array.from({ length: EXACT_LIMIT + 1 }, (_, i) => 1 + i * step)]);

holds(
  t,
  'up to a thousand different amounts, percentiles are the nearest rank',
  fc.property(few, percents, (amounts, percent) => of(amounts).percentile(percent) === nearestRank(amounts, percent)),
);

t.test('the rank does not slip for any number of tickets', (t) => {
  const tickets = new AmountSketch();
  const amounts: number[] = [];
  const wrong: number[] = [];
  for (let n = 1; n <= EXACT_LIMIT; n++) {
    tickets.add(n);
    amounts.push(n);
    if (tickets.percentile(95) !== amounts[Math.ceil((95 * n) / 100) - 1]) wrong.push(n);
  }
  t.same(wrong, []);
  t.end();
});

t.test(
  'a thousand different amounts are exact, also when merged, and a thousand and one are not kept one by one',
  (t) => {
    const amounts = Array.from({ length: EXACT_LIMIT }, (_, i) => i * 7);
    const halves = merged(of(amounts.slice(0, 600)), of(amounts.slice(300)));
    t.equal(halves.toWire().exact, true);
    t.equal(halves.percentile(50), nearestRank([...amounts, ...amounts.slice(300, 600)], 50));
    halves.add(1);
    t.equal(halves.toWire().exact, false);
    t.end();
  },
);

holds(
  t,
  'beyond a thousand different amounts, percentiles are within 1 %, and minimum and maximum exact',
  fc.property(many, percents, (amounts, percent) => {
    const tickets = of(amounts);
    const expected = nearestRank(amounts, percent);
    return (
      Math.abs(tickets.percentile(percent) - expected) <= expected * 0.01 &&
      tickets.min === Math.min(...amounts) &&
      tickets.max === Math.max(...amounts) &&
      tickets.total === amounts.length
    );
  }),
  { numRuns: 60 },
);

t.test(
  'each amount up to 1,000 is reported within 1 % beyond the limit too, where whole minor units are coarse',
  (t) => {
    const wide = Array.from({ length: EXACT_LIMIT + 1 }, (_, i) => 10_000 + i);
    const off = Array.from({ length: 1_001 }, (_, amount) => amount).filter((amount) => {
      const tickets = of(wide);
      for (let i = 0; i < 3_000; i++) tickets.add(amount);
      return Math.abs(tickets.percentile(50) - amount) > amount * 0.01;
    });
    t.same(off, []);
    t.end();
  },
);

const some = fc.oneof({ weight: 3, arbitrary: few }, many);

holds(
  t,
  'merging is commutative and associative, and the same as one after the other',
  fc.property(some, some, some, (a, b, c) => {
    const whole = JSON.stringify(of([...a, ...b, ...c]).toWire());
    return (
      whole === JSON.stringify(merged(of(c), of(a), of(b)).toWire()) &&
      whole === JSON.stringify(merged(of(a), merged(of(b), of(c))).toWire()) &&
      whole === JSON.stringify(merged(merged(of(a), of(b)), of(c)).toWire())
    );
  }),
  { numRuns: 40 },
);

t.test('what merges is left as it was', (t) => {
  const one = of([1, 2]);
  merged(one, of([3]));
  t.equal(one.total, 2);
  t.end();
});

holds(
  t,
  'the wire form reads back',
  fc.property(fc.oneof(few, many), (amounts) => {
    const wire = of(amounts).toWire();
    const back = AmountSketch.fromWire(wire);
    return JSON.stringify(back.toWire()) === JSON.stringify(wire) && back.total === amounts.length;
  }),
  { numRuns: 60 },
);

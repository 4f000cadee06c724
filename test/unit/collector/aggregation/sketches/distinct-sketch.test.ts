import fc from 'fast-check';
import t from 'tap';
import {
  customerHash,
  DistinctSketch,
  EXACT_LIMIT,
} from '../../../../../collector/aggregation/sketches/distinct-sketch.ts';
import { holds } from '../../../../support/shared/property.ts';

const of = (hashes: Iterable<number>): DistinctSketch => {
  const uniques = new DistinctSketch();
  for (const hash of hashes) uniques.add(hash);
  return uniques;
};
const merged = (...parts: readonly DistinctSketch[]): DistinctSketch => {
  const into = new DistinctSketch();
  for (const part of parts) into.merge(part);
  return into;
};
const same = (a: DistinctSketch, b: DistinctSketch): boolean => {
  const [x, y] = [a.toWire(), b.toWire()];
  return x instanceof Uint8Array === y instanceof Uint8Array && Buffer.compare(bytes(x), bytes(y)) === 0;
};
const bytes = (wire: readonly number[] | Uint8Array): Uint8Array =>
  wire instanceof Uint8Array ? wire : Buffer.from(Float64Array.from(wire).buffer);

/** Customers by name, hashed once for all tests. */
const HASHES = Float64Array.from({ length: 2_000 }, (_, i) => customerHash(`customer-${i}`));
/** Few and many, overlapping, on both sides of the limit. */
const stretch = fc
  .tuple(fc.integer({ min: 0, max: 1_999 }), fc.oneof(fc.nat(50), fc.nat(1_999)))
  .map(([from, length]) => HASHES.subarray(from, from + length));

holds(
  t,
  'up to a thousand customers are counted exactly, however often each comes',
  fc.property(fc.array(stretch, { maxLength: 4 }), (stretches) => {
    const all = stretches.flatMap((hashes) => [...hashes.subarray(0, 250), ...hashes.subarray(0, 100)]);
    return of(all).count() === new Set(all).size;
  }),
);

t.test('a thousand customers are a thousand', (t) => {
  t.equal(of(HASHES.subarray(0, EXACT_LIMIT)).count(), EXACT_LIMIT);
  t.end();
});

t.test('a thousand are exact through merges too, and a thousand and one no longer a list', (t) => {
  const whole = merged(of(HASHES.subarray(0, 700)), of(HASHES.subarray(300, EXACT_LIMIT)), of(HASHES.subarray(0, 10)));
  t.equal(whole.count(), EXACT_LIMIT);
  t.notOk(whole.toWire() instanceof Uint8Array);
  whole.merge(of(HASHES.subarray(EXACT_LIMIT, EXACT_LIMIT + 1)));
  t.ok(whole.toWire() instanceof Uint8Array);
  t.ok(Math.abs(whole.count() - EXACT_LIMIT - 1) <= 20);
  t.end();
});

t.test('beyond, the count is within 2 % up to a million, over several sets of names', (t) => {
  const sizes = [1_001, 1_500, 2_000, 5_000, 10_000, 50_000, 100_000, 200_000, 300_000, 500_000, 1_000_000];
  const off: string[] = [];
  for (const seed of ['a', 'b', 'c']) {
    const uniques = new DistinctSketch();
    let added = 0;
    for (const size of seed === 'a' ? sizes : sizes.filter((size) => size <= 300_000)) {
      for (; added < size; added++) uniques.add(customerHash(`${seed}${added}`));
      if (Math.abs(uniques.count() - size) > 0.02 * size) off.push(`${seed}: ${uniques.count()} of ${size}`);
    }
  }
  t.same(off, []);
  t.end();
});

holds(
  t,
  'merging is commutative, associative and idempotent, and the same as one after the other',
  fc.property(stretch, stretch, stretch, (a, b, c) => {
    const whole = of([...a, ...b, ...c]);
    return (
      same(whole, merged(of(c), of(a), of(b))) &&
      same(whole, merged(of(a), merged(of(b), of(c)))) &&
      same(whole, merged(merged(of(a), of(b)), of(c))) &&
      same(whole, merged(whole, of(b), whole))
    );
  }),
  { numRuns: 60 },
);

t.test('what merges is left as it was', (t) => {
  const one = of(HASHES.subarray(0, 1_500));
  const before = DistinctSketch.fromWire(one.toWire());
  merged(one, of(HASHES)).merge(one);
  t.ok(same(one, before));
  t.end();
});

holds(
  t,
  'the wire form reads back and goes on by itself',
  fc.property(stretch, stretch, (a, b) => {
    const one = of(a);
    const back = DistinctSketch.fromWire(one.toWire());
    const alike = same(one, back);
    back.merge(of(b));
    return alike && same(one, of(a)) && same(back, of([...a, ...b]));
  }),
  { numRuns: 60 },
);

t.test('the sharpest hashes have a register: all zeros, all ones', (t) => {
  const registers = of([0, 2 ** 52 - 1, ...HASHES]).toWire() as Uint8Array;
  t.equal(registers[0], 37, 'nothing but zeros after the index');
  t.equal(registers[2 ** 16 - 1], 1);
  t.end();
});

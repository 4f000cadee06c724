import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { Cube, type Measuring, mergeCube, OTHER } from '../../../../collector/aggregation/cube.ts';
import { figuresCube } from '../../../../collector/aggregation/partial.ts';
import { runToEnd } from '../../../../shared/cooperative.ts';
import { holds } from '../../../support/shared/property.ts';

interface Counter {
  count: number;
}
const none = (): Counter => ({ count: 0 });
const merge = (into: Counter, from: Counter): number => {
  into.count += from.count;
  return 8;
};
const keys = ['type', 'currency', 'store'];
const COUNTS: Measuring<Counter> = {
  ...{ none, merge, bytes: () => 0, packedBytes: 1 },
  isKept: (key) => key !== 'store',
  weightOf: (_key, { count }) => ({ amount: count, number: count }),
};
const cubeOf = (groups: readonly (readonly (string | null)[])[], maxEntries?: number): Cube<Counter> => {
  const cube = new Cube<Counter>(keys, COUNTS, maxEntries);
  for (const key of groups) cube.at(key, 7).count++;
  return cube;
};
const counts = (cube: Cube<Counter>): Record<string, number> =>
  Object.fromEntries(
    [...cube.groups()].map(({ key, slots }) => [
      JSON.stringify(key),
      [...slots.values()].reduce((sum, { count }) => sum + count, 0),
    ]),
  );

const hostile = fc.oneof(
  fc.constantFrom(null, '', '~', '~~', '0:', '1:a', ':', '2:~~', OTHER, '__proto__'),
  fc.string({ unit: fc.constantFrom(':', '~', '1', 'a'), maxLength: 4 }),
);

holds(
  t,
  'different values are different groups, whatever they hold',
  fc.property(fc.array(fc.tuple(hostile, hostile, hostile), { maxLength: 40 }), (groups) => {
    const expected = Map.groupBy(groups, (key) => JSON.stringify(key));
    const found = counts(cubeOf(groups));
    return (
      Object.keys(found).length === expected.size && [...expected].every(([name, of]) => found[name] === of.length)
    );
  }),
);

t.test('null, "~" and the name of another key are not taken for each other', (t) => {
  t.equal(
    cubeOf([
      ['sale', null, null],
      ['sale', null, '~'],
      ['sale', '~', null],
      ['sale', null, '1:a'],
      ['sale', null, 'a'],
      ['sale', 'a:b', 'c'],
      ['sale', 'a', 'b:c'],
    ]).size,
    7,
  );
  t.end();
});

holds(
  t,
  'beyond the bound on entries, what is kept does not depend on the order, and nothing is lost',
  fc.property(fc.array(hostile, { maxLength: 40 }), fc.integer({ min: 1, max: 20 }), fc.nat(), (stores, max, seed) => {
    const groups = stores.map((store) => ['sale', 'GBP', store]);
    const shuffled = groups
      .map((group, at) => ({ group, order: Math.imul(at + 1, seed | 1) }))
      .sort((a, b) => a.order - b.order)
      .map(({ group }) => group);
    const cube = cubeOf(groups, max);
    const found = counts(cube);
    assert.deepEqual(counts(cubeOf(shuffled, max)), found);
    const expected = Map.groupBy(groups, (key) => JSON.stringify(key));
    for (const [name, count] of Object.entries(found))
      if (!name.includes(OTHER)) assert.equal(count, expected.get(name)!.length);
    assert.ok(cube.size <= Math.max(1, max));
    return Object.values(found).reduce((sum, count) => sum + count, 0) === groups.length;
  }),
);

t.test(
  'beyond the bound on entries sales, refunds and currencies stay apart; types that are only counted do not',
  (t) => {
    const cube = figuresCube(['type', 'currency', 'store'], 4);
    const groups = [
      ['sale', 'GBP', 'a'],
      ['sale', 'EUR', 'b'],
      ['refund', 'GBP', 'b'],
      ...Array.from({ length: 1_000 }, (_, i) => [`type${i}`, null, `s${i}`]),
    ];
    for (const key of groups) cube.at(key, 0).count++;
    t.same(
      new Set([...cube.groups()].map(({ key }) => JSON.stringify(key))),
      new Set([
        '["sale","GBP","(other)"]',
        '["sale","EUR","(other)"]',
        '["refund","GBP","(other)"]',
        '["(other)",null,"(other)"]',
      ]),
    );
    t.equal(
      [...cube.groups()].reduce((sum, { slots }) => sum + slots.get(0)!.count, 0),
      groups.length,
    );
    t.end();
  },
);

t.test('merging adds groups by the keys they share, and makes its own measures', (t) => {
  const from = cubeOf([
    ['sale', 'GBP', 'a'],
    ['sale', 'GBP', 'b'],
    ['sale', null, 'b'],
  ]);
  const into = new Cube<Counter>(['type', 'currency'], COUNTS);
  runToEnd(mergeCube(into, from));
  const { bytes } = into;
  runToEnd(mergeCube(into, from));
  t.ok(bytes > 2 * 128, 'its memory is that of two groups');
  t.equal(into.bytes - bytes, 3 * 8, 'its memory is what the measures grew by');
  t.same(counts(into), { '["sale","GBP"]': 4, '["sale",null]': 2 });
  t.same(counts(from), { '["sale","GBP","a"]': 1, '["sale","GBP","b"]': 1, '["sale",null,"b"]': 1 });
  t.end();
});

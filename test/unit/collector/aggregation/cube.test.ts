import fc from 'fast-check';
import t from 'tap';
import { Cube, mergeCube, OTHER } from '../../../../collector/aggregation/cube.ts';
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
const other = ([type = null, currency = null]: readonly (string | null)[]): (string | null)[] => [
  type,
  currency,
  OTHER,
];
const cubeOf = (groups: readonly (readonly (string | null)[])[], maxGroups = 1_000): Cube<Counter> => {
  const cube = new Cube<Counter>(keys, maxGroups, other);
  for (const key of groups) cube.at(key, 7, none).count++;
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

t.test('groups beyond the bound count under (other), and nothing is lost', (t) => {
  const cube = cubeOf(
    [...'abcde', 'a'].map((store) => ['sale', 'GBP', store]),
    3,
  );
  t.same(counts(cube), {
    '["sale","GBP","a"]': 2,
    '["sale","GBP","b"]': 1,
    '["sale","GBP","c"]': 1,
    '["sale","GBP","(other)"]': 2,
  });
  t.equal(cube.overflow, 2);
  t.end();
});

t.test('a value that is called (other) is a group like any', (t) => {
  const cube = cubeOf(
    [
      ['sale', 'GBP', OTHER],
      ['sale', 'GBP', 'a'],
      ['sale', 'GBP', 'b'],
    ],
    2,
  );
  t.same(counts(cube), { '["sale","GBP","(other)"]': 2, '["sale","GBP","a"]': 1 });
  t.end();
});

t.test('beyond the bound sales, refunds and currencies stay apart; types that are only counted do not', (t) => {
  const cube = figuresCube(['type', 'currency', 'store'], 1);
  const groups = [
    ['sale', 'GBP', 'a'],
    ['sale', 'GBP', 'b'],
    ['sale', 'EUR', 'b'],
    ['refund', 'GBP', 'b'],
    ...Array.from({ length: 1_000 }, (_, i) => [`type${i}`, null, 'b']),
  ];
  for (const key of groups)
    cube.at(key, 0, () => ({ count: 1, amount: 0, quantity: 0, tickets: null, customers: null }));
  t.same(
    [...cube.groups()].map(({ key }) => key),
    [
      ['sale', 'GBP', 'a'],
      ['sale', 'GBP', OTHER],
      ['sale', 'EUR', OTHER],
      ['refund', 'GBP', OTHER],
      [OTHER, null, OTHER],
    ],
  );
  t.end();
});

t.test('a view of types and currencies alone is bounded too', (t) => {
  const cube = figuresCube(['type', 'currency'], 10);
  for (let i = 0; i < 1_000; i++)
    cube.at([`type${i}`, null], 0, () => ({ count: 1, amount: 0, quantity: 0, tickets: null, customers: null }));
  t.equal(cube.size, 11);
  t.equal(cube.overflow, 990);
  t.end();
});

t.test('merging adds groups by the keys they share, and makes its own measures', (t) => {
  const from = cubeOf([
    ['sale', 'GBP', 'a'],
    ['sale', 'GBP', 'b'],
    ['sale', null, 'b'],
  ]);
  const into = new Cube<Counter>(['type', 'currency'], 1_000, (key) => key);
  runToEnd(mergeCube(into, from, none, merge));
  const { bytes } = into;
  runToEnd(mergeCube(into, from, none, merge));
  t.ok(bytes > 2 * 128, 'its memory is that of two groups');
  t.equal(into.bytes - bytes, 3 * 8, 'its memory is what the measures grew by');
  t.same(counts(into), { '["sale","GBP"]': 4, '["sale",null]': 2 });
  t.same(counts(from), { '["sale","GBP","a"]': 1, '["sale","GBP","b"]': 1, '["sale",null,"b"]': 1 });
  t.end();
});

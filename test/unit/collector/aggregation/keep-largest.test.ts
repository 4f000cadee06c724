import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { encodeArticles, encodeView } from '../../../../collector/aggregation/codec.ts';
import { type Cube, OTHER } from '../../../../collector/aggregation/cube.ts';
import { type Bound, fitTogether, keepLargest } from '../../../../collector/aggregation/keep-largest.ts';
import { AGGREGATION_LIMITS } from '../../../../collector/aggregation/limits.ts';
import type { ItemMeasures, Measures } from '../../../../collector/aggregation/measures.ts';
import { articlesCube, figuresCube } from '../../../../collector/aggregation/partial.ts';
import { runToEnd } from '../../../../shared/cooperative.ts';
import { contentOf } from '../../../support/collector/decode-cells.ts';
import { articlesOf } from '../../../support/collector/figures-oracle.ts';
import { HOUR } from '../../../support/collector/till-events.ts';
import { holds } from '../../../support/shared/property.ts';

const BASE = HOUR * 4;
const ROOMY = 2 ** 30;
type Sold = readonly [currency: string | null, sku: string, slot: number, quantity: number, amount: number];

const sku = fc.oneof(
  fc.integer({ min: 0, max: 40 }).map((number) => `a${number}`),
  fc.constantFrom(OTHER, '', '~', '1:a', '__proto__', 'ø'.repeat(64)),
);
const sold = fc.tuple(
  fc.constantFrom('GBP', 'JPY', null),
  sku,
  fc.nat(3),
  fc.integer({ min: -3_000, max: 9_000 }),
  fc.integer({ min: -1_000, max: 20_000 }),
);

function articlesWith(lines: readonly Sold[]): Cube<ItemMeasures> {
  const cube = articlesCube();
  for (const [currency, name, slot, quantity, amount] of lines) {
    const measures = cube.at([currency, name], BASE + slot);
    measures.quantity = Number(measures.quantity) + quantity;
    measures.amount = Number(measures.amount) + amount;
  }
  return cube;
}

const kept = <M>(cube: Cube<M>, bound: Partial<Bound>): Cube<M> =>
  runToEnd(keepLargest(cube, { groups: ROOMY, bytes: ROOMY, ...bound }));
const namesOf = <M>(cube: Cube<M>): string[] => [...cube.groups()].map(({ key }) => JSON.stringify(key)).sort();
const totalOf = (cube: Cube<ItemMeasures>): [number, number] =>
  [...cube.groups()]
    .flatMap(({ slots }) => [...slots.values()])
    .reduce(([q, a], { quantity, amount }) => [q + Number(quantity), a + Number(amount)], [0, 0]);

holds(
  t,
  'what is kept depends on the figures alone: in any order, and again; sums stay, and it fits',
  fc.property(
    fc.array(sold, { maxLength: 120 }),
    fc.integer({ min: 6, max: 40 }),
    fc.integer({ min: 900, max: 4_000 }),
    (lines, groups, bytes) => {
      const cube = articlesWith(lines);
      const once = kept(cube, { groups, bytes });
      assert.deepEqual(
        articlesOf({ articles: kept(articlesWith(lines.toReversed()), { groups, bytes }) }),
        articlesOf({ articles: once }),
      );
      assert.deepEqual(articlesOf({ articles: kept(once, { groups, bytes }) }), articlesOf({ articles: once }));
      assert.deepEqual(totalOf(once), totalOf(cube));
      assert.ok(once.size <= groups && once.packedBytes <= Math.max(bytes, kept(cube, { groups: 1 }).packedBytes));
      return true;
    },
  ),
);

holds(
  t,
  'in each currency those are kept that a full sort by amount, and by number, finds first',
  fc.property(fc.array(sold, { maxLength: 120 }), fc.integer({ min: 8, max: 30 }), (lines, groups) => {
    const cube = articlesWith(lines.filter(([, name]) => name !== OTHER));
    const left = kept(cube, { groups });
    const names = new Set(namesOf(left));
    const sums = [...cube.groups()].map(({ key, slots }) => {
      const all = [...slots.values()];
      const sum = (of: 'amount' | 'quantity') =>
        Math.abs(all.reduce((total, measures) => total + Number(measures[of]), 0));
      return { key, amount: sum('amount'), quantity: sum('quantity') };
    });
    for (const currency of ['GBP', 'JPY', null]) {
      for (const by of ['amount', 'quantity'] as const) {
        const of = sums.filter(({ key }) => key[0] === currency);
        const folded = of.filter(({ key }) => !names.has(JSON.stringify(key)));
        const most = Math.max(-1, ...folded.map((one) => one[by]));
        // Kept for either reason: of those that are larger, none is missing.
        for (const one of of) if (one[by] > most) assert.ok(names.has(JSON.stringify(one.key)));
      }
    }
    const [folded] = [...left.folded];
    assert.equal(
      folded?.values ?? 0,
      new Set(sums.filter(({ key }) => !names.has(JSON.stringify(key))).map(({ key }) => key[1])).size,
    );
    return true;
  }),
);

t.test('a dimension of few values is whole while one of many gives way; a value is kept for all others', (t) => {
  const cube = figuresCube(['type', 'currency', 'method', 'customer']);
  for (let number = 0; number < 1_000; number++)
    Object.assign(cube.at(['sale', 'GBP', number % 2 === 0 ? 'cash' : 'card', `c${number}`], BASE), {
      count: 1,
      amount: number,
    });
  const left = kept(cube, { groups: 100 });
  t.same([...left.folded], [{ dimension: 'customer', hour: HOUR, values: 902, isPartial: false }]);
  t.same(new Set([...left.groups()].map(({ key }) => key[2])), new Set(['cash', 'card']));
  t.ok(namesOf(left).includes('["sale","GBP","card","c999"]'));
  const events = (method: string) =>
    [...left.groups()]
      .filter(({ key }) => key[2] === method)
      .reduce((sum, { slots }) => sum + slots.get(BASE)!.count, 0);
  t.same([events('cash'), events('card')], [500, 500]);
  t.end();
});

t.test('what sells most pieces is kept though it costs nothing, and the best of a small currency', (t) => {
  const lines: Sold[] = Array.from({ length: 100 }, (_, at) => ['GBP', `a${at}`, 0, 1_000, 1_000 + at]);
  const left = kept(articlesWith([...lines, ['GBP', 'bag', 0, 99_000, 0], ['KWD', 'pin', 0, 1, 1]]), { groups: 10 });
  for (const name of ['["GBP","bag"]', '["GBP","a99"]', '["KWD","pin"]']) t.ok(namesOf(left).includes(name), name);
  t.notOk(namesOf(left).includes('["GBP","a0"]'));
  t.end();
});

t.test('beyond the entries that can be ranked, groups go by their hashes, and any value may be among them', (t) => {
  const cube = figuresCube(['type', 'currency', 'method', 'customer'], 100);
  for (let number = 0; number < 1_000; number++) cube.at(['sale', 'GBP', 'cash', `c${number}`], BASE).count++;
  const left = kept(cube, {});
  const folded = [...left.folded];
  t.match(folded, [
    { dimension: 'type', isPartial: true },
    { dimension: 'method', isPartial: true },
    { dimension: 'customer', isPartial: true },
  ]);
  t.ok(folded[2]!.values > 700 && folded[2]!.values < 1_300, `some 900 values: ${folded[2]!.values}`);
  t.equal(
    [...left.groups()].reduce((sum, { slots }) => sum + slots.get(BASE)!.count, 0),
    1_000,
  );
  t.end();
});

const word = fc.oneof(fc.string({ maxLength: 64, unit: 'binary' }), fc.string({ maxLength: 12 }), fc.constant(null));

holds(
  t,
  'a cell has no more bytes than it is reckoned to have',
  fc.property(
    fc.array(fc.tuple(word, word, fc.nat(95), fc.maxSafeInteger(), fc.maxSafeInteger()), { maxLength: 300 }),
    (entries) => {
      const articles = articlesCube();
      const figures = figuresCube(['type', 'currency', 'method', 'cashier']);
      for (const [one, other, slot, amount, quantity] of entries) {
        articles.at([one, other], BASE + slot, (): ItemMeasures => ({ amount, quantity }));
        const measures: Measures = { count: 2 ** 32, amount, quantity, tickets: null, customers: null };
        figures.at([one, 'GBP', other, one], BASE + slot, () => measures);
      }
      const names = 200;
      assert.ok(contentOf(runToEnd(encodeArticles(articles, BASE))).length <= articles.packedBytes + names);
      assert.ok(contentOf(runToEnd(encodeView(figures, BASE))).length <= figures.packedBytes + names);
      return true;
    },
  ),
);

t.test('cells of an hour without sketches stay far below 10 MiB, whatever the names', (t) => {
  const { cubeBytes, cellBytes } = AGGREGATION_LIMITS;
  t.ok(2 * cubeBytes.value <= cellBytes.value && cellBytes.value <= 0.8 * 10 * 2 ** 20);
  const cube = articlesCube();
  for (let number = 0; number < 30_000; number++)
    for (let slot = 0; slot < 4; slot++)
      cube.at(['GBP', `${'字'.repeat(58)}${number}`], BASE + slot, () => ({ amount: number, quantity: 2 ** 52 }));
  const left = kept(cube, { groups: AGGREGATION_LIMITS.articles.value, bytes: cubeBytes.value });
  t.ok(left.packedBytes <= cubeBytes.value && left.packedBytes > 0.99 * cubeBytes.value, `${left.packedBytes} bytes`);
  t.end();
});

holds(
  t,
  'cubes that fit together for certain fit when they are merged',
  fc.property(
    fc.array(fc.array(sold, { maxLength: 30 }), { maxLength: 4 }),
    fc.integer({ min: 1, max: 60 }),
    (parts, groups) => {
      const bound = { groups, bytes: 8_000 };
      const all = articlesWith(parts.flat());
      const fits = runToEnd(fitTogether(parts.map(articlesWith), all.keys, bound));
      return !fits || (all.size <= groups && all.packedBytes <= bound.bytes);
    },
  ),
);

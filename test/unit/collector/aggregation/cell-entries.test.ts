/** Cells read entry by entry hold what they hold when they are decoded whole. */
import assert from 'node:assert/strict';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { type Visitor, visitArticles, visitFigures } from '../../../../collector/aggregation/cell-entries.ts';
import { ALL_MEASURES, encodeArticles, encodePartial } from '../../../../collector/aggregation/codec.ts';
import type { Cube } from '../../../../collector/aggregation/cube.ts';
import type { ItemMeasures, Measures } from '../../../../collector/aggregation/measures.ts';
import { unpackCell } from '../../../../collector/aggregation/message-pack/unpack-cell.ts';
import { articlesCube, figuresCube } from '../../../../collector/aggregation/partial.ts';
import { ARTICLES_VIEW, Views, viewKeys, viewNames } from '../../../../collector/aggregation/views/views.ts';
import { type Cooperative, runToEnd } from '../../../../shared/cooperative.ts';
import { pack } from '../../../../shared/wire/message-pack.ts';
import { contentOf } from '../../../support/collector/decode-cells.ts';
import { articlesOf, expectedArticles, expectedFigures, figuresOf } from '../../../support/collector/figures-oracle.ts';
import { foldOf } from '../../../support/collector/raw-rows.ts';
import { arbitraryEvent, HOUR, LOGIC, tillEvent } from '../../../support/collector/till-events.ts';
import { holds } from '../../../support/shared/property.ts';

const BASE = HOUR * 4;
const events = fc.array(arbitraryEvent(HOUR), { maxLength: 30 });

/** A cube of what is visited. */
function cubeOf<M>(
  empty: (keys: readonly string[]) => Cube<M>,
  visits: (visitor: Visitor<M>) => Cooperative<void>,
): Cube<M> {
  let cube: Cube<M> | null = null;
  const visitor: Visitor<M> = (keys) => {
    const made = empty(keys);
    cube = made;
    return (key, slot, measures) => made.at(key, slot, () => measures);
  };
  runToEnd(visits(visitor));
  return cube!;
}

const figuresIn = (bytes: Uint8Array, kind: 'view' | 'part', wanted = ALL_MEASURES): Cube<Measures> =>
  cubeOf(figuresCube, (visitor) => visitFigures(contentOf(bytes), kind, BASE, wanted, visitor));
const articlesIn = (bytes: Uint8Array): Cube<ItemMeasures> =>
  cubeOf(
    () => articlesCube(),
    (visitor) => visitArticles(contentOf(bytes), BASE, visitor),
  );

holds(
  t,
  'views, articles and the figures of parts, of any events',
  fc.property(fc.array(events, { maxLength: 3 }), (batches) => {
    const views = new Views(LOGIC);
    for (const batch of batches) runToEnd(views.add(foldOf(batch)));
    const { cells: encoded } = runToEnd(views.encode(BASE));
    const all = batches.flat();
    for (const name of viewNames(LOGIC)) {
      const figures = figuresIn(encoded.get(name)!, 'view');
      assert.deepEqual(figures.keys, viewKeys(name));
      assert.deepEqual(figuresOf({ figures }), expectedFigures(all, viewKeys(name)));
    }
    const articles = articlesIn(encoded.get(ARTICLES_VIEW)!);
    assert.deepEqual(articlesOf({ articles }), expectedArticles(all));
    const part = foldOf(all);
    assert.deepEqual(figuresOf({ figures: figuresIn(runToEnd(encodePartial(part, BASE)), 'part') }), figuresOf(part));
  }),
  { numRuns: 40 },
);

t.test('sums beyond the safe integers, and names and numbers of every length', async (t) => {
  const cube = articlesCube();
  const wide = 2n ** 70n + 1n;
  const numbers = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, wide, -wide];
  const all = [...numbers, ...[-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 53) + 1]];
  const names = [
    '',
    'a',
    'ü'.repeat(15),
    'b'.repeat(31),
    'c'.repeat(32),
    'd'.repeat(255),
    'e'.repeat(256),
    'f'.repeat(70_000),
  ];
  for (const [at, amount] of all.entries())
    cube.at([null, names[at % names.length]!], BASE + (at % 96), () => ({ amount, quantity: amount }));
  const back = articlesIn(runToEnd(encodeArticles(cube, BASE)));
  t.same(articlesOf({ articles: back }), articlesOf({ articles: cube }));
});

t.test('customers and tickets beyond their exact limits; left out where nobody asks for them', async (t) => {
  const many = Array.from({ length: 1_500 }, (_, i) => tillEvent({ amount: i * i, dims: { customer: `u${i}` } }));
  const part = foldOf(many);
  const cell = runToEnd(encodePartial(part, BASE));
  t.same(figuresOf({ figures: figuresIn(cell, 'part') }), figuresOf(part));
  const [group] = [...figuresIn(cell, 'part', { tickets: false, customers: false }).groups()];
  t.match([...group!.slots.values()], [{ count: 1_500, tickets: null, customers: null }]);
});

t.test('the articles of a day are visited in slices, and without objects for all of them', async (t) => {
  const cube = articlesCube();
  for (let sku = 0; sku < 5_000; sku++)
    for (let slot = 0; slot < 40; slot++)
      cube.at(['INR', `sku-${sku}`], BASE + slot, () => ({ quantity: 1_000, amount: sku }));
  let [slices, visited] = [0, 0];
  for (const _ of visitArticles(await unpackCell(runToEnd(encodeArticles(cube, BASE))), BASE, () => () => visited++))
    slices++;
  t.equal(visited, 200_000);
  t.ok(slices > 1_000, `${slices} slices`);
});

t.test('a cell that is no cell, is cut short, or unpacks to too much is refused', async (t) => {
  t.throws(() => figuresIn(zstdCompressSync(pack([2, {}])), 'view'), {
    message: /format 2; this program reads format 1/,
  });
  const bytes = pack([1, { keys: [], groups: [], group: [1, 2], slot: [1, 2] }]);
  for (const length of [1, 5, bytes.length - 1])
    t.throws(() => figuresIn(zstdCompressSync(bytes.subarray(0, length)), 'view'), { name: 'RangeError' });
  const huge = zstdCompressSync(Buffer.alloc(80 * 1024 * 1024));
  await t.rejects(async () => unpackCell(huge), { code: 'ERR_BUFFER_TOO_LARGE' });
});

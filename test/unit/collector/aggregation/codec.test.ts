import assert from 'node:assert/strict';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { encodeArticles, encodePartial, encodeView } from '../../../../collector/aggregation/codec.ts';
import { AGGREGATION_LIMITS } from '../../../../collector/aggregation/limits.ts';
import { emptyMeasures } from '../../../../collector/aggregation/measures.ts';
import {
  articlesCube,
  emptyPartial,
  figuresCube,
  type PartialAggregate,
} from '../../../../collector/aggregation/partial.ts';
import { ARTICLES_VIEW, Views, viewKeys, viewNames } from '../../../../collector/aggregation/views/views.ts';
import { runToEnd } from '../../../../shared/cooperative.ts';
import { pack } from '../../../../shared/wire/message-pack.ts';
import {
  decodeArticles,
  decodePartial,
  decodePartialFigures,
  decodeView,
} from '../../../support/collector/decode-cells.ts';
import { articlesOf, expectedArticles, expectedFigures, figuresOf } from '../../../support/collector/figures-oracle.ts';
import { foldOf } from '../../../support/collector/raw-rows.ts';
import { arbitraryEvent, HOUR, LOGIC, tillEvent } from '../../../support/collector/till-events.ts';
import { holds } from '../../../support/shared/property.ts';

const BASE = HOUR * 4;
const events = fc.array(arbitraryEvent(HOUR), { maxLength: 30 });
const plain = (part: PartialAggregate): unknown => [figuresOf(part), articlesOf(part), part.tally];

holds(
  t,
  'a part reads back as it was, and its bytes do not depend on how often that happens',
  fc.property(events, (events) => {
    const part = foldOf(events);
    const bytes = runToEnd(encodePartial(part, BASE));
    const back = runToEnd(decodePartial(bytes, BASE));
    assert.deepEqual(plain(back), plain(part));
    assert.deepEqual(figuresOf({ figures: decodePartialFigures(bytes, BASE) }), figuresOf(part));
    return Buffer.compare(runToEnd(encodePartial(back, BASE)), bytes) === 0;
  }),
  { numRuns: 60 },
);

holds(
  t,
  'views hold what their keys ask for of all parts, and the articles; and read back as they were',
  fc.property(fc.array(events, { maxLength: 3 }), (batches) => {
    const views = new Views(LOGIC);
    for (const batch of batches) runToEnd(views.add(foldOf(batch)));
    const { cells: encoded } = runToEnd(views.encode(BASE));
    const all = batches.flat();
    for (const name of viewNames(LOGIC)) {
      const cube = decodeView(encoded.get(name)!, BASE);
      assert.deepEqual(cube.keys, viewKeys(name));
      assert.deepEqual(figuresOf({ figures: cube }), expectedFigures(all, viewKeys(name)));
    }
    const articles = decodeArticles(encoded.get(ARTICLES_VIEW)!, BASE);
    assert.deepEqual(articlesOf({ articles }), expectedArticles(all));
  }),
  { numRuns: 40 },
);

t.test('slots are kept relative to the row: a day holds its 96', (t) => {
  const day = Math.floor(HOUR / 24) * 96;
  const cube = figuresCube(['type', 'currency']);
  for (const slot of [day, day + 95]) cube.at(['sale', null], slot, emptyMeasures).count = slot;
  const [group] = [...decodeView(runToEnd(encodeView(cube, day)), day).groups()];
  t.same(
    [...group!.slots].map(([slot, { count }]) => [slot, count]),
    [
      [day, day],
      [day + 95, day + 95],
    ],
  );
  t.end();
});

t.test('sums beyond the safe integers keep every digit', (t) => {
  const part = emptyPartial(LOGIC);
  const wide = 2n ** 70n + 1n;
  Object.assign(part.figures.at(['sale', 'GBP', null, null, null], BASE, emptyMeasures), {
    amount: wide,
    quantity: wide,
  });
  part.articles.at(['GBP', 'A'], BASE, () => ({ quantity: -wide, amount: wide }));
  const back = runToEnd(decodePartial(runToEnd(encodePartial(part, BASE)), BASE));
  t.same(plain(back), plain(part));
  t.end();
});

t.test('customers and tickets beyond their exact limits read back', (t) => {
  const many = Array.from({ length: 1_500 }, (_, i) => tillEvent({ amount: i * i, dims: { customer: `u${i}` } }));
  const part = foldOf(many);
  t.same(plain(runToEnd(decodePartial(runToEnd(encodePartial(part, BASE)), BASE))), plain(part));
  t.end();
});

t.test('what bounds folded reads back, of an hour and of a day', (t) => {
  const many = Array.from({ length: AGGREGATION_LIMITS.partGroups.value + 50 }, (_, i) =>
    tillEvent({ amount: i, dims: { method: `m${i}` } }),
  );
  const part = foldOf(many);
  const folded = [...part.figures.folded];
  t.same(folded, [{ dimension: 'method', hour: HOUR, values: 51, isPartial: false }]);
  for (const base of [BASE, Math.floor(HOUR / 24) * 96]) {
    const back = runToEnd(decodePartial(runToEnd(encodePartial(part, base)), base));
    t.same([...back.figures.folded], folded);
    t.same(plain(back), plain(part));
  }
  t.end();
});

t.test('an empty part and empty articles read back', (t) => {
  t.same(
    plain(runToEnd(decodePartial(runToEnd(encodePartial(emptyPartial(LOGIC), BASE)), BASE))),
    plain(emptyPartial(LOGIC)),
  );
  t.equal(decodeArticles(runToEnd(encodeArticles(articlesCube(), BASE)), BASE).size, 0);
  t.end();
});

t.test('a cell of a later format is refused by name', (t) => {
  t.throws(() => runToEnd(decodePartial(zstdCompressSync(pack([2, {}])), BASE)), {
    message: /format 2; this program reads format 1/,
  });
  t.end();
});

import t from 'tap';
import { FoldedValues } from '../../../../collector/aggregation/folded-values.ts';
import { AGGREGATION_LIMITS } from '../../../../collector/aggregation/limits.ts';
import type { PartialAggregate } from '../../../../collector/aggregation/partial.ts';
import { ARTICLES_VIEW, DayViews, EncodedViews, Views, viewOf } from '../../../../collector/aggregation/views/views.ts';
import { runToEnd } from '../../../../shared/cooperative.ts';
import { contentOf, decodeArticles, decodeView } from '../../../support/collector/decode-cells.ts';
import { articlesOf, figuresOf } from '../../../support/collector/figures-oracle.ts';
import { foldOf } from '../../../support/collector/raw-rows.ts';
import { HOUR, LOGIC, tillEvent } from '../../../support/collector/till-events.ts';

const BASE = HOUR * 4;
const METHODS = AGGREGATION_LIMITS.viewGroups.value / 5 + 500;

/** A till with methods of its own, and one that all have. */
const till = (number: number): PartialAggregate =>
  foldOf([
    ...Array.from({ length: METHODS }, (_, at) =>
      tillEvent({
        amount: at + number,
        dims: { method: `${number}/${at}` },
        items: [{ sku: `s${at}`, qty: 1_000, price: 1 }],
      }),
    ),
    tillEvent({ dims: { method: 'cash' } }),
  ]);
const TILLS = [0, 1, 2, 3, 4].map(till);

const viewsOf = (parts: readonly PartialAggregate[]): EncodedViews => {
  const views = new Views(LOGIC);
  for (const part of parts) runToEnd(views.add(part));
  return runToEnd(views.encode(BASE));
};
const methodsIn = ({ cells }: EncodedViews, base = BASE) => decodeView(cells.get('method')!, base);

t.test('what a truncated view keeps does not depend on the order of terminals, nor on whether it is stored', (t) => {
  const view = methodsIn(viewsOf(TILLS));
  const [folded] = [...view.folded];
  t.match(folded, { dimension: 'method', hour: HOUR, isPartial: false });
  t.equal(folded!.values, 5 * METHODS + 1 - (AGGREGATION_LIMITS.viewGroups.value - 1));
  const expected = figuresOf({ figures: view });
  t.same(figuresOf({ figures: methodsIn(viewsOf(TILLS.toReversed())) }), expected);
  const live = runToEnd(
    viewOf(
      'method',
      TILLS.map(({ figures }) => figures),
    ),
  );
  t.equal(live.length, 1);
  t.same(figuresOf({ figures: live[0]! }), expected);
  t.same([...live[0]!.folded], [folded]);
  t.end();
});

t.test('of a value that one terminal folded, what another kept may be a part', (t) => {
  const large = foldOf(
    Array.from({ length: AGGREGATION_LIMITS.partGroups.value + 1 }, (_, at) =>
      tillEvent({ amount: at, dims: { method: `m${at}` } }),
    ),
  );
  const folded = [...methodsIn(viewsOf([large, foldOf([tillEvent({ dims: { method: 'm0' } })])])).folded];
  t.same(folded, [{ dimension: 'method', hour: HOUR, values: 2, isPartial: true }]);
  t.end();
});

t.test("a day's views are its hours' side by side", (t) => {
  const hour = viewsOf(TILLS);
  const day = new DayViews(LOGIC);
  const dayBase = Math.floor(HOUR / 24) * 96;
  for (const [name, cell] of hour.cells) runToEnd(day.add(name, contentOf(cell), BASE));
  const next = new Views(LOGIC);
  runToEnd(next.add(foldOf([tillEvent({ dims: { method: 'x' } })])));
  for (const [name, cell] of runToEnd(next.encode(BASE)).cells) runToEnd(day.add(name, contentOf(cell), BASE + 4));
  const encoded = runToEnd(day.encode(dayBase));
  const methods = methodsIn(encoded, dayBase);
  t.same([...methods.folded], [...methodsIn(hour).folded]);
  t.same(figuresOf({ figures: methods }), {
    ...figuresOf({ figures: methodsIn(hour) }),
    ...{
      [JSON.stringify(['sale', 'GBP', 'x', BASE + 4])]: {
        count: 1,
        amount: 100n,
        quantity: 0n,
        tickets: { total: 1, min: 100, max: 100, p50: 100, p95: 100 },
        customers: 0,
      },
    },
  });
  t.same(
    articlesOf({ articles: decodeArticles(encoded.cells.get(ARTICLES_VIEW)!, dayBase) }),
    articlesOf({ articles: decodeArticles(hour.cells.get(ARTICLES_VIEW)!, BASE) }),
  );
  t.equal(encoded.overflow, hour.overflow);
  t.same(encoded.omitted, []);
  t.end();
});

t.test('a view that a cell cannot hold is left out, and so it is of the day', (t) => {
  const encoded = new EncodedViews();
  encoded.add('store', new Uint8Array(AGGREGATION_LIMITS.cellBytes.value), new FoldedValues());
  encoded.add('method', new Uint8Array(AGGREGATION_LIMITS.cellBytes.value + 1), new FoldedValues());
  t.same([[...encoded.cells.keys()], encoded.omitted], [['store'], ['method']]);
  const day = new DayViews(LOGIC);
  for (const [name, cell] of viewsOf([TILLS[0]!]).cells) runToEnd(day.add(name, contentOf(cell), BASE));
  for (const name of ['method', ARTICLES_VIEW]) day.omit(name);
  const { cells, omitted } = runToEnd(day.encode(BASE));
  t.same(
    [[...cells.keys()], omitted],
    [
      ['total', 'store', 'cashier'],
      ['method', ARTICLES_VIEW],
    ],
  );
  t.end();
});

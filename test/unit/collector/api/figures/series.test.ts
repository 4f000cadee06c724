/** What a series holds while it is built. */
import t from 'tap';
import { FoldedValues } from '../../../../../collector/aggregation/folded-values.ts';
import { emptyMeasures, type Measures } from '../../../../../collector/aggregation/measures.ts';
import type { Entries } from '../../../../../collector/api/figures/read-figures.ts';
import { SeriesBuilder, type SeriesRequest } from '../../../../../collector/api/figures/series.ts';
import { runToEnd } from '../../../../../shared/cooperative.ts';
import { DAY_MS, SLOTS_PER_DAY } from '../../../../../shared/time.ts';

const DAY = 15_000;
const KEYS = ['type', 'currency', 'store'];
const REQUEST: SeriesRequest = {
  range: { from: DAY * DAY_MS, to: (DAY + 100) * DAY_MS },
  tz: 'UTC',
  interval: 'day',
  metrics: ['sales.count'],
  by: 'store',
  filters: [],
};

/** One day of so many stores, each with a sale. */
function day(builder: SeriesBuilder, at: number, stores: number): void {
  const firstSlot = (DAY + at) * SLOTS_PER_DAY;
  const measures: Measures = { ...emptyMeasures(), count: 1 };
  const each: Entries<Measures>['each'] = function* (visitor) {
    const visit = visitor(KEYS, new FoldedValues());
    for (let store = 0; store < stores; store++) visit(['sale', 'INR', `s${store}`], firstSlot, measures);
    yield;
  };
  runToEnd(builder.add({ terminal: null, firstSlot, each }));
}

t.test('buckets that have ended take no room for those to come', async (t) => {
  const builder = runToEnd(SeriesBuilder.of(REQUEST, 60_000));
  for (let at = 0; at < 100; at++) day(builder, at, 100);
  const { series } = runToEnd(builder.end());
  t.equal(series.length, 100);
  t.strictSame(new Set(series.flatMap(({ values }) => values)), new Set([1]));
});

t.test('more groups at once than there is room for are refused in words', async (t) => {
  const builder = runToEnd(SeriesBuilder.of(REQUEST, 60_000));
  t.throws(() => day(builder, 0, 200), { status: 400, message: /^by gives too many groups .*filter, or ask for/ });
});

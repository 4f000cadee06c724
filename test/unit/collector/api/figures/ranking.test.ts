import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { ArticleSums } from '../../../../../collector/api/figures/ranking.ts';
import { runToEnd } from '../../../../../shared/cooperative.ts';
import { holds } from '../../../../support/shared/property.ts';

const RANGE = { from: 0, to: 3_600_000 };

const sale = fc.record({
  currency: fc.constantFrom('INR', 'GBP', null),
  sku: fc.integer({ min: 0, max: 60 }).map(String),
  amount: fc.integer({ min: -20, max: 20 }),
});

holds(
  t,
  'the best of each currency are those that a full sort finds first',
  fc.property(fc.array(sale, { maxLength: 300 }), fc.integer({ min: 1, max: 12 }), (sales, limit) => {
    const sums = new ArticleSums(1_000, RANGE);
    const expected = new Map<string | null, Map<string, number>>();
    for (const { currency, sku, amount } of sales) {
      sums.add(currency, sku, { amount, quantity: 0 });
      const skus = expected.get(currency) ?? new Map<string, number>();
      expected.set(currency, skus.set(sku, (skus.get(sku) ?? 0) + amount));
    }
    const best = runToEnd(sums.best('amount', limit));
    assert.deepEqual(
      best.map(({ currency, items }) => [currency, items.map(({ sku, amount }) => [sku, amount])]),
      [null, 'GBP', 'INR']
        .filter((currency) => expected.has(currency))
        .map((currency) => [
          currency,
          [...expected.get(currency)!].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, limit),
        ]),
    );
    return true;
  }),
  { numRuns: 200 },
);

t.test('more articles than the bound are refused in words; the ones known go on', async (t) => {
  const sums = new ArticleSums(3, RANGE);
  for (const sku of ['a', 'b', 'c', 'a', 'c']) sums.add('INR', sku, { amount: 1, quantity: 1 });
  t.throws(() => sums.add('INR', 'd', { amount: 1, quantity: 1 }), {
    status: 400,
    message: /sales of more than 3 articles: ask for a shorter range/,
  });
});

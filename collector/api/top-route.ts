/**
 * `GET /v1/merchants/{m}/top`: the best-selling articles, sales less refunds. One ranking per
 * currency: amounts of two currencies are never added.
 */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { slotOf } from '../../shared/time.ts';
import { compareExact } from '../aggregation/exact-sum.ts';
import { emptyItemMeasures, type ItemMeasures, mergeItemMeasures } from '../aggregation/measures.ts';
import { merchantOf } from './auth.ts';
import { minorUnits, pieces } from './figures/metric-catalog.ts';
import { FiguresReader } from './figures/read-figures.ts';
import { type MetricsDeps, metaOf } from './metrics-route.ts';
import { PeriodQuery, parsePeriod } from './query/period.ts';

const QuerySchema = Type.Object(
  {
    ...PeriodQuery,
    of: Type.Optional(Type.String({ enum: ['sku'], default: 'sku' })),
    by: Type.Optional(Type.String({ enum: ['amount', 'quantity'], default: 'amount' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 10 })),
  },
  { additionalProperties: false },
);

export function topRoute(app: FastifyInstance, deps: MetricsDeps): void {
  const schema = { querystring: QuerySchema, summary: 'The articles that sold most' };
  app.get('/v1/merchants/:merchant/top', { schema }, async (request, reply) => {
    const merchant = merchantOf(request);
    const query = request.query as Static<typeof QuerySchema>;
    const now = deps.now();
    const period = parsePeriod(query, now);
    const { range } = period;
    const by = query.by === 'quantity' ? 'quantity' : 'amount';
    const limit = query.limit ?? 10;
    const currencies = new Map<string | null, Map<string, ItemMeasures>>();
    const [first, end] = [slotOf(range.from), slotOf(range.to)];
    for await (const cube of new FiguresReader(deps, merchant, now).articles(range)) {
      for (const { key, slots } of cube.groups()) {
        const [currency = null, sku] = key;
        for (const [slot, measures] of slots) {
          if (slot < first || slot >= end) continue;
          const skus = currencies.get(currency) ?? new Map<string, ItemMeasures>();
          currencies.set(currency, skus);
          const sum = skus.get(sku!) ?? emptyItemMeasures();
          skus.set(sku!, sum);
          mergeItemMeasures(sum, measures);
        }
      }
    }
    const series = [...currencies]
      .sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1))
      .map(([currency, skus]) => ({
        key: { currency },
        items: [...skus]
          .sort(([a, x], [b, y]) => compareExact(y[by], x[by]) || (a < b ? -1 : 1))
          .slice(0, limit)
          .map(([sku, { quantity, amount }]) => ({ sku, quantity: pieces(quantity), amount: minorUnits(amount) })),
      }));
    const meta = { ...metaOf(merchant, period, deps.logic, now), of: 'sku', by, limit };
    return reply.type('application/json').send(JSON.stringify({ meta, series }));
  });
}

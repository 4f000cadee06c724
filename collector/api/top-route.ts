/**
 * `GET /v1/merchants/{m}/top`: the best-selling articles, sales less refunds. One ranking per
 * currency: amounts of two currencies are never added.
 */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { slotOf } from '../../shared/time.ts';
import type { Visitor } from '../aggregation/cell-entries.ts';
import type { ItemMeasures } from '../aggregation/measures.ts';
import { sealedMeta } from './answer/sealed-meta.ts';
import { storesAsOf } from './figures/as-of.ts';
import { Completeness } from './figures/completeness.ts';
import { minorUnits, pieces } from './figures/metric-catalog.ts';
import { ArticleSums } from './figures/ranking.ts';
import { FiguresReader } from './figures/read-figures.ts';
import { merchantOf, questionOf } from './guard.ts';
import { API_LIMITS } from './limits.ts';
import { type MetricsDeps, metaOf, parkedMeta } from './metrics-route.ts';
import { AsOfQuery, CompleteQuery, PeriodQuery, parseAsOf, parsePeriod } from './query/period.ts';

const QuerySchema = Type.Object(
  {
    ...PeriodQuery,
    ...CompleteQuery,
    ...AsOfQuery,
    of: Type.Optional(Type.String({ enum: ['sku'], default: 'sku' })),
    by: Type.Optional(Type.String({ enum: ['amount', 'quantity'], default: 'amount' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 10 })),
  },
  { additionalProperties: false },
);

export function topRoute(app: FastifyInstance, deps: MetricsDeps): void {
  const schema = { querystring: QuerySchema, summary: 'The articles that sold most' };
  app.get('/v1/merchants/:merchant/top', { schema }, async (request, reply) => {
    const [merchant, question] = [merchantOf(request), questionOf(request)];
    const query = request.query as Static<typeof QuerySchema>;
    const now = deps.now();
    const asOf = parseAsOf(query, query.tz, now);
    const period = parsePeriod(query, asOf ?? now);
    const { range } = period;
    const logic = await deps.logics.of(merchant, asOf);
    const before = asOf === null ? await deps.completeness.read(merchant, range, now) : Completeness.unknown(asOf);
    if (query.complete === 'only') before.requireFinal(range, period.tz);
    const by = query.by === 'quantity' ? 'quantity' : 'amount';
    const limit = query.limit ?? 10;
    const sums = new ArticleSums(API_LIMITS.articlesPerAnswer.value, range);
    const [first, end] = [slotOf(range.from), slotOf(range.to)];
    const stores = asOf === null ? deps : storesAsOf(deps, asOf, API_LIMITS.pastHourBytes.value, question);
    const reader = new FiguresReader(stores, { logic, merchant, now, question, complete: before });
    for await (const { each } of reader.articles(range)) {
      const visitor: Visitor<ItemMeasures> = (_keys, folded) => {
        const add = sums.visitor(folded);
        return (key, slot, measures) => {
          if (slot >= first && slot < end) add(key, slot, measures);
        };
      };
      await question.run(each(visitor));
    }
    const best = await question.run(sums.best(by, limit));
    const series = best.map(({ currency, items }) => ({
      key: { currency },
      items: items.map(({ sku, quantity, amount }) => ({
        sku,
        quantity: pieces(quantity),
        amount: minorUnits(amount),
      })),
    }));
    const leftOut = reader.parked();
    const complete = before.without(leftOut);
    if (query.complete === 'only') complete.requireFinal(range, period.tz);
    const parked = parkedMeta(leftOut, period.tz);
    const folded = (await question.run(sums.truncated())).map(({ amount, quantity, ...of }) => ({
      ...of,
      ...{ amount: minorUnits(amount), quantity: pieces(quantity) },
    }));
    const truncated = folded.length > 0 && { truncated: folded };
    const meta = {
      ...metaOf(merchant, period, logic, asOf ?? now, complete),
      ...(await sealedMeta(deps.sealed, merchant, range, now)),
      of: 'sku',
      by,
      limit,
      ...parked,
      ...truncated,
    };
    return reply.type('application/json').send(JSON.stringify({ meta, series }));
  });
}

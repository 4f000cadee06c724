/** `GET /v1/merchants/{m}/metrics`: a merchant's figures as time series. */

import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import type { MerchantId } from '../../shared/ids.ts';
import { formatInstant, HOUR_MS, INTERVALS, type Interval, type Range } from '../../shared/time.ts';
import type { Logic } from '../aggregation/logic/logic-version.ts';
import type { SealedHours } from '../store/sealing/sealed-hours.ts';
import type { ActiveLogic } from './active-logic.ts';
import type { Question } from './admission/question.ts';
import { sealedMeta } from './answer/sealed-meta.ts';
import { sendText } from './answer/send-text.ts';
import { seriesCsv } from './answer/series-csv.ts';
import { seriesJson } from './answer/series-json.ts';
import type { Auth } from './auth.ts';
import { type AsOfStores, storesAsOf } from './figures/as-of.ts';
import { Completeness, type CompletenessReader } from './figures/completeness.ts';
import { isMetric, METRIC_NAMES, type MetricName, requiredSketches } from './figures/metric-catalog.ts';
import { FiguresReader } from './figures/read-figures.ts';
import type { FiguresSource, ParkedHour } from './figures/sections.ts';
import { SeriesBuilder, type SeriesRequest, type SeriesSet } from './figures/series.ts';
import { type Truncated, truncatedHeader } from './figures/truncation.ts';
import { merchantOf, questionOf } from './guard.ts';
import { API_LIMITS } from './limits.ts';
import { preferredFormat } from './query/accept.ts';
import { COMPARISONS, type Compare, comparedRange, counterpartsOf } from './query/compare.ts';
import { AsOfQuery, CompleteQuery, type Period, PeriodQuery, parseAsOf, parsePeriod } from './query/period.ts';
import { badParameter } from './query/problem.ts';

/** `meta.truncated` of an answer as CSV, which has no `meta`. */
const TRUNCATED_HEADER = 'tillstream-truncated';

const DEFAULT_METRICS = 'sales.count,sales.amount';

const QuerySchema = Type.Object(
  {
    ...PeriodQuery,
    ...CompleteQuery,
    ...AsOfQuery,
    metrics: Type.Optional(
      Type.String({ description: `Comma-separated: ${METRIC_NAMES.join(', ')}.`, default: DEFAULT_METRICS }),
    ),
    interval: Type.Optional(Type.String({ enum: [...INTERVALS], default: 'hour' })),
    by: Type.Optional(Type.String({ description: 'terminal, store, type, or a configured dimension.' })),
    filter: Type.Optional(
      Type.Array(Type.String(), {
        maxItems: 8,
        description:
          'dimension:value; several must all match. method:upi, or method: for events that lack the dimension.',
      }),
    ),
    compare: Type.Optional(Type.String({ enum: [...COMPARISONS] })),
  },
  { additionalProperties: false },
);
type Query = Static<typeof QuerySchema>;

export interface MetricsDeps extends AsOfStores {
  readonly sealed: Pick<SealedHours, 'areSealed' | 'areSome' | 'of'>;
  readonly auth: Auth;
  readonly logics: Pick<ActiveLogic, 'of' | 'versions'>;
  readonly completeness: CompletenessReader;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

interface Answer {
  readonly meta: Readonly<Record<string, unknown>>;
  readonly complete: Completeness;
  readonly set: SeriesSet;
  readonly truncated: readonly Truncated[];
  /** Which buckets stand beside the points of the asked period; left out: all, as they are. */
  readonly order?: readonly (number | null)[];
}

export function metricsRoute(app: FastifyInstance, deps: MetricsDeps): void {
  const schema = {
    querystring: QuerySchema,
    summary: "A merchant's figures as time series",
    produces: ['application/json', 'text/csv'],
  };
  app.get('/v1/merchants/:merchant/metrics', { schema }, async (request, reply) => {
    const question = questionOf(request);
    const now = deps.now();
    const query = request.query as Query;
    const asOf = parseAsOf(query, query.tz, now);
    const period = parsePeriod(query, asOf ?? now);
    const merchant = merchantOf(request);
    const logic = await deps.logics.of(merchant, asOf);
    const asked = parseRequest(query, period, logic);
    const csv = preferredFormat(request.headers) === 'csv';
    if (csv && query.compare !== undefined) throw badParameter('compare', 'is not available as CSV');
    const compare = (query.compare as Compare | undefined) ?? null;
    // Before anything is read: it may be refused.
    const earlier = compare === null ? null : comparedRange(period, compare, asked.interval);
    // Before the figures: what it calls final is in them.
    const complete =
      asOf === null ? await deps.completeness.read(merchant, period.range, now) : Completeness.unknown(asOf);
    if (query.complete === 'only') complete.requireFinal(period.range, period.tz);
    const stores = asOf === null ? deps : storesAsOf(deps, asOf, API_LIMITS.pastHourBytes.value, question);
    const reader = (): FiguresReader => new FiguresReader(stores, { logic, merchant, now, question, complete });
    const meta = async (of: SeriesRequest, complete: Completeness) => ({
      ...metaOf(merchant, of, logic, asOf ?? now, complete),
      ...(await sealedMeta(deps.sealed, merchant, of.range, now)),
    });
    const answerTo = (of: SeriesRequest): Promise<Answer> => answer(of, { reader: reader(), question, complete, meta });
    const answered = await answerTo(asked);
    if (query.complete === 'only') answered.complete.requireFinal(period.range, period.tz);
    if (answered.truncated.length > 0) void reply.header(TRUNCATED_HEADER, truncatedHeader(answered.truncated));
    if (csv) return sendText(reply, 'text/csv; charset=utf-8', seriesCsv(answered.set, answered.complete), question);
    if (compare === null || earlier === null)
      return sendText(reply, 'application/json', answerJson(answered, null), question);
    const compared = await answerTo({ ...asked, range: earlier });
    const [points, before] = [answered, compared].map(({ set }) => set.buckets.froms) as [number[], number[]];
    const order = await question.run(counterpartsOf(period, earlier, compare, asked.interval, points, before));
    return sendText(reply, 'application/json', answerJson(answered, { ...compared, order }), question);
  });
}

/** @param compared the answer to compare with, if there is one */
function* answerJson({ meta, complete, set, order }: Answer, compared: Answer | null): Iterable<string> {
  yield `{"meta":${JSON.stringify(meta)},"series":`;
  yield* seriesJson(set, complete, order);
  if (compared !== null) {
    yield ',"compare":';
    yield* answerJson(compared, null);
  }
  yield '}';
}

function parseRequest(query: Query, { range, tz }: Period, logic: Logic): SeriesRequest {
  const names = (query.metrics ?? DEFAULT_METRICS).split(',').map((name) => name.trim());
  const unknown = names.find((name) => !isMetric(name));
  if (unknown !== undefined) throw badParameter('metrics', `has no "${unknown}"; there are ${METRIC_NAMES.join(', ')}`);
  const dimensions = ['terminal', 'store', 'type', ...logic.dimensions];
  const known = (parameter: string, name: string): string => {
    if (!dimensions.includes(name))
      throw badParameter(parameter, `knows no dimension "${name}"; there are ${dimensions.join(', ')}`);
    return name;
  };
  const filters = (query.filter ?? []).map((text) => {
    const colon = text.indexOf(':');
    if (colon < 1) throw badParameter('filter', 'must be dimension:value, such as method:upi');
    // Values are never empty: nothing after the colon asks for events without the dimension.
    return { dimension: known('filter', text.slice(0, colon)), value: text.slice(colon + 1) || null };
  });
  const by = query.by === undefined ? null : known('by', query.by);
  return {
    range,
    tz,
    interval: (query.interval ?? 'hour') as Interval,
    metrics: [...new Set(names)] as MetricName[],
    by,
    filters,
  };
}

/** The view with all requested dimensions, or each terminal's part when no view has them. */
function sourceFor({ by, filters }: SeriesRequest): FiguresSource {
  const needed = new Set(
    [by, ...filters.map(({ dimension }) => dimension)].filter((name) => name !== null && name !== 'type'),
  );
  if (needed.has('terminal') || needed.size > 1) return { kind: 'parts' };
  return { kind: 'view', name: [...needed][0] ?? 'total' };
}

interface Answering extends Pick<Answer, 'complete'> {
  readonly reader: FiguresReader;
  readonly question: Question;
  readonly meta: (of: SeriesRequest, complete: Completeness) => Promise<Answer['meta']>;
}

async function answer(asked: SeriesRequest, { reader, question, complete: before, meta }: Answering): Promise<Answer> {
  const builder = await question.run(SeriesBuilder.of(asked, API_LIMITS.openBucketBytes.value));
  for await (const figures of reader.figures(asked.range, sourceFor(asked), requiredSketches(asked.metrics)))
    await question.run(builder.add(figures));
  const leftOut = reader.parked();
  const complete = before.without(leftOut);
  const parked = parkedMeta(leftOut, asked.tz);
  const { truncated } = builder;
  const told = truncated.length > 0 && { truncated };
  return {
    complete,
    meta: { ...(await meta(asked, complete)), interval: asked.interval, ...parked, ...told },
    set: await question.run(builder.end()),
    truncated,
  };
}

/** What the figures go without, hour by hour; nothing when there is nothing. */
export const parkedMeta = (parked: readonly ParkedHour[], tz: string): { parked?: readonly unknown[] } =>
  parked.length === 0
    ? {}
    : { parked: parked.map(({ hour, ...of }) => ({ t: formatInstant(hour * HOUR_MS, tz), ...of })) };

/** The metadata of every response about a time range. */
export const metaOf = (
  merchant: MerchantId,
  { range, tz }: { range: Range; tz: string },
  logic: Logic,
  now: number,
  complete: Completeness,
): Record<string, unknown> => ({
  merchant,
  tz,
  from: formatInstant(range.from, tz),
  to: formatInstant(range.to, tz),
  asOf: formatInstant(now, tz),
  logicVersion: logic.version,
  ...complete.meta(range, tz),
});

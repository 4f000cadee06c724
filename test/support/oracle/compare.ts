/** The API's answers beside the oracle's figures: every bucket, every store, the top articles. */
import { isDeepStrictEqual } from 'node:util';
import type { MerchantApi } from '../../../scripts/clients/merchant-api.ts';
import { until } from '../../../scripts/processes/wait-until.ts';
import { articles, type Figures, figuresByBucket, figuresOf, METRICS } from './figures.ts';
import type { Invoice } from './invoices.ts';
import { daysBetween, hoursBetween, startOfDay, written, type Zone } from './zones.ts';

/** What is compared: local days, the last one exclusive. */
export interface Days {
  readonly from: string;
  readonly to: string;
}

/** The same list as the API and as the oracle tell it; equal when all is well. */
export interface Compared {
  readonly api: readonly unknown[];
  readonly oracle: readonly unknown[];
}

const SHOWN = 5;

/**
 * The first places where the two differ; none when all is well. (A whole diff of two long lists takes a test minutes.)
 *
 * @throws Error when there was nothing to compare
 */
export function mismatches({ api, oracle }: Compared): { api: unknown; oracle: unknown }[] {
  if (oracle.length === 0) throw new Error('the oracle has nothing to compare');
  return Array.from({ length: Math.max(api.length, oracle.length) }, (_, at) => ({ api: api[at], oracle: oracle[at] }))
    .filter((pair) => !isDeepStrictEqual(pair.api, pair.oracle))
    .slice(0, SHOWN);
}

const CURRENCY = 'GBP';
const metrics = METRICS.join(',');

/** Resolves when so many raw events are stored. @throws Error when they do not arrive */
export async function untilStored(api: MerchantApi, count: number, days: Days, deadlineMs: number): Promise<void> {
  let stored = 0;
  const all = async () => {
    stored = (await storedRefs(api, days)).length;
    return stored >= count;
  };
  try {
    await until(all, { what: 'all events', deadlineMs, everyMs: 200 });
  } catch (cause) {
    throw new Error(`${stored} of ${count} events are stored`, { cause });
  }
}

const pointsOf = (figures: readonly Figures[], starts: readonly number[], zone: Zone | 'UTC') =>
  figures.map((figure, index) => ({ t: written(starts[index]!, zone), ...figure }));

/** Every UTC hour, empty ones too. */
export async function byHour(api: MerchantApi, invoices: readonly Invoice[], { from, to }: Days): Promise<Compared> {
  const hours = hoursBetween(Date.parse(from), Date.parse(to));
  const { series } = await api.metrics({ from, to, metrics, interval: 'hour' });
  return { api: series.flatMap(points), oracle: pointsOf(figuresByBucket(invoices, hours), hours, 'UTC') };
}

/** Every local day of a zone, empty ones too. */
export async function byDay(api: MerchantApi, invoices: readonly Invoice[], days: Days, zone: Zone): Promise<Compared> {
  const starts = daysBetween(days.from, days.to, zone);
  const { series } = await api.metrics({ ...days, metrics, interval: 'day', tz: zone });
  return { api: series.flatMap(points), oracle: pointsOf(figuresByBucket(invoices, starts), starts, zone) };
}

/** Each store, by the local day and over all of them. */
export async function byStore(
  api: MerchantApi,
  invoices: readonly Invoice[],
  days: Days,
  zone: Zone,
): Promise<Compared> {
  const starts = daysBetween(days.from, days.to, zone);
  const start = written(startOfDay(days.from, zone), zone);
  const stores = [...Map.groupBy(invoices, ({ store }) => store)].sort(([a], [b]) => (a < b ? -1 : 1));
  const oracle = stores.map(([store, sold]) => ({
    key: { currency: CURRENCY, store },
    days: pointsOf(figuresByBucket(sold, starts), starts, zone),
    total: [{ t: start, ...figuresOf(sold) }],
  }));
  const asked = { ...days, metrics, tz: zone, by: 'store' };
  const [daily, total] = await Promise.all([
    api.metrics({ ...asked, interval: 'day' }),
    api.metrics({ ...asked, interval: 'total' }),
  ]);
  const answered = daily.series.map((series, index) => ({
    key: series.key,
    days: points(series),
    total: points(total.series[index]!),
  }));
  return { api: answered.sort((a, b) => (a.key.store! < b.key.store! ? -1 : 1)), oracle };
}

interface Top {
  readonly series: readonly {
    readonly key: { readonly currency: string | null };
    readonly items: readonly unknown[];
  }[];
}

/** The ten articles that sold most. Of equals, the first by name comes first. */
export async function topTen(
  api: MerchantApi,
  invoices: readonly Invoice[],
  days: Days,
  by: 'amount' | 'quantity',
): Promise<Compared> {
  const top = await api.get<Top>('top', { ...days, of: 'sku', by, limit: '10' });
  return {
    api: top.series.map(({ key, items }) => ({ key, items })),
    oracle: [{ key: { currency: CURRENCY }, items: articles(invoices, by).slice(0, 10) }],
  };
}

/** The refs of all raw events, sorted: each must be there once. */
export async function refs(api: MerchantApi, invoices: readonly Invoice[], days: Days): Promise<Compared> {
  return { api: (await storedRefs(api, days)).sort(), oracle: invoices.map(({ ref }) => ref).sort() };
}

async function storedRefs(api: MerchantApi, days: Days): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const page: { events: { ref: string }[]; next: string | null } = await api.get('events', {
      ...days,
      limit: '1000',
      ...(cursor !== null && { cursor }),
    });
    found.push(...page.events.map(({ ref }) => ref));
    cursor = page.next;
  } while (cursor !== null);
  return found;
}

/** Without their status, which is not the oracle's to know. */
const points = (series: { readonly points: readonly { readonly status: string }[] }) =>
  series.points.map(({ status: _, ...figures }) => figures);

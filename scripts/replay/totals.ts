/** Totals of the file over a period, to compare with the API's. */
import type { MerchantApi } from '../clients/merchant-api.ts';
import type { TillEvent } from '../clients/till-event.ts';

export interface Totals {
  'events.count': number;
  'sales.count': number;
  'sales.amount': number;
  'refunds.count': number;
  'refunds.amount': number;
  'net.amount': number;
}

export const METRICS = [
  'events.count',
  'sales.count',
  'sales.amount',
  'refunds.count',
  'refunds.amount',
  'net.amount',
] as const satisfies readonly (keyof Totals)[];

export interface FileTotals {
  readonly totals: Totals;
  /**
   * Milliseconds since 1970: start of the first event's hour, end of the last one's; null without
   * events.
   */
  readonly range: { readonly from: number; readonly to: number } | null;
}

const HOUR_MS = 3_600_000;

export async function totalsOf(events: AsyncIterable<TillEvent>): Promise<FileTotals> {
  const totals: Totals = {
    'events.count': 0,
    'sales.count': 0,
    'sales.amount': 0,
    'refunds.count': 0,
    'refunds.amount': 0,
    'net.amount': 0,
  };
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for await (const event of events) {
    const at = Date.parse(event.ts);
    first = Math.min(first, at);
    last = Math.max(last, at);
    const amount = event.amount ?? 0;
    totals['events.count']++;
    if (event.type === 'sale') {
      totals['sales.count']++;
      totals['sales.amount'] += amount;
      totals['net.amount'] += amount;
    } else if (event.type === 'refund') {
      totals['refunds.count']++;
      totals['refunds.amount'] += amount;
      totals['net.amount'] -= amount;
    }
  }
  if (totals['events.count'] === 0) return { totals, range: null };
  const hour = (at: number): number => Math.floor(at / HOUR_MS) * HOUR_MS;
  return { totals, range: { from: hour(first), to: hour(last) + HOUR_MS } };
}

/** The API's figures for the same range. */
export async function totalsInApi(api: MerchantApi, range: { from: number; to: number }): Promise<Totals> {
  const { series } = await api.metrics({
    metrics: METRICS.join(','),
    from: new Date(range.from).toISOString(),
    to: new Date(range.to).toISOString(),
    interval: 'total',
  });
  const found = series.find(({ key }) => key.currency === 'GBP')?.points[0];
  return Object.fromEntries(METRICS.map((metric) => [metric, Number(found?.[metric] ?? 0)])) as unknown as Totals;
}

export interface Difference {
  readonly metric: keyof Totals;
  readonly file: number;
  readonly api: number;
}

export const differences = (file: Totals, api: Totals): Difference[] =>
  METRICS.filter((metric) => file[metric] !== api[metric]).map((metric) => ({
    metric,
    file: file[metric],
    api: api[metric],
  }));

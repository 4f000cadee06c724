/** Compares everything that a merchant can ask with what its tills sent. */
import type { MerchantApi } from '../../clients/merchant-api.ts';
import type { TillEvent } from '../../clients/till-event.ts';
import { articlesOf, figuresOf, METRICS } from './oracle.ts';

/** An event with the terminal that sent it. */
export interface Sent {
  readonly terminal: string;
  readonly event: TillEvent;
}

export interface Books {
  readonly merchant: string;
  readonly timeZone: string;
  readonly currency: string;
  readonly sent: readonly Sent[];
}

export interface Verdict {
  /** How many figures were compared. */
  figures: number;
  readonly faults: string[];
}

const DAY_MS = 86_400_000;
const INTERVALS = ['15m', 'hour', 'day', 'total'] as const;
const DIMENSIONS = [null, 'terminal', 'method', 'cashier', 'category'] as const;
const MAX_FAULTS = 20;

const atOf = ({ event }: Sent): number => Date.parse(event.ts);

export async function judge(api: MerchantApi, books: Books): Promise<Verdict> {
  const verdict: Verdict = { figures: 0, faults: [] };
  const times = books.sent.map(atOf);
  const range = {
    from: new Date(Math.min(...times) - DAY_MS).toISOString(),
    to: new Date(Math.max(...times) + DAY_MS).toISOString(),
    tz: books.timeZone,
  };
  for (const interval of INTERVALS)
    for (const by of DIMENSIONS) await judgeSeries(api, books, { ...range, interval }, by, verdict);
  for (const by of ['amount', 'quantity']) await judgeArticles(api, books, { ...range, by }, verdict);
  await judgeEvents(api, books, range, verdict);
  return verdict;
}

function compare(verdict: Verdict, what: string, found: unknown, expected: unknown): void {
  verdict.figures++;
  if (found !== expected && verdict.faults.length < MAX_FAULTS)
    verdict.faults.push(`${what} is ${found} and should be ${expected}`);
}

type Query = Readonly<Record<string, string>>;

async function judgeSeries(
  api: MerchantApi,
  { merchant, currency, sent }: Books,
  query: Query,
  by: (typeof DIMENSIONS)[number],
  verdict: Verdict,
): Promise<void> {
  const groups = Map.groupBy(sent, ({ terminal, event: { dims } }) => {
    if (by === null) return '';
    return by === 'terminal' ? terminal : (dims[by] ?? '');
  });
  const { series } = await api.metrics({ ...query, metrics: METRICS.join(), ...(by !== null && { by }) });
  const name = `${merchant} by ${by ?? 'nothing'} and ${query.interval}`;
  compare(verdict, `${name}: the number of series`, series.length, groups.size);
  for (const { key, points } of series) {
    const of = groups.get(by === null ? '' : (key[by] ?? '')) ?? [];
    compare(verdict, `${name}: the currency`, key.currency, currency);
    const starts = points.map(({ t }) => Date.parse(t));
    const buckets = Map.groupBy(of, (one) => starts.findLastIndex((start) => start <= atOf(one)));
    for (const [index, point] of points.entries()) {
      const expected = figuresOf((buckets.get(index) ?? []).map(({ event }) => event));
      for (const metric of METRICS)
        compare(verdict, `${name} ${JSON.stringify(key)} ${point.t} ${metric}`, point[metric], expected[metric]);
    }
  }
}

async function judgeArticles(api: MerchantApi, books: Books, query: Query, verdict: Verdict): Promise<void> {
  interface Item {
    readonly sku: string;
    readonly quantity: number;
    readonly amount: number;
  }
  const { series } = await api.get<{ series: { items: Item[] }[] }>('top', { ...query, of: 'sku', limit: '1000' });
  const found = new Map((series[0]?.items ?? []).map((item) => [item.sku, item]));
  const expected = articlesOf(books.sent.map(({ event }) => event));
  compare(verdict, `${books.merchant}: the number of articles`, found.size, expected.size);
  for (const [sku, { quantity, amount }] of expected) {
    compare(verdict, `${books.merchant} ${sku}: quantity`, found.get(sku)?.quantity, quantity);
    compare(verdict, `${books.merchant} ${sku}: amount`, found.get(sku)?.amount, amount);
  }
}

/** Every event that a till was answered for is there once. */
async function judgeEvents(api: MerchantApi, books: Books, range: Query, verdict: Verdict): Promise<void> {
  interface Page {
    readonly events: readonly { readonly terminal: string; readonly ref: string; readonly amount: number }[];
    readonly next: string | null;
  }
  const found = new Map<string, number>();
  for (let cursor: string | null = null; ; ) {
    const query: Query = { ...range, limit: '1000', ...(cursor === null ? {} : { cursor }) };
    const page: Page = await api.get('events', query);
    for (const { terminal, ref, amount } of page.events) {
      const name = `${terminal}/${ref}/${amount}`;
      found.set(name, (found.get(name) ?? 0) + 1);
    }
    if (page.next === null) break;
    cursor = page.next;
  }
  compare(verdict, `${books.merchant}: the number of different events`, found.size, books.sent.length);
  for (const { terminal, event } of books.sent) {
    const name = `${terminal}/${event.ref}/${event.amount}`;
    compare(verdict, `${books.merchant}: how often ${name} is there`, found.get(name) ?? 0, 1);
  }
}

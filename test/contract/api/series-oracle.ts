/**
 * Oracle: a merchant's series, calculated from the events in the most naive way, each point on its
 * own. All of it has ended.
 */
import type { MetricName } from '../../../collector/api/figures/metric-catalog.ts';
import { dimension, type TillEvent } from '../../../shared/event/event.ts';
import { buckets, formatInstant, type Interval } from '../../../shared/time.ts';
import { nearestRank } from '../../support/collector/figures-oracle.ts';

export interface Sold {
  readonly terminal: string;
  readonly event: TillEvent;
}

export interface Asked {
  readonly metrics: readonly MetricName[];
  readonly interval: Interval;
  readonly tz: string;
  readonly from: number;
  readonly to: number;
  readonly by: string | null;
  readonly filters: readonly (readonly [name: string, value: string])[];
}

const MONEY = /amount|ticket/;

const fieldOf = ({ terminal, event }: Sold, name: string): string | null => {
  if (name === 'terminal') return terminal;
  return name === 'type' || name === 'store' || name === 'currency' ? event[name] : dimension(event, name) || null;
};

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

function value(metric: MetricName, events: readonly TillEvent[]): number | null {
  const of = (type: string) => events.filter((event) => event.type === type);
  const amounts = (type: string) => of(type).flatMap(({ amount }) => (amount === null ? [] : [amount]));
  const pieces = (type: string) => sum(of(type).flatMap(({ items }) => items.map(({ qty }) => qty)));
  const tickets = amounts('sale');
  const ofTickets = (worked: () => number): number | null => (tickets.length === 0 ? null : worked());
  switch (metric) {
    case 'events.count':
      return events.length;
    case 'sales.count':
      return of('sale').length;
    case 'sales.amount':
      return sum(amounts('sale'));
    case 'refunds.count':
      return of('refund').length;
    case 'refunds.amount':
      return sum(amounts('refund'));
    case 'net.amount':
      return sum(amounts('sale')) - sum(amounts('refund'));
    case 'ticket.avg':
      return ofTickets(() => Math.round(sum(tickets) / tickets.length));
    case 'ticket.min':
      return ofTickets(() => Math.min(...tickets));
    case 'ticket.max':
      return ofTickets(() => Math.max(...tickets));
    case 'ticket.p50':
      return ofTickets(() => nearestRank(tickets, 50));
    case 'ticket.p95':
      return ofTickets(() => nearestRank(tickets, 95));
    case 'items.quantity':
      return (pieces('sale') - pieces('refund')) / 1000;
    case 'customers.unique':
      return new Set([...of('sale'), ...of('refund')].flatMap((event) => dimension(event, 'customer') ?? [])).size;
  }
}

export function expectedSeries(sold: readonly Sold[], asked: Asked): unknown[] {
  const { metrics, interval, tz, from, to, by, filters } = asked;
  const names = [...(metrics.some((name) => MONEY.test(name)) ? ['currency'] : []), ...(by === null ? [] : [by])];
  const matching = sold.filter(
    (one) =>
      one.event.ts >= from &&
      one.event.ts < to &&
      filters.every(([name, wanted]) => fieldOf(one, name) === (wanted || null)),
  );
  const groups = Map.groupBy(matching, (one) => JSON.stringify(names.map((name) => fieldOf(one, name))));
  if (groups.size === 0) groups.set(JSON.stringify(names.map(() => null)), []);
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, of]) => ({
      key: Object.fromEntries(names.map((name, i) => [name, (JSON.parse(group) as (string | null)[])[i]])),
      points: buckets({ from, to }, interval, tz, 10_000)!.map((bucket) => {
        const events = of.map(({ event }) => event).filter(({ ts }) => ts >= bucket.from && ts < bucket.to);
        return {
          t: formatInstant(bucket.from, tz),
          status: 'provisional',
          ...Object.fromEntries(metrics.map((name) => [name, value(name, events)])),
        };
      }),
    }));
}

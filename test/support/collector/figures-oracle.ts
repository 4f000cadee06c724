/**
 * Oracle: a partial aggregate, calculated from its events in the most naive way; and the figures of
 * a partial aggregate in the same plain form.
 */
import type { PartialAggregate } from '../../../collector/aggregation/partial.ts';
import { dimension, type Item, type TillEvent } from '../../../shared/event/event.ts';
import { SLOT_MS } from '../../../shared/time.ts';
import { LOGIC } from './till-events.ts';

export type Plain = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export const nearestRank = (amounts: readonly number[], percent: number): number => {
  const sorted = [...amounts].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(Number(BigInt(percent) * BigInt(sorted.length)) / 100)) - 1]!;
};

const sum = (numbers: readonly bigint[]): bigint => numbers.reduce((a, b) => a + b, 0n);

function groupBy<T>(values: readonly T[], name: (value: T) => unknown[]): Map<string, T[]> {
  return Map.groupBy(values, (value) => JSON.stringify(name(value)));
}

const fieldOf = (event: TillEvent, key: string): string | null =>
  key === 'type' || key === 'currency' || key === 'store' ? event[key] : dimension(event, key);

/** By the keys and slot. */
export function expectedFigures(
  events: readonly TillEvent[],
  keys: readonly string[] = ['type', 'currency', 'store', ...LOGIC.dimensions],
): Plain {
  const groups = groupBy(events, (e) => [...keys.map((key) => fieldOf(e, key)), Math.floor(e.ts / SLOT_MS)]);
  return Object.fromEntries(
    [...groups].map(([name, of]) => {
      const trade = of.filter(({ type }) => type === 'sale' || type === 'refund');
      const amounts = of.filter(({ type, amount }) => type === 'sale' && amount !== null).map(({ amount }) => amount!);
      const customers = new Set(trade.map((e) => dimension(e, 'customer')).filter((customer) => customer !== null));
      return [
        name,
        {
          count: of.length,
          amount: sum(of.map(({ amount }) => BigInt(amount ?? 0))),
          quantity: sum(trade.flatMap(({ items }) => items.map(({ qty }) => BigInt(qty)))),
          tickets:
            amounts.length === 0
              ? null
              : {
                  total: amounts.length,
                  min: Math.min(...amounts),
                  max: Math.max(...amounts),
                  p50: nearestRank(amounts, 50),
                  p95: nearestRank(amounts, 95),
                },
          customers: customers.size,
        },
      ];
    }),
  );
}

export function figuresOf({ figures }: Pick<PartialAggregate, 'figures'>): Plain {
  const plain: Record<string, Record<string, unknown>> = {};
  for (const { key, slots } of figures.groups()) {
    for (const [slot, { count, amount, quantity, tickets, customers }] of slots) {
      plain[JSON.stringify([...key, slot])] = {
        count,
        amount: BigInt(amount),
        quantity: BigInt(quantity),
        tickets: tickets && {
          total: tickets.total,
          min: tickets.min,
          max: tickets.max,
          p50: tickets.percentile(50),
          p95: tickets.percentile(95),
        },
        customers: customers?.count() ?? 0,
      };
    }
  }
  return plain;
}

/** Thousandths of a minor unit. */
const total = ({ qty, price, amount }: Item): bigint =>
  amount === undefined ? BigInt(qty) * BigInt(price!) : 1_000n * BigInt(amount);

/** By currency, sku and slot; sales less refunds. */
export function expectedArticles(events: readonly TillEvent[]): Plain {
  const lines = events
    .filter(({ type }) => type === 'sale' || type === 'refund')
    .flatMap((e) => e.items.map((item) => ({ ...e, ...item, total: total(item), sign: e.type === 'sale' ? 1n : -1n })))
    .filter(({ qty }) => qty !== 0);
  const groups = groupBy(lines, ({ currency, sku, ts }) => [currency, sku, Math.floor(ts / SLOT_MS)]);
  return Object.fromEntries(
    [...groups].map(([name, of]) => [
      name,
      {
        quantity: sum(of.map(({ qty, sign }) => sign * BigInt(qty))),
        amount: sum(of.map(({ total, sign }) => sign * total)),
      },
    ]),
  );
}

export function articlesOf({ articles }: Pick<PartialAggregate, 'articles'>): Plain {
  const plain: Record<string, Record<string, unknown>> = {};
  for (const { key, slots } of articles.groups()) {
    for (const [slot, { quantity, amount }] of slots) {
      plain[JSON.stringify([...key, slot])] = { quantity: BigInt(quantity), amount: BigInt(amount) };
    }
  }
  return plain;
}

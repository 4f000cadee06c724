/** A merchant's figures, counted naively from the events that its tills sent. */
import type { TillEvent } from '../../clients/till-event.ts';

export type Figures = Readonly<Record<string, number | null>>;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const pieces = (events: readonly TillEvent[]): number =>
  sum(events.flatMap(({ items }) => (items ?? []).map(({ qty }) => qty)));

export function figuresOf(events: readonly TillEvent[]): Figures {
  const sales = events.filter(({ type }) => type === 'sale');
  const refunds = events.filter(({ type }) => type === 'refund');
  const tickets = sales.map(({ amount }) => amount!).sort((a, b) => a - b);
  const refunded = sum(refunds.map(({ amount }) => amount!));
  const rank = (percent: number): number | null =>
    tickets[Math.max(1, Math.ceil((percent * tickets.length) / 100)) - 1] ?? null;
  return {
    'events.count': events.length,
    'sales.count': sales.length,
    'sales.amount': sum(tickets),
    'refunds.count': refunds.length,
    'refunds.amount': refunded,
    'net.amount': sum(tickets) - refunded,
    'ticket.avg': tickets.length === 0 ? null : Math.round(sum(tickets) / tickets.length),
    'ticket.min': tickets[0] ?? null,
    'ticket.max': tickets.at(-1) ?? null,
    'ticket.p50': rank(50),
    'ticket.p95': rank(95),
    'items.quantity': pieces(sales) - pieces(refunds),
    'customers.unique': new Set([...sales, ...refunds].map(({ dims }) => dims.customer).filter(Boolean)).size,
  };
}

export const METRICS: readonly string[] = Object.keys(figuresOf([]));

/** Sales less refunds of each article. */
export function articlesOf(events: readonly TillEvent[]): Map<string, { quantity: number; amount: number }> {
  const articles = new Map<string, { quantity: number; amount: number }>();
  for (const { type, items = [] } of events) {
    const sign = type === 'sale' ? 1 : type === 'refund' ? -1 : 0;
    if (sign === 0) continue;
    for (const { sku, qty, price } of items) {
      const { quantity, amount } = articles.get(sku) ?? { quantity: 0, amount: 0 };
      articles.set(sku, { quantity: quantity + sign * qty, amount: amount + sign * qty * price });
    }
  }
  return articles;
}

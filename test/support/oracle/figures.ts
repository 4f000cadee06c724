/** Figures of some invoices, as the merchant should see them. */
import type { Invoice } from './invoices.ts';

/** By the API's names. Money in pence. */
export interface Figures {
  'events.count': number;
  'sales.count': number;
  'sales.amount': number;
  'refunds.count': number;
  'refunds.amount': number;
  'net.amount': number;
  'items.quantity': number;
  'customers.unique': number;
  'ticket.min': number | null;
  'ticket.max': number | null;
}

export const METRICS: readonly (keyof Figures)[] = [
  'events.count',
  'sales.count',
  'sales.amount',
  'refunds.count',
  'refunds.amount',
  'net.amount',
  'items.quantity',
  'customers.unique',
  'ticket.min',
  'ticket.max',
];

function exact(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} has no exact number`);
  return number;
}

const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n);

export function figuresOf(invoices: readonly Invoice[]): Figures {
  const sales = invoices.filter(({ kind }) => kind === 'sale');
  const refunds = invoices.filter(({ kind }) => kind === 'refund');
  const sold = sum(sales.map(({ pence }) => pence));
  const refunded = sum(refunds.map(({ pence }) => pence));
  const pieces = (some: readonly Invoice[]) => sum(some.flatMap(({ items }) => items.map(({ quantity }) => quantity)));
  const customers = [...sales, ...refunds].flatMap(({ customer }) => (customer === null ? [] : [customer]));
  const tickets = sales.map(({ pence }) => exact(pence)).sort((a, b) => a - b);
  return {
    'events.count': invoices.length,
    'sales.count': sales.length,
    'sales.amount': exact(sold),
    'refunds.count': refunds.length,
    'refunds.amount': exact(refunded),
    'net.amount': exact(sold - refunded),
    'items.quantity': exact(pieces(sales) - pieces(refunds)),
    'customers.unique': new Set(customers).size,
    'ticket.min': tickets[0] ?? null,
    'ticket.max': tickets.at(-1) ?? null,
  };
}

/**
 * Figures of each bucket, empty ones too.
 *
 * @param starts ascending, the last bucket is open
 */
export function figuresByBucket(invoices: readonly Invoice[], starts: readonly number[]): Figures[] {
  const buckets = starts.map((): Invoice[] => []);
  for (const invoice of invoices) buckets[starts.findLastIndex((start) => start <= invoice.at)]?.push(invoice);
  return buckets.map(figuresOf);
}

export interface Article {
  readonly sku: string;
  readonly quantity: number;
  readonly amount: number;
}

/** Sales less refunds, every article, the greatest first (of equal ones the first by name). */
export function articles(invoices: readonly Invoice[], by: 'amount' | 'quantity'): Article[] {
  const totals = new Map<string, { quantity: bigint; amount: bigint }>();
  for (const { kind, items } of invoices) {
    if (kind === 'adjustment') continue;
    const sign = kind === 'sale' ? 1n : -1n;
    for (const { sku, quantity, price } of items) {
      const total = totals.get(sku) ?? { quantity: 0n, amount: 0n };
      total.quantity += sign * quantity;
      total.amount += sign * quantity * price;
      totals.set(sku, total);
    }
  }
  return [...totals]
    .map(([sku, { quantity, amount }]) => ({ sku, quantity: exact(quantity), amount: exact(amount) }))
    .sort((a, b) => b[by] - a[by] || (a.sku < b.sku ? -1 : 1));
}

/** What is counted of one group of events in one slot. */

import { Tickets } from './amount-sketch.ts';
import { Uniques } from './distinct-sketch.ts';
import { add, type Exact } from './exact-sum.ts';

export interface Measures {
  count: number;
  /** Minor units. */
  amount: Exact;
  /** Thousandths of a piece, of all items; always positive: a refund's group is subtracted when asked for. */
  quantity: Exact;
  /** Of sales with an amount. */
  tickets: Tickets | null;
  /** Of sales and refunds with a customer. */
  customers: Uniques | null;
}

export const noMeasures = (): Measures => ({ count: 0, amount: 0, quantity: 0, tickets: null, customers: null });

export function mergeMeasures(into: Measures, from: Measures): void {
  into.count += from.count;
  into.amount = add(into.amount, from.amount);
  into.quantity = add(into.quantity, from.quantity);
  if (from.tickets !== null) {
    into.tickets ??= new Tickets();
    into.tickets.merge(from.tickets);
  }
  if (from.customers !== null) {
    into.customers ??= new Uniques();
    into.customers.merge(from.customers);
  }
}

/** What is counted of one article in one slot: sales less refunds. */
export interface ItemMeasures {
  /** Thousandths of a piece. */
  quantity: Exact;
  /** Thousandths of a minor unit: quantity times price, exact. */
  amount: Exact;
}

export const noItemMeasures = (): ItemMeasures => ({ quantity: 0, amount: 0 });

export function mergeItemMeasures(into: ItemMeasures, from: ItemMeasures): void {
  into.quantity = add(into.quantity, from.quantity);
  into.amount = add(into.amount, from.amount);
}

/** The measures of one group of events in one slot, and those of one article. */

import { addExact, type ExactInt } from './logic/exact-sum.ts';
import { AmountSketch } from './sketches/amount-sketch.ts';
import { DistinctSketch } from './sketches/distinct-sketch.ts';

export interface Measures {
  count: number;
  /** Minor units. */
  amount: ExactInt;
  /**
   * Thousandths of a piece, over all items, with their sign. Refunds are not negated: queries
   * subtract their group.
   */
  quantity: ExactInt;
  /** Of sales with an amount. */
  tickets: AmountSketch | null;
  /** Of sales and refunds with a customer. */
  customers: DistinctSketch | null;
}

export const emptyMeasures = (): Measures => ({ count: 0, amount: 0, quantity: 0, tickets: null, customers: null });

/** Bytes of memory of the sketches. */
export const sketchBytes = ({ tickets, customers }: Measures): number =>
  (tickets?.bytes ?? 0) + (customers?.bytes ?? 0);

/** @returns by how many bytes of memory `into` grew */
export function mergeMeasures(into: Measures, from: Measures): number {
  const before = sketchBytes(into);
  into.count += from.count;
  into.amount = addExact(into.amount, from.amount);
  into.quantity = addExact(into.quantity, from.quantity);
  if (from.tickets !== null) {
    into.tickets ??= new AmountSketch();
    into.tickets.merge(from.tickets);
  }
  if (from.customers !== null) {
    into.customers ??= new DistinctSketch();
    into.customers.merge(from.customers);
  }
  return sketchBytes(into) - before;
}

/** Measures of one article in one slot: sales less refunds. */
export interface ItemMeasures {
  /** Thousandths of a piece. */
  quantity: ExactInt;
  /** Thousandths of a minor unit: the lines' totals, else quantity times price, exact. */
  amount: ExactInt;
}

export const emptyItemMeasures = (): ItemMeasures => ({ quantity: 0, amount: 0 });

/** @returns 0: they do not grow */
export function mergeItemMeasures(into: ItemMeasures, from: ItemMeasures): number {
  into.quantity = addExact(into.quantity, from.quantity);
  into.amount = addExact(into.amount, from.amount);
  return 0;
}

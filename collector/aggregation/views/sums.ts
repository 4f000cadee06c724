/** The sums of an hour, over all its groups, and which of them differ between two hours. */
import type { Cooperative } from '../../../shared/cooperative.ts';
import { visitFigures } from '../cell-entries.ts';
import { addExact, type ExactInt, negateExact } from '../logic/exact-sum.ts';

/**
 * By name, as the metrics are called; amounts with their currency at the end. Minor units, and
 * thousandths of pieces. A sum that is missing is zero.
 */
export type Sums = ReadonlyMap<string, ExactInt>;

/** @param content of the view `total` */
export function* sumsOf(content: Uint8Array): Cooperative<Sums> {
  const sums = new Map<string, ExactInt>();
  const add = (name: string, value: ExactInt): void => {
    sums.set(name, addExact(sums.get(name) ?? 0, value));
  };
  yield* visitFigures(content, 'view', 0, { tickets: false, customers: false }, (keys) => {
    const [type, currency] = [keys.indexOf('type'), keys.indexOf('currency')];
    return (key, _slot, { count, amount, quantity }) => {
      add('events.count', count);
      const isSale = key[type] === 'sale';
      if (!isSale && key[type] !== 'refund') return;
      const of = isSale ? 'sales' : 'refunds';
      add(`${of}.count`, count);
      add('items.quantity', isSale ? quantity : negateExact(quantity));
      if (key[currency] == null) return;
      add(`${of}.amount.${key[currency]}`, amount);
      add(`net.amount.${key[currency]}`, isSale ? amount : negateExact(amount));
    };
  });
  return sums;
}

/** Old and new value of each sum that differs. */
export function* differences(before: Sums, after: Sums): Iterable<[name: string, before: ExactInt, after: ExactInt]> {
  for (const name of new Set([...after.keys(), ...before.keys()])) {
    const [was, is] = [before.get(name) ?? 0, after.get(name) ?? 0];
    if (was !== is) yield [name, was, is];
  }
}

/** A sum as cells and answers keep it: decimal text outside the safe integers. */
export const packedSum = (value: ExactInt): number | string => (typeof value === 'bigint' ? value.toString() : value);

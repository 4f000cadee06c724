/**
 * The rules by which events become figures, as far as logic versions may differ in them. A released
 * set of rules never changes: whoever corrects one adds the next number.
 */
import type { Item, TillEvent } from '../../shared/event/event.ts';
import { type ExactInt, multiplyExact } from './exact-sum.ts';

export interface LogicRules {
  /** The type that an event counts as. */
  readonly typeOf: (event: TillEvent) => string;
  /** Thousandths of a minor unit. */
  readonly lineAmount: (item: Item) => ExactInt;
}

/** By their number, which the record of a logic version names. */
export const RULES: Readonly<Record<number, LogicRules>> = {
  1: {
    typeOf: ({ type }) => type,
    // The line's total as the till gave it, else quantity times price.
    lineAmount: ({ qty, price, amount }) =>
      amount === undefined ? multiplyExact(qty, price ?? 0) : multiplyExact(1_000, amount),
  },
};

/**
 * The rules by which events become figures, as far as logic versions may differ in them. A released
 * set of rules never changes: whoever corrects one adds the next number.
 */
import { type ExactInt, multiplyExact } from './exact-sum.ts';

export interface LogicRules {
  /** The type that an event of a type counts as. */
  readonly typeOf: (type: string) => string;
  /**
   * Thousandths of a minor unit.
   *
   * @param quantity thousandths
   * @param price null: the line has none
   * @param total the line's total as the till gave it; null: it gave none
   */
  readonly lineAmount: (quantity: number, price: number | null, total: number | null) => ExactInt;
}

/** By their number, which the record of a logic version names. */
export const RULES: Readonly<Record<number, LogicRules>> = {
  1: {
    typeOf: (type) => type,
    lineAmount: (quantity, price, total) =>
      total === null ? multiplyExact(quantity, price ?? 0) : multiplyExact(1_000, total),
  },
};

/**
 * The rules by which events become figures, as far as logic versions may differ in them. Released
 * rules never change: whoever corrects some adds them under the next number.
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

/** The line's total, else quantity times price. */
const lineAmount: LogicRules['lineAmount'] = (quantity, price, total) =>
  total === null ? multiplyExact(quantity, price ?? 0) : multiplyExact(1_000, total);

/** By their number, which the record of a logic version names. See docs/reprocessing.md. */
export const RULES: Readonly<Record<number, LogicRules>> = {
  1: { typeOf: (type) => type, lineAmount },
};

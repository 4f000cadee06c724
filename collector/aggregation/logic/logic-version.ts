/**
 * A logic version: rules (`logic-rules.ts`) and dimensions, by which this folder's pure code turns
 * events into figures. A change of either that changes a figure is a new version; the results of a
 * version never change.
 */
import { type LogicRules, RULES } from './logic-rules.ts';

export interface Logic {
  readonly version: number;
  /** Keys of `dims` that queries can use besides store, type and terminal. */
  readonly dimensions: readonly string[];
  readonly rules: LogicRules;
}

/** The version that a new store begins with, by rules of the same number. */
export const FIRST_LOGIC = 1;

/** @returns null when this release does not have the rules of that number */
export function logicBy(version: number, rules: number, dimensions: readonly string[]): Logic | null {
  const found = RULES[rules];
  return found === undefined ? null : { version, dimensions, rules: found };
}

/** Keys of a partial aggregate's cube. */
export const partialKeys = (logic: Logic): string[] => ['type', 'currency', 'store', ...logic.dimensions];

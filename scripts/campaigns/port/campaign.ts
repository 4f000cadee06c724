/** A long-running attack on the real processes; CI runs a short version as a test. */
import type { ParseArgsConfig } from 'node:util';

/** The given options by name. */
export type Given = Readonly<Record<string, string | boolean | undefined>>;

export interface Outcome {
  readonly figures: Readonly<Record<string, unknown>>;
  readonly faults: readonly string[];
  readonly text?: string;
}

export interface Campaign {
  /** One line for `--help`. */
  readonly summary: string;
  /** Example arguments, one line each. */
  readonly examples: readonly string[];
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** One line for each option, for `--help`. */
  readonly help?: readonly string[];
  /** What it consists of, for `--list`: one line each. */
  list?(): readonly string[];
  /**
   * Runs to its end.
   *
   * @param progress shows progress: `done` of `total`, with a short message
   * @returns the figures to report, and the faults: none when the promise held; `text` shows
   *   figures and faults to people, where a line for each is not enough
   */
  run(given: Given, progress: (done: number, total: number, message: string) => void): Promise<Outcome>;
}

/** A whole number from an option, or its default. @throws RangeError */
export function wholeNumber(given: Given, name: string, otherwise: number): number {
  const text = given[name];
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`--${name} takes a whole number from 1 on`);
  return value;
}

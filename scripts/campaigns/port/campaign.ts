/** A long attack on the real thing, of which CI runs a short version as a test. */
import type { ParseArgsConfig } from 'node:util';

/** What was given on the command line, by the names of the campaign's options. */
export type Given = Readonly<Record<string, string | boolean | undefined>>;

export interface Campaign {
  /** One line for `--help`. */
  readonly summary: string;
  /** One line each: how to call it. */
  readonly examples: readonly string[];
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /**
   * Runs to its end.
   *
   * @param tell shows progress: `done` of `total`, with a few words
   * @returns the figures to report, and what went wrong: nothing, when the promise held
   */
  run(
    given: Given,
    tell: (done: number, total: number, words: string) => void,
  ): Promise<{ readonly figures: Readonly<Record<string, unknown>>; readonly faults: readonly string[] }>;
}

/** A whole number of an option, or what it is when it was not given. @throws RangeError */
export function wholeNumber(given: Given, name: string, otherwise: number): number {
  const text = given[name];
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`--${name} takes a whole number from 1 on`);
  return value;
}

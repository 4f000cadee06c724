/** Colours on a terminal; plain text elsewhere, or when `NO_COLOR` is set (no-color.org). */

export interface Colors {
  readonly good: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
}

const plain = (text: string): string => text;
const sgr =
  (on: number, off: number) =>
  (text: string): string =>
    text === '' ? '' : `\x1b[${on}m${text}\x1b[${off}m`;

export const PLAIN: Colors = { good: plain, warn: plain, bad: plain, strong: plain, faint: plain };
const COLOURED: Colors = {
  good: sgr(32, 39),
  warn: sgr(33, 39),
  bad: sgr(31, 39),
  strong: sgr(1, 22),
  faint: sgr(2, 22),
};

export const colorsFor = (terminal: boolean, environment: Readonly<Record<string, string | undefined>>): Colors =>
  terminal && !environment.NO_COLOR && environment.TERM !== 'dumb' ? COLOURED : PLAIN;

/** Tables for a terminal: columns as wide as needed, numbers aligned right. */
import { stripVTControlCharacters } from 'node:util';
import type { Colors } from './colors.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/**
 * Replaces control characters: stored text may hold any, and they would control the terminal or
 * break the table.
 */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\ufffd');

const width = (text: string): number => [...stripVTControlCharacters(text)].length;

function padded(text: string, to: number, align: Column['align']): string {
  const gap = ' '.repeat(Math.max(0, to - width(text)));
  return align === 'right' ? gap + text : text + gap;
}

/** @param rows cells may contain colour codes; otherwise printable text */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], colors: Colors): string {
  const widths = columns.map(({ title }, at) => Math.max(width(title), ...rows.map((row) => width(row[at] ?? ''))));
  const line = (cells: readonly string[]): string =>
    `${columns
      .map(({ align }, at) => padded(cells[at] ?? '', widths[at]!, align))
      .join('  ')
      .trimEnd()}\n`;
  return (
    line(columns.map(({ title }, at) => colors.faint(padded(title, widths[at]!, columns[at]!.align)))) +
    rows.map(line).join('')
  );
}

/** Name and value pairs, one a line. */
export function list(facts: readonly (readonly [name: string, value: string])[], colors: Colors): string {
  const names = Math.max(0, ...facts.map(([name]) => width(name)));
  return facts.map(([name, value]) => `${colors.faint(padded(name, names, 'left'))}  ${value}\n`).join('');
}

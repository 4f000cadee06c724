/** Tables for a terminal: columns as wide as they need be, numbers to the right. */
import { stripVTControlCharacters } from 'node:util';
import type { Colors } from './colors.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** What a file holds may hold anything: control characters would steer the terminal, line feeds break the table. */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\ufffd');

const width = (text: string): number => [...stripVTControlCharacters(text)].length;

function padded(text: string, to: number, align: Column['align']): string {
  const gap = ' '.repeat(Math.max(0, to - width(text)));
  return align === 'right' ? gap + text : text + gap;
}

/** @param rows of cells, which may be painted; printable otherwise */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], paint: Colors): string {
  const widths = columns.map(({ title }, at) => Math.max(width(title), ...rows.map((row) => width(row[at] ?? ''))));
  const line = (cells: readonly string[]): string =>
    `${columns
      .map(({ align }, at) => padded(cells[at] ?? '', widths[at]!, align))
      .join('  ')
      .trimEnd()}\n`;
  return (
    line(columns.map(({ title }, at) => paint.faint(padded(title, widths[at]!, columns[at]!.align)))) +
    rows.map(line).join('')
  );
}

/** Facts with their names before them. */
export function list(facts: readonly (readonly [name: string, value: string])[], paint: Colors): string {
  const names = Math.max(0, ...facts.map(([name]) => width(name)));
  return facts.map(([name, value]) => `${paint.faint(padded(name, names, 'left'))}  ${value}\n`).join('');
}

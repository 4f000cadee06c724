/** A benchmark's report: rows of named figures, as aligned columns and as JSON. */

export type Cell = string | number | null;

export interface Section {
  readonly name: string;
  /** How it was measured, in one or two lines. */
  readonly how: string;
  readonly rows: readonly Readonly<Record<string, Cell>>[];
}

const shown = (cell: Cell | undefined): string => {
  if (cell === null || cell === undefined) return '-';
  if (typeof cell === 'string') return cell;
  if (Number.isInteger(cell) || Math.abs(cell) >= 1000) return Math.round(cell).toLocaleString('en-US');
  return cell.toPrecision(3);
};

export function table({ name, how, rows }: Section): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [columns, ...rows.map((row) => columns.map((column) => shown(row[column])))];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)));
  const isText = columns.map((column) => rows.some((row) => typeof row[column] === 'string'));
  const aligned = lines.map((line) =>
    line
      .map((cell, at) => (isText[at] ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
      .join('  ')
      .trimEnd(),
  );
  return [name, `  ${how}`, '', ...aligned.map((line) => `  ${line}`), ''].join('\n');
}

/** @param values at least one */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Series as CSV (RFC 4180), one line per point. */
import type { Completeness } from '../figures/completeness.ts';
import type { SeriesSet } from '../figures/series.ts';

/** Spreadsheets take text that begins so for a formula (CWE-1236). A number is none. */
const FORMULA = /^[=+\-@\t\r]/;
const guarded = (text: string): string => (FORMULA.test(text) ? `'${text}` : text);

const cell = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = typeof value === 'string' ? guarded(value) : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
const line = (cells: readonly unknown[]): string => `${cells.map(cell).join(',')}\r\n`;

export function* seriesCsv({ metrics, buckets, none, series }: SeriesSet, complete: Completeness): Iterable<string> {
  const statuses = complete.statusesOf(buckets);
  yield line(['t', 'status', ...Object.keys(series[0]?.key ?? {}), ...metrics]);
  for (const { key, values } of series) {
    const keys = Object.values(key);
    for (let index = 0; index < buckets.length; index++) {
      const point = metrics.map((_, at) => {
        const value = values[index * metrics.length + at];
        return value === undefined ? none[at] : value;
      });
      yield line([buckets.labels[index], statuses[index], ...keys, ...point]);
    }
  }
}

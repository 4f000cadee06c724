/** Series as CSV (RFC 4180), one line per point. */
import { type SeriesSet, statusAt } from '../figures/series.ts';

const cell = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
const line = (cells: readonly unknown[]): string => `${cells.map(cell).join(',')}\r\n`;

/** @param now milliseconds since 1970 */
export function* seriesCsv({ metrics, buckets, none, series }: SeriesSet, now: number): Iterable<string> {
  yield line(['t', 'status', ...Object.keys(series[0]?.key ?? {}), ...metrics]);
  for (const { key, values } of series) {
    const keys = Object.values(key);
    for (let index = 0; index < buckets.length; index++) {
      const point = metrics.map((_, at) => {
        const value = values[index * metrics.length + at];
        return value === undefined ? none[at] : value;
      });
      yield line([buckets.labels[index], statusAt(buckets.ends[index]!, now), ...keys, ...point]);
    }
  }
}

/** Formats series as CSV (RFC 4180), one line per point. */
import type { Series } from './figures/series.ts';

const cell = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

export function seriesCsv(series: readonly Series[], metrics: readonly string[]): string {
  const keys = Object.keys(series[0]?.key ?? {});
  const lines = [['t', 'status', ...keys, ...metrics]];
  for (const { key, points } of series) {
    for (const point of points) {
      lines.push(
        [point.t, point.status, ...keys.map((name) => key[name]), ...metrics.map((name) => point[name])].map(cell),
      );
    }
  }
  return lines.map((line) => `${line.join(',')}\r\n`).join('');
}

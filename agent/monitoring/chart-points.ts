/** Reduces the sample history to the points of a chart. */
import { HOUR_MS, MINUTE_MS } from '../../shared/time.ts';
import type { HistoryPoint } from '../inspect/page/report.ts';
import type { HistorySample } from './sample-history.ts';

/** Up to this time span each sample is a point; beyond it, ten samples are merged into one. */
const FINE_MS = 3 * HOUR_MS;
const COARSE = 10;

/**
 * @param samples the oldest first
 * @param latest the current sample; null when the buffer cannot be read
 */
export function chartPoints(samples: readonly HistorySample[], latest: HistorySample | null): HistoryPoint[] {
  const all = latest === null ? samples : [...samples, latest];
  const end = all.at(-1);
  if (end === undefined) return [];
  const step = end.elapsed - all[0]!.elapsed <= FINE_MS ? 1 : COARSE;
  const points: HistoryPoint[] = [];
  for (let at = 0; at < all.length - 1; at += step) {
    const merged = all.slice(at, Math.min(at + step, all.length - 1));
    const after = all[Math.min(at + step, all.length - 1)]!;
    points.push({
      minutesAgo: (end.elapsed - all[at]!.elapsed) / MINUTE_MS,
      pending: Math.max(...merged.map(({ pending }) => pending)),
      taken: after.accepted - all[at]!.accepted,
    });
  }
  return [...points, { minutesAgo: 0, pending: end.pending, taken: 0 }];
}

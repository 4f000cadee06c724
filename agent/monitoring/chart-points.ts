/** A history as its chart shows it. */
import { HOUR_MS, MINUTE_MS } from '../../shared/time.ts';
import type { HistoryPoint } from '../inspect/page/report.ts';
import type { HistorySample } from './sample-history.ts';

/** Up to so long each minute is a point, beyond it ten of them are one. */
const FINE_MS = 3 * HOUR_MS;
const COARSE = 10;

/**
 * @param samples the oldest first
 * @param latest as it is now; null while the buffer can't be asked
 */
export function chartPoints(samples: readonly HistorySample[], latest: HistorySample | null): HistoryPoint[] {
  const all = latest === null ? samples : [...samples, latest];
  const end = all.at(-1);
  if (end === undefined) return [];
  const step = end.elapsed - all[0]!.elapsed <= FINE_MS ? 1 : COARSE;
  const points: HistoryPoint[] = [];
  for (let at = 0; at < all.length - 1; at += step) {
    const stretch = all.slice(at, Math.min(at + step, all.length - 1));
    const after = all[Math.min(at + step, all.length - 1)]!;
    points.push({
      minutesAgo: (end.elapsed - all[at]!.elapsed) / MINUTE_MS,
      pending: Math.max(...stretch.map(({ pending }) => pending)),
      taken: after.accepted - all[at]!.accepted,
    });
  }
  return [...points, { minutesAgo: 0, pending: end.pending, taken: 0 }];
}

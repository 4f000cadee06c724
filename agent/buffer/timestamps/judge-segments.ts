/** Judges which segments of events a wrong clock stamped, and by how much it was wrong. Pure. */
import type { CollectorTimeReading } from '../../port/event-clock.ts';

/**
 * A run of events that one clock stamped, and that was not compared with the collector's clock yet.
 */
export interface Stamped {
  readonly boot: string;
  /** See `ClockSegment.origin`. */
  readonly origin: number;
  /** When its latest event was accepted, by that clock; null when it has none. */
  readonly latestAt: number | null;
}

/**
 * `truth`: the correct origin. When it cannot be determined it is the stamped one: the events are
 * flagged, and keep their times.
 */
export type Verdict = { readonly kind: 'right' } | { readonly kind: 'wrong'; readonly truth: number };

const RIGHT: Verdict = { kind: 'right' };

/**
 * A segment of the boot in which the clocks were compared is judged exactly: both clocks ran evenly
 * through it. A segment of an earlier boot is wrong only if it is impossible: events ahead of the
 * collector's clock. Its origin is then that of another, possible segment of its boot; else the
 * clock is assumed to have been wrong by as much as the machine's is now, if that makes its times
 * possible.
 *
 * @param now by the collector's clock
 * @param offset true time less the machine's wall clock, milliseconds
 */
export function judgeSegments(
  segments: readonly Stamped[],
  truth: CollectorTimeReading,
  now: number,
  offset: number,
): Verdict[] {
  const { boot, origin: trueOrigin, toleranceMs } = truth;
  const passed = (at: number): boolean => at <= now + toleranceMs;
  // Two boots may have the same name: times ahead of the collector's clock tell them apart.
  const isOwn = ({ boot: of, origin, latestAt }: Stamped): boolean =>
    of === boot && (latestAt === null || passed(latestAt - origin + trueOrigin));
  const isPossible = ({ latestAt }: Stamped): boolean => latestAt === null || passed(latestAt);
  const differs = ({ origin }: Stamped): boolean => Math.abs(trueOrigin - origin) > toleranceMs;

  return segments.map((segment): Verdict => {
    if (isOwn(segment)) return differs(segment) ? { kind: 'wrong', truth: trueOrigin } : RIGHT;
    if (isPossible(segment)) return RIGHT;
    const { origin, latestAt } = segment;
    const sameBoot = segments.filter((other) => other.boot === segment.boot && !isOwn(other) && isPossible(other));
    const candidates = [...sameBoot.map((other) => other.origin), origin + offset];
    const found = candidates.find((candidate) => passed(latestAt! - origin + candidate));
    return { kind: 'wrong', truth: found ?? origin };
  });
}

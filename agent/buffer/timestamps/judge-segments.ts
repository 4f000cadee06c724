/** Which segments of events were stamped by a wrong clock, and what the right one was. Pure. */
import type { CollectorTimeReading } from '../../port/event-clock.ts';

/** A run of events that one clock stamped, not compared with the collector's yet. */
export interface Stamped {
  readonly boot: string;
  /** See `ClockSegment.origin`. */
  readonly origin: number;
  /** When the latest of its events was accepted, by that clock; null when it has none. */
  readonly latestAt: number | null;
}

/** The origin that would have been right. The stamped one where nothing tells: the events are flagged, and keep their times. */
export type Verdict = { readonly kind: 'right' } | { readonly kind: 'wrong'; readonly truth: number };

const RIGHT: Verdict = { kind: 'right' };

/**
 * A segment of the collector's comparison's own boot is judged exactly: both clocks went on evenly through it. Of an earlier boot only the
 * impossible is known wrong: events that lie ahead of the collector's clock. What another segment of that boot went by is taken for right if
 * it is possible; else the clock is taken to have been wrong by as much as the machine's is now, where that makes its times possible.
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
  // A boot's name that came twice does not make two boots one.
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

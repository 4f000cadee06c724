/**
 * A clock that the collector has confirmed and the caller moves, for runs that do not depend on
 * wrong clocks.
 */
import type { EventClock } from '../../../agent/port/event-clock.ts';

/** @param now milliseconds since 1970 */
export function fixedClock(now: () => number): EventClock {
  const startedAt = now();
  const segment = { boot: 'boot-1', origin: 0, right: true };
  return {
    now,
    stamp: () => ({ at: now(), segment, wall: now(), suspect: false }),
    offset: 0,
    running: () => now() - startedAt,
    retention: now,
    recall() {},
    compare: () => ({ boot: 'boot-1', origin: 0, at: now(), toleranceMs: 10_000 }),
  };
}

/** Detects clock jumps from consecutive timestamps. Pure. */
import { DAY_MS } from '../../../shared/time.ts';

/** Tolerated step back: clocks agree to within it, as do requests committed out of order. */
const BACK_MS = 10_000;
/** Tolerated step ahead: hardly a shop is closed for longer. */
const AHEAD_MS = 7 * DAY_MS;

export interface Stamped {
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface ClockJumps {
  /** Ids of the first event after each jump. */
  readonly ids: readonly number[];
  /** The latest time since the last jump; null when there are no events. */
  readonly latest: number | null;
}

/** @param latest time before these stamps; null when they may be the first ones of another clock */
export function detectClockJumps(stamps: readonly Stamped[], latest: number | null): ClockJumps {
  const ids: number[] = [];
  for (const { id, at } of stamps) {
    const isJump = latest !== null && (at < latest - BACK_MS || at > latest + AHEAD_MS);
    if (isJump) ids.push(id);
    latest = latest === null || isJump ? at : Math.max(latest, at);
  }
  return { ids, latest };
}

/** Where a clock was set, for all that the times tell which it stamped one after the other. Pure. */
import { DAY_MS } from '../../../shared/time.ts';

/** Clocks that differ by less agree; and requests that are committed out of turn were stamped within that. */
const BACK_MS = 10_000;
/** Hardly a shop is closed for longer. */
const AHEAD_MS = 7 * DAY_MS;

export interface Stamped {
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface ClockJumps {
  /** Ids of what was stamped first after the clock was set. */
  readonly ids: readonly number[];
  /** The latest time since the clock was set; null when nothing was stamped. */
  readonly latest: number | null;
}

/** @param latest of what was stamped right before; null when another clock may have been there */
export function detectClockJumps(stamps: readonly Stamped[], latest: number | null): ClockJumps {
  const ids: number[] = [];
  for (const { id, at } of stamps) {
    const isStep = latest !== null && (at < latest - BACK_MS || at > latest + AHEAD_MS);
    if (isStep) ids.push(id);
    latest = latest === null || isStep ? at : Math.max(latest, at);
  }
  return { ids, latest };
}

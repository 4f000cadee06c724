/** Random delays. `random` returns numbers from 0 to less than 1. */

const FIRST_RETRY_MS = 1_000;

/**
 * Full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015): uniform
 * between 0 and a bound that doubles, so that a region's agents that lost their collector together
 * come back spread out.
 *
 * @param failures in a row before this wait, 0 for the first
 */
export const reconnectDelay = (failures: number, maxMs: number, random: () => number): number =>
  random() * Math.min(maxMs, FIRST_RETRY_MS * 2 ** Math.min(failures, 30));

/** The given delay plus up to half of it. */
export const jitteredDelay = (askedMs: number, random: () => number): number => askedMs * (1 + random() / 2);

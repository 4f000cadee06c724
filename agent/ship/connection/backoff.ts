/** How long to wait. `random` gives numbers from 0 to less than 1. */

const FIRST_RETRY_MS = 1_000;

/**
 * Full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015): anywhere from nothing to the bound, which doubles;
 * so a region's agents that lost their collector together come back spread out.
 *
 * @param failures in a row before this wait, 0 for the first
 */
export const reconnectDelay = (failures: number, maxMs: number, random: () => number): number =>
  random() * Math.min(maxMs, FIRST_RETRY_MS * 2 ** Math.min(failures, 30));

/** As long as asked for and up to half as long again. */
export const jitteredDelay = (askedMs: number, random: () => number): number => askedMs * (1 + random() / 2);

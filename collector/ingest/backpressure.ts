/** What a till is told when its batch can't be taken now, and how much it may send at a time. */

/** The first wait after a failure; doubled with each one in a row. */
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 10_000;

/**
 * Milliseconds until the batch should be sent again: between half and all of a wait that doubles with each failure, so that tills that
 * failed together don't come back together.
 *
 * @param failures groups that failed in a row; 0: there is merely no room
 * @param random from 0 up to 1
 */
export function retryAfterMs(failures: number, random: number): number {
  const wait = Math.min(FIRST_WAIT_MS * 2 ** Math.min(failures, 16), MAX_WAIT_MS);
  return Math.round(wait * (0.5 + random / 2));
}

/** A window of four keeps one batch under way. */
const LEAST_CREDIT = 0.25;

/** Factor on a till's window: all of it until half of the room is used, then less and less. */
export function creditFor(heldBytes: number, maxHeldBytes: number): number {
  const free = 1 - heldBytes / maxHeldBytes;
  return Math.max(LEAST_CREDIT, Math.min(1, Math.round(free * 2 * 100) / 100));
}

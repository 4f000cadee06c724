/**
 * Backpressure: how long a till waits before it resends a batch, and how much it may send at a
 * time.
 */

/** The first wait after a failure; doubled with each further failure in a row. */
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 10_000;

/**
 * Milliseconds until the batch should be resent: between half and all of a wait that doubles with
 * each failure, so that tills that failed together do not return together.
 *
 * @param failures groups that failed in a row, or seconds without an answer of the store; 0: there
 *   is only no room
 * @param random from 0 up to, but not including, 1
 */
export function retryAfterMs(failures: number, random: number): number {
  const wait = Math.min(FIRST_WAIT_MS * 2 ** Math.min(failures, 16), MAX_WAIT_MS);
  return Math.round(wait * (0.5 + random / 2));
}

/** Leaves one batch of a window of four in flight. */
const LEAST_CREDIT = 0.25;

/** Factor on a till's window: 1 until half of the room is used, then decreasing. */
export function creditFor(heldBytes: number, maxHeldBytes: number): number {
  const free = 1 - heldBytes / maxHeldBytes;
  return Math.max(LEAST_CREDIT, Math.min(1, Math.round(free * 2 * 100) / 100));
}

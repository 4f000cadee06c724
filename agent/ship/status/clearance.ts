/**
 * Computes the clearance: the agent's low watermark, a time before which it holds no unshipped
 * event.
 */

/** Safety margin of the clocks, for requests in progress and small differences. */
const MARGIN_MS = 60_000;

export interface ClearanceFacts {
  /** Start of the hour of the oldest pending event; null when nothing is pending. */
  readonly oldestPending: number | null;
  /** Arrival of the oldest request that is not committed; null when there is none. */
  readonly oldestRequest: number | null;
  /** The agent's disciplined clock: what it stamps events with. */
  readonly now: number;
  /** The collector's clock, as measured; null before the first answer. */
  readonly collectorNow: number | null;
}

/**
 * Milliseconds since 1970; 0 when it is unknown. It may decrease. Contract: design.md §5,
 * Clearance.
 */
export function clearThrough({ oldestPending, oldestRequest, now, collectorNow }: ClearanceFacts): number {
  if (collectorNow === null) return 0;
  const least = Math.min(oldestRequest ?? now, now, collectorNow) - MARGIN_MS;
  // Nothing older than the hour of the oldest pending event is pending: no margin is needed.
  return Math.max(0, Math.floor(Math.min(oldestPending ?? least, least)));
}

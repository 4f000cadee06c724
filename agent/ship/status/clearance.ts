/** What the agent can vouch for: it holds nothing older. */

/** Less than the answer by so much: requests that are under way, clocks that differ a little. */
const MARGIN_MS = 60_000;

export interface ClearanceFacts {
  /** Start of the hour of the oldest pending event; null when nothing is pending. */
  readonly oldestPending: number | null;
  /** Arrival of the oldest request that is not committed; null when there is none. */
  readonly oldestRequest: number | null;
  /** What the agent takes for the time: what it stamps events with. */
  readonly now: number;
  /** What the collector's clock shows, as measured; null before the first answer. */
  readonly collectorNow: number | null;
}

/** design.md §5, Clearance. Milliseconds since 1970; 0: it can't say. It may go back. */
export function clearThrough({ oldestPending, oldestRequest, now, collectorNow }: ClearanceFacts): number {
  if (collectorNow === null) return 0;
  const least = Math.min(oldestPending ?? now, oldestRequest ?? now, now, collectorNow);
  return Math.max(0, Math.floor(least - MARGIN_MS));
}

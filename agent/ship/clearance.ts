/** What the agent can vouch for: it holds nothing older. */

/** Less than the answer by so much: requests that are under way, clocks that differ a little. */
const MARGIN_MS = 60_000;

export interface ClearanceFacts {
  /** Start of the hour of the oldest pending event; null when nothing is pending. */
  readonly oldestPending: number | null;
  /** Arrival of the oldest request that is not committed; null when there is none. */
  readonly oldestRequest: number | null;
  /** The agent's clock. */
  readonly now: number;
  /** Collector's clock less the agent's; null before the first answer. */
  readonly clockOffsetMs: number | null;
}

/** design.md §5, Clearance. Milliseconds since 1970; 0: it can't say. It may go back. */
export function clearThrough({ oldestPending, oldestRequest, now, clockOffsetMs }: ClearanceFacts): number {
  if (clockOffsetMs === null) return 0;
  const least = Math.min(oldestPending ?? now, oldestRequest ?? now, now, now + clockOffsetMs);
  return Math.max(0, Math.floor(least - MARGIN_MS));
}

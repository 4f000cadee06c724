/** Of events with one content, which one counts: the one whose epoch has the higher precedence. */
import type { HighWaterMark } from '../high-water/high-water-mark.ts';
import { FRESH_BASE } from '../tables/epochs.ts';

/**
 * `fresh`: accepted since, and not shipped, unless newer events may be shipped early. `held`: of an
 * epoch of which nothing was shipped. `shipped`: may have been shipped. `ahead`: may have been
 * shipped before older events were found.
 */
export const PRECEDENCE = { fresh: 0, held: 1, shipped: 2, ahead: 3 } as const;

const OF_SHIPPING = { free: PRECEDENCE.shipped, held: PRECEDENCE.held, ahead: PRECEDENCE.ahead } as const;

/**
 * @param mark of the epoch, when the files were set aside; undefined when there was none
 * @param base of the epoch; undefined when it has no ids yet
 */
export function precedenceOf(mark: HighWaterMark | undefined, base: number | undefined): number {
  if (mark !== undefined) return OF_SHIPPING[mark.shipping];
  return (base ?? 0) >= FRESH_BASE ? PRECEDENCE.fresh : PRECEDENCE.shipped;
}

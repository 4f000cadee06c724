/** Settlements in slices that need little room each: no two of them depend on one another. */
import type { Settlement } from './port.ts';

/** How many events they name. */
export const eventsOf = (settlements: readonly Settlement[]): number =>
  settlements.reduce((sum, one) => sum + (one.kind === 'loss-stored' ? 1 : one.lastSeq - one.firstSeq + 1), 0);

/** @param limit events that a slice names at most */
export function* inSlices(settlements: readonly Settlement[], limit: number): Generator<Settlement[]> {
  for (const settlement of settlements) {
    if (settlement.kind === 'loss-stored') {
      yield [settlement];
      continue;
    }
    for (let firstSeq = settlement.firstSeq; firstSeq <= settlement.lastSeq; firstSeq += limit)
      yield [{ ...settlement, firstSeq, lastSeq: Math.min(settlement.lastSeq, firstSeq + limit - 1) }];
  }
}

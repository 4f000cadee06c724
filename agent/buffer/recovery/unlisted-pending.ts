/**
 * Checks the index of pending events against the rows, before memory and marks follow it. A disk
 * that dropped a write of an index page would else make unsent events count as settled.
 */
import type { Database } from 'better-sqlite3';
import type { HighWaterMark } from '../high-water/high-water-mark.ts';
import { listEpochs } from '../tables/epochs.ts';
import { hasUnlistedPending } from '../tables/event-statements.ts';

/**
 * Rows read for each epoch, from each end of what its mark calls unsettled. A write that was
 * dropped is one of the last, and a mark rises from the first: these are the rows at both ends.
 * 5,000 take some 2 ms; a scrub reads all others within a day.
 */
const MAX_ROWS = 5_000;

/** @param marks see `marksOfCurrentFile` */
export function lacksPending(db: Database, marks: readonly HighWaterMark[]): boolean {
  const unlisted = hasUnlistedPending(db);
  const epochs = new Map(listEpochs(db).map((epoch) => [epoch.epoch, epoch]));
  return marks.some(({ epoch, settledThrough }) => {
    const known = epochs.get(epoch);
    if (known === undefined || known.lastSeq <= settledThrough) return false;
    const [first, last] = [known.base + settledThrough + 1, known.base + known.lastSeq];
    const ends: [first: number, last: number][] =
      last - first < 2 * MAX_ROWS
        ? [[first, last]]
        : [
            [first, first + MAX_ROWS - 1],
            [last - MAX_ROWS + 1, last],
          ];
    return ends.some(([from, to]) => unlisted.get(from, to) === 1);
  });
}

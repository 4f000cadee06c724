/** What the side file knows was accepted and the database does not: its log was lost, or it is an older copy of itself. */
import type { Database } from 'better-sqlite3';
import type { SeqRange } from '../../port/outbox.ts';
import { setAsideNames } from '../disk/set-aside-files.ts';
import { type HighWaterMark, isSettled } from '../high-water/high-water-mark.ts';
import { listEpochs } from '../tables/epochs.ts';
import { SCHEMA_VERSION, schemaVersion } from '../tables/schema.ts';
import { listSetAside } from './progress.ts';

/**
 * Marks of epochs that the database has to know: not those of a file that is still being brought over, or about to be.
 *
 * @param path of the buffer
 * @param marks the side file, read before anything is asked of the database: beside a running agent that only grows
 */
export function marksOfCurrentFile(
  db: Database,
  path: string,
  marks: readonly HighWaterMark[],
): readonly HighWaterMark[] {
  if (schemaVersion(db) !== SCHEMA_VERSION) return marks;
  const known = listSetAside(db);
  if (setAsideNames(path).some((name) => !known.some((aside) => aside.name === name))) return [];
  const carried = new Set(known.flatMap(({ progress }) => progress.marks.map(({ epoch }) => epoch)));
  return marks.filter(({ epoch }) => !carried.has(epoch));
}

/**
 * Seqs that were given out, which the database knows nothing of. An epoch of which the collector knows everything may have been forgotten as
 * a whole; one that is there in part is an older version of itself, which must not take what was settled since for pending.
 *
 * @param marks see `uncarried`
 */
export function missingSeqs(db: Database, marks: readonly HighWaterMark[]): SeqRange[] {
  const lastSeqs = new Map(listEpochs(db).map(({ epoch, lastSeq }) => [epoch, lastSeq]));
  return marks.flatMap((mark) => {
    const { epoch, lastSeq } = mark;
    const known = lastSeqs.get(epoch) ?? (isSettled(mark) ? lastSeq : 0);
    return known >= lastSeq ? [] : [{ epoch, firstSeq: known + 1, lastSeq }];
  });
}

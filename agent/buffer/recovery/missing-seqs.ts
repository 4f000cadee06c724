/**
 * Finds events that the side file records and the database lacks: its WAL was lost, or it is an
 * older copy of itself.
 */
import type { Database } from 'better-sqlite3';
import type { SeqRange } from '../../port/outbox.ts';
import { setAsideNames } from '../disk/set-aside-files.ts';
import { type HighWaterMark, isSettled } from '../high-water/high-water-mark.ts';
import { listEpochs } from '../tables/epochs.ts';
import { SCHEMA_VERSION, schemaVersion } from '../tables/schema.ts';
import { listSetAside } from './progress.ts';

/**
 * Marks of epochs that the database has to know: without those of a file that is, or will be,
 * recovered.
 *
 * @param path of the buffer
 * @param marks of the side file, read before the database, which may grow beside a running agent
 */
export function marksOfCurrentFile(
  db: Database,
  path: string,
  marks: readonly HighWaterMark[],
): readonly HighWaterMark[] {
  if (schemaVersion(db) !== SCHEMA_VERSION) return marks;
  const known = listSetAside(db);
  if (setAsideNames(path).some((name) => !known.some((aside) => aside.name === name))) return [];
  const recovering = new Set(known.flatMap(({ progress }) => progress.marks.map(({ epoch }) => epoch)));
  return marks.filter(({ epoch }) => !recovering.has(epoch));
}

/**
 * Seqs that were given out and that the database does not know. An epoch that is settled as a whole
 * may have been deleted. One that is there in part is an older version of itself: events that were
 * settled since must not become pending again.
 *
 * @param marks see `marksOfCurrentFile`
 */
export function missingSeqs(db: Database, marks: readonly HighWaterMark[]): SeqRange[] {
  const lastSeqs = new Map(listEpochs(db).map(({ epoch, lastSeq }) => [epoch, lastSeq]));
  return marks.flatMap((mark) => {
    const { epoch, lastSeq } = mark;
    const known = lastSeqs.get(epoch) ?? (isSettled(mark) ? lastSeq : 0);
    return known >= lastSeq ? [] : [{ epoch, firstSeq: known + 1, lastSeq }];
  });
}

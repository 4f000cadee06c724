/** Statistics of a buffer for support, read from its file alone. */
import type { Database } from 'better-sqlite3';
import { streamId } from '../../../shared/ids.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import type { BufferStats } from '../../port/buffer-reader.ts';
import { usageOf } from '../disk/disk-usage.ts';
import { listEpochs, type OpenedEpoch, pendingOf } from '../tables/epochs.ts';
import {
  countAcked,
  countQuarantined,
  pendingHours,
  pendingIds,
  quarantineReasons,
} from '../tables/event-statements.ts';
import { countLosses, type LossCounts } from '../tables/loss-ledger.ts';
import { PendingSet } from '../tables/pending-set.ts';
import { readOwner, schemaVersion } from '../tables/schema.ts';

const SHOWN_QUARANTINE = 20;

/**
 * Reads which events are pending. The ids of an hour are usually one run, known by its ends and its
 * count. Where requests of several hours alternate, the ids are read one by one.
 */
export function loadPending(db: Database): PendingSet {
  const set = new PendingSet();
  const hours = pendingHours(db).all();
  if (
    hours.every(({ first, last, count }, at) => last - first + 1 === count && (at === 0 || hours[at - 1]!.last < first))
  ) {
    for (const { hour, first, last, count } of hours) set.add({ first, last }, new Map([[hour, count]]));
    return set;
  }
  let run: { first: number; last: number; hours: Map<number, number> } | null = null;
  for (const { id, hour } of pendingIds(db).iterate()) {
    if (run === null || id !== run.last + 1) {
      if (run !== null) set.add(run, run.hours);
      run = { first: id, last: id, hours: new Map() };
    }
    run.last = id;
    run.hours.set(hour, (run.hours.get(hour) ?? 0) + 1);
  }
  if (run !== null) set.add(run, run.hours);
  return set;
}

/** Counts of rows other than the pending ones. */
export interface Counts {
  acked: number;
  quarantined: number;
  refs: number;
  refConflicts: number;
  readonly losses: LossCounts;
}

export function countRows(db: Database): Counts {
  return {
    acked: countAcked(db),
    quarantined: countQuarantined(db),
    refs: db.prepare<[], number>('SELECT count(*) FROM refs').pluck().get()!,
    refConflicts:
      db.prepare<[string], number>('SELECT value FROM counters WHERE name = ?').pluck().get('ref_conflicts') ?? 0,
    losses: countLosses(db),
  };
}

/** Describes the recovery of a set-aside file; null when there is none. */
function describeRecovery(db: Database): string | null {
  const aside = db
    .prepare<[], { name: string; why: string }>('SELECT name, why FROM aside ORDER BY ordinal LIMIT 1')
    .get();
  return aside === undefined ? null : `recovering ${aside.name} (${aside.why})`;
}

/** Builds the statistics from what the caller knows already and the rest from the file. */
export function buildStats(
  db: Database,
  path: string,
  pending: PendingSet,
  epochs: readonly OpenedEpoch[],
  counts: Counts,
): BufferStats {
  const owner = readOwner(db);
  const { used, file, wal } = usageOf(db, path);
  const quarantine = quarantineReasons(db).all(SHOWN_QUARANTINE);
  return {
    schema: schemaVersion(db),
    ...owner,
    epochs: epochs.map(({ epoch, base, lastSeq, openedAt }) => ({
      epoch,
      lastSeq,
      pending: pendingOf({ base, lastSeq }, pending.ranges),
      openedAt,
    })),
    pending: pending.count,
    oldestPending: pending.oldestHour === null ? null : pending.oldestHour * HOUR_MS,
    ...counts,
    losses: { ...counts.losses },
    salvage: describeRecovery(db),
    quarantine: quarantine.map(({ epoch, seq, reason, at }) => ({
      stream: streamId(owner.terminal, epoch),
      seq,
      reason,
      at,
    })),
    usedBytes: used,
    fileBytes: file,
    walBytes: wal,
  };
}

/** @throws on a fault of the disk, and when the tables cannot be read */
export const readStats = (db: Database, path: string): BufferStats =>
  db.transaction(() => buildStats(db, path, loadPending(db), listEpochs(db), countRows(db)))();

/** Openings of the buffer: each draws an epoch, whose seqs start at 1 and whose rows have the ids from its base on. */
import { Buffer } from 'node:buffer';
import type { Database } from 'better-sqlite3';
import { type Epoch, epoch } from '../../shared/ids.ts';
import type { IdRange } from './pending-set.ts';
import type { EpochHolding } from './port.ts';

export interface OpenedEpoch {
  readonly epoch: Epoch;
  /** An event's id less its seq. */
  readonly base: number;
  /** Highest seq given out; of the open epoch as it was when this was read. */
  readonly lastSeq: number;
  /** Milliseconds since 1970. */
  readonly openedAt: number;
}

interface EpochRow {
  epoch: Epoch;
  base: number;
  opened_at: number;
  last_seq: number | null;
}

const newestId = (db: Database): number =>
  db.prepare<[], number | null>('SELECT max(id) FROM events').pluck().get() ?? 0;

/** In the order in which they were opened; the last one is the open one, or was. */
export function listEpochs(db: Database): OpenedEpoch[] {
  const newest = newestId(db);
  return db
    .prepare<[], EpochRow>('SELECT epoch, base, opened_at, last_seq FROM epochs ORDER BY ordinal')
    .all()
    .map(({ epoch, base, opened_at, last_seq }) => ({
      epoch,
      base,
      openedAt: opened_at,
      lastSeq: last_seq ?? Math.max(0, newest - base),
    }));
}

/**
 * Closes the epoch that the last opening left, forgets those of which no event is left, and opens a new one.
 *
 * @param bits 64 random bits
 */
export function openEpoch(db: Database, bits: Uint8Array, now: number): Epoch {
  const opened = epoch(Buffer.from(bits).toString('hex'));
  db.transaction(() => {
    const newest = newestId(db);
    const base = db
      .prepare<[number], number>(
        'SELECT max(?, (SELECT ifnull(max(base), 0) FROM epochs), (SELECT ifnull(max(id), 0) FROM refs))',
      )
      .pluck()
      .get(newest)!;
    db.prepare('UPDATE epochs SET last_seq = max(0, ? - base) WHERE last_seq IS NULL').run(newest);
    db.prepare(
      `DELETE FROM epochs WHERE NOT EXISTS (
         SELECT 1 FROM events WHERE id BETWEEN epochs.base + 1 AND epochs.base + epochs.last_seq)`,
    ).run();
    db.prepare('INSERT INTO epochs (epoch, base, opened_at) VALUES (?, ?, ?)').run(opened, base, now);
  }).immediate();
  return opened;
}

/** @param ranges pending ids, ascending */
export function pendingOf(
  { base, lastSeq }: Pick<OpenedEpoch, 'base' | 'lastSeq'>,
  ranges: readonly IdRange[],
): EpochHolding['pending'] {
  const pending: [number, number][] = [];
  for (const { first, last } of ranges) {
    const from = Math.max(first - base, 1);
    const to = Math.min(last - base, lastSeq);
    if (from <= to) pending.push([from, to]);
  }
  return pending;
}

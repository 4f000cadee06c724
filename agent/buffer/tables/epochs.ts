/**
 * Epochs: each opening of the buffer draws one at random. Its seqs start at 1, and the id of an
 * event is its epoch's base plus its seq.
 */
import { Buffer } from 'node:buffer';
import type { Database } from 'better-sqlite3';
import { type Epoch, epoch } from '../../../shared/ids.ts';
import { DAY_MS } from '../../../shared/time.ts';
import type { EpochHolding, SeqRange } from '../../port/outbox.ts';
import { existsBetween, newestId } from './event-statements.ts';
import type { IdRange } from './pending-set.ts';

/**
 * Base of the first epoch that is opened while a file is being recovered. Ids below it are left to
 * the recovered events, so that older events have lower ids. 2^52 leaves as many ids again above
 * it.
 */
export const FRESH_BASE = 2 ** 52;

export interface OpenedEpoch {
  readonly epoch: Epoch;
  /** An event's id less its seq. */
  readonly base: number;
  /** Highest seq given out. Of the open epoch: when this was read. */
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

/** In the order of their ids, that is of opening; the last one is, or was, the open one. */
export function listEpochs(db: Database): OpenedEpoch[] {
  const newest = newestId(db);
  return db
    .prepare<[], EpochRow>(
      'SELECT epoch, base, opened_at, last_seq FROM epochs ORDER BY base, last_seq IS NULL, ordinal',
    )
    .all()
    .map(({ epoch, base, opened_at, last_seq }) => ({
      epoch,
      base,
      openedAt: opened_at,
      lastSeq: last_seq ?? Math.max(0, newest - base),
    }));
}

/** Translates between ids and the seqs of an epoch. */
export class EpochIndex {
  readonly list: readonly OpenedEpoch[];
  readonly #bases: ReadonlyMap<Epoch, number>;

  /** @param list as `listEpochs` gives it */
  constructor(list: readonly OpenedEpoch[]) {
    this.list = list;
    this.#bases = new Map(list.map(({ epoch, base }) => [epoch, base]));
  }

  /** An event's id less its seq; undefined when this buffer does not know the epoch. */
  baseOf(epoch: Epoch): number | undefined {
    return this.#bases.get(epoch);
  }

  /** @throws Error when this buffer does not know the epoch */
  idsOf({ epoch, firstSeq, lastSeq }: SeqRange): IdRange {
    const base = this.#bases.get(epoch);
    if (base === undefined) throw new Error(`epoch ${epoch} is not of this buffer`);
    return { first: base + firstSeq, last: base + lastSeq };
  }

  /** A range of ids that were given out, as ranges of seqs of each epoch that it touches. */
  seqsOf({ first, last }: IdRange): SeqRange[] {
    const found: SeqRange[] = [];
    for (let from = first, at = this.#indexOf(first); from <= last && at < this.list.length; at++) {
      const { epoch, base } = this.list[at]!;
      const to = Math.min(last, this.list[at + 1]?.base ?? last);
      if (to < from) continue;
      found.push({ epoch, firstSeq: from - base, lastSeq: to - base });
      from = to + 1;
    }
    return found;
  }

  /** The last epoch whose ids start at `id` or below. Earlier ones with the same base are empty. */
  #indexOf(id: number): number {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.list[middle]!.base < id) low = middle + 1;
      else high = middle;
    }
    if (low === 0) throw new Error(`id ${id} is of no epoch of this buffer`);
    return low - 1;
  }
}

/** How long an acknowledged loss record outlives its epoch's events. */
const SENT_LOSSES_KEPT_MS = 30 * DAY_MS;
/**
 * Epochs that ended lately stay, so that the collector can be told that they are over: it waits
 * seven days for a silent one. Not all of them, should the agent open again and again.
 */
const ENDED_KEPT_MS = 8 * DAY_MS;
const MAX_ENDED_KEPT = 256;

/**
 * Deletes epochs without rows whose losses were acknowledged more than 30 days ago, together with
 * their expired ranges and ledger records, but for those that ended in the last eight days.
 *
 * @param unsettled epochs to keep: once deleted, the next opening would report them as missing
 */
function deleteSettled(db: Database, retention: number, unsettled: ReadonlySet<Epoch>): void {
  const hasEvents = existsBetween(db);
  const settled = db
    .prepare<[number, number], { epoch: Epoch; base: number; last_seq: number }>(
      // An epoch ended when the next one was opened.
      `SELECT epoch, base, last_seq FROM epochs AS ended
       WHERE epoch NOT IN (SELECT epoch FROM losses WHERE acked = 0 OR acked > ?)
         AND ((SELECT opened_at FROM epochs WHERE ordinal > ended.ordinal ORDER BY ordinal LIMIT 1) < ?
              OR ordinal NOT IN (SELECT ordinal FROM epochs ORDER BY ordinal DESC LIMIT ${MAX_ENDED_KEPT}))`,
    )
    .all(retention - SENT_LOSSES_KEPT_MS, retention - ENDED_KEPT_MS)
    .filter(({ epoch, base, last_seq }) => !unsettled.has(epoch) && hasEvents.get(base + 1, base + last_seq) === 0)
    .map(({ epoch }) => epoch);
  for (const table of ['gone', 'losses', 'epochs']) {
    const remove = db.prepare<[Epoch]>(`DELETE FROM ${table} WHERE epoch = ?`);
    for (const epoch of settled) remove.run(epoch);
  }
}

/**
 * Closes the epoch that the last opening left, deletes settled ones, and opens a new one.
 *
 * @param bits 64 random bits
 * @param now milliseconds since 1970
 * @param retention see `StampingClock.retention`
 * @param unsettled epochs whose high-water marks do not yet say that all their seqs are settled
 */
export function openEpoch(
  db: Database,
  bits: Uint8Array,
  now: number,
  retention: number,
  unsettled: ReadonlySet<Epoch>,
): Epoch {
  const opened = epoch(Buffer.from(bits).toString('hex'));
  db.transaction(() => {
    const newest = newestId(db);
    const base = db
      .prepare<[number], number>(
        `SELECT max(?, (SELECT ifnull(max(base), 0) FROM epochs), (SELECT ifnull(max(id), 0) FROM refs),
                    (SELECT CASE WHEN EXISTS (SELECT 1 FROM aside) THEN ${FRESH_BASE} ELSE 0 END))`,
      )
      .pluck()
      .get(newest)!;
    db.prepare('UPDATE epochs SET last_seq = max(0, ? - base) WHERE last_seq IS NULL').run(newest);
    deleteSettled(db, retention, unsettled);
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

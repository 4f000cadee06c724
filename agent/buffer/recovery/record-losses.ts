/**
 * Accounts for every seq of the epochs that were brought over, once all of them are: what is neither a row, nor gone, nor in the ledger, and
 * not known to be settled is lost. Doing it again changes nothing.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import { difference, type Ranges, union } from '../../../shared/seq-ranges.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import type { HighWaterMark } from '../high-water/high-water-mark.ts';
import { FRESH_BASE } from '../tables/epochs.ts';
import { lastHourBetween, type SeqState, seqStates } from '../tables/event-queries.ts';
import { STATE } from '../tables/event-row.ts';
import type { ExpiredRanges } from '../tables/expired-ranges.ts';
import type { LossLedger } from '../tables/loss-ledger.ts';
import { type LossReason, REPEATABLE } from '../tables/loss-record.ts';
import type { IdAllocation } from './id-allocation.ts';

const ROWS_AT_ONCE = 2_000;

export interface RecordLossesParts {
  readonly db: Database;
  readonly places: IdAllocation;
  readonly losses: LossLedger;
  readonly gone: ExpiredRanges;
  /** By epoch: the side file as it was. */
  readonly marks: ReadonlyMap<Epoch, HighWaterMark>;
  /** The file was whole and of a schema that kept no account of what expired: what is not there has expired. */
  readonly gapsExpired: boolean;
  /** What is said of what was lost. */
  readonly detail: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Yields between slices, each of which is to run within a transaction. */
export function* recordLosses(parts: RecordLossesParts): Generator<() => void> {
  const { db, marks, places, now } = parts;
  const placed = db
    .prepare<[number], { epoch: Epoch; last_seq: number }>(
      'SELECT epoch, last_seq FROM epochs WHERE base < ? AND last_seq IS NOT NULL',
    )
    .all(FRESH_BASE);
  const lastSeqs = new Map(placed.map(({ epoch, last_seq }) => [epoch, last_seq]));
  for (const { epoch, lastSeq, settledThrough } of marks.values()) {
    if (lastSeqs.has(epoch) || settledThrough < lastSeq)
      lastSeqs.set(epoch, Math.max(lastSeq, lastSeqs.get(epoch) ?? 0));
  }
  const slices = new Slices(parts);
  for (const [epoch, lastSeq] of lastSeqs) {
    for (let from = 1; from <= lastSeq; ) {
      yield () => {
        if (from === 1) places.make(epoch, lastSeq, now());
        from = slices.settle(epoch, from, lastSeq) + 1;
      };
    }
  }
}

class Slices {
  readonly #with: RecordLossesParts;
  readonly #rows: ReturnType<typeof seqStates>;
  readonly #hourBefore: ReturnType<typeof lastHourBetween>;
  readonly #lost: Statement<[Epoch, number, number], { first: number; last: number; reason: LossReason }>;
  readonly #forgetRefs: Statement<[number, number]>;
  readonly #goneIn: Statement<[Epoch, number, number], { first: number; last: number }>;

  constructor(parts: RecordLossesParts) {
    const { db } = parts;
    this.#with = parts;
    this.#rows = seqStates(db);
    this.#hourBefore = lastHourBetween(db);
    this.#lost = db.prepare(
      'SELECT first_seq AS first, first_seq + count - 1 AS last, reason FROM losses WHERE epoch = ? AND first_seq <= ? AND first_seq + count > ?',
    );
    this.#forgetRefs = db.prepare('DELETE FROM refs WHERE id BETWEEN ? AND ?');
    this.#goneIn = db.prepare(
      'SELECT first_seq AS first, last_seq AS last FROM gone WHERE epoch = ? AND first_seq <= ? AND last_seq >= ?',
    );
  }

  /** @returns the last seq that it settled */
  settle(epoch: Epoch, from: number, lastSeq: number): number {
    const { marks, places, gone, gapsExpired } = this.#with;
    const base = places.baseOf(epoch)!;
    const rows = this.#rows.all(base, base + from, base + lastSeq, ROWS_AT_ONCE);
    const to = rows.length === ROWS_AT_ONCE ? rows.at(-1)!.seq : lastSeq;
    const pairs = (found: readonly { first: number; last: number }[]): Ranges =>
      union(found.map(({ first, last }) => [first, last] as const));
    const records = this.#lost.all(epoch, to, from);
    const lost = pairs(records);
    const present = union(rows.map(({ seq }) => [seq, seq] as const));
    const expired = pairs(this.#goneIn.all(epoch, to, from));
    const missing = difference([[from, to]], union([...present, ...lost, ...expired]));
    // A ref that is left in a page of what is lost was brought over where the record of that was found after it.
    const isElsewhere = [[1, from - 1], [to + 1, Number.MAX_SAFE_INTEGER], ...present, ...expired] as const;
    const repeatable = pairs(records.filter(({ reason }) => REPEATABLE.includes(reason)));
    for (const [first, last] of difference(repeatable, union(isElsewhere)))
      this.#forgetRefs.run(base + first, base + last);
    const settledThrough = gapsExpired && !marks.has(epoch) ? lastSeq : (marks.get(epoch)?.settledThrough ?? 0);
    for (const [firstSeq, last] of difference(missing, [[settledThrough + 1, Number.MAX_SAFE_INTEGER]])) {
      gone.add({ epoch, firstSeq, lastSeq: last });
    }
    for (const [firstSeq, last] of difference(missing, [[1, settledThrough]])) {
      this.#lose(epoch, firstSeq, last, this.#hourNear(epoch, base, firstSeq, rows), 'unreadable', this.#with.detail);
    }
    for (const { seq, hour, state, reason } of rows) {
      if (state !== STATE.quarantined || difference([[seq, seq]], lost).length === 0) continue;
      this.#lose(epoch, seq, seq, hour, 'quarantined', reason);
    }
    return to;
  }

  #lose(
    epoch: Epoch,
    firstSeq: number,
    lastSeq: number,
    hour: number,
    reason: 'unreadable' | 'quarantined',
    detail: string | null,
  ): void {
    this.#with.losses.write({ epoch, firstSeq, lastSeq, hour, reason, detail }, this.#with.now());
  }

  /** Of the row before, else of the one after, else what the side file knows. */
  #hourNear(epoch: Epoch, base: number, seq: number, rows: readonly SeqState[]): number {
    const mark = this.#with.marks.get(epoch);
    return (
      this.#hourBefore.get(base + 1, base + seq - 1) ??
      rows.find((row) => row.seq > seq)?.hour ??
      (mark !== undefined && mark.newestHour > 0 ? mark.newestHour : Math.floor(this.#with.now() / HOUR_MS))
    );
  }
}

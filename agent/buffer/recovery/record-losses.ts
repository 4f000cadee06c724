/**
 * Accounts for every seq of the recovered epochs, at the end of recovery: a seq that is neither a
 * row, nor expired, nor in the ledger, and not known to be settled, is recorded as lost.
 * Idempotent.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import { difference, type Ranges, union } from '../../../shared/seq-ranges.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import type { HighWaterMark } from '../high-water/high-water-mark.ts';
import { FRESH_BASE } from '../tables/epochs.ts';
import { STATE } from '../tables/event-row.ts';
import { lastHourBetween, type SeqState, seqStates } from '../tables/event-statements.ts';
import type { ExpiredRanges } from '../tables/expired-ranges.ts';
import type { LossLedger } from '../tables/loss-ledger.ts';
import { type LossReason, REPEATABLE } from '../tables/loss-record.ts';
import type { IdAllocation } from './id-allocation.ts';

const ROWS_AT_ONCE = 2_000;

export interface RecordLossesParts {
  readonly db: Database;
  readonly ids: IdAllocation;
  readonly losses: LossLedger;
  readonly expired: ExpiredRanges;
  /** By epoch: the side file's marks when the files were set aside. */
  readonly marks: ReadonlyMap<Epoch, HighWaterMark>;
  /** Undamaged, of a schema that did not record expired rows: missing rows have expired. */
  readonly gapsExpired: boolean;
  /** The detail of the loss records. */
  readonly detail: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Yields slices of the work, each of which has to run in a transaction. */
export function* recordLosses(parts: RecordLossesParts): Generator<() => void> {
  const { db, marks, ids, now } = parts;
  const recovered = db
    .prepare<[number], { epoch: Epoch; last_seq: number }>(
      'SELECT epoch, last_seq FROM epochs WHERE base < ? AND last_seq IS NOT NULL',
    )
    .all(FRESH_BASE);
  const lastSeqs = new Map(recovered.map(({ epoch, last_seq }) => [epoch, last_seq]));
  for (const { epoch, lastSeq, settledThrough } of marks.values()) {
    if (lastSeqs.has(epoch) || settledThrough < lastSeq)
      lastSeqs.set(epoch, Math.max(lastSeq, lastSeqs.get(epoch) ?? 0));
  }
  const slices = new Slices(parts);
  for (const [epoch, lastSeq] of lastSeqs) {
    for (let from = 1; from <= lastSeq; ) {
      yield () => {
        if (from === 1) ids.allocate(epoch, lastSeq, now());
        from = slices.account(epoch, from, lastSeq) + 1;
      };
    }
  }
}

class Slices {
  readonly #with: RecordLossesParts;
  readonly #rows: ReturnType<typeof seqStates>;
  readonly #hourBefore: ReturnType<typeof lastHourBetween>;
  readonly #recorded: Statement<[Epoch, number, number], { first: number; last: number; reason: LossReason }>;
  readonly #deleteRefs: Statement<[number, number]>;
  readonly #expiredIn: Statement<[Epoch, number, number], { first: number; last: number }>;

  constructor(parts: RecordLossesParts) {
    const { db } = parts;
    this.#with = parts;
    this.#rows = seqStates(db);
    this.#hourBefore = lastHourBetween(db);
    this.#recorded = db.prepare(
      'SELECT first_seq AS first, first_seq + count - 1 AS last, reason FROM losses WHERE epoch = ? AND first_seq <= ? AND first_seq + count > ?',
    );
    this.#deleteRefs = db.prepare('DELETE FROM refs WHERE id BETWEEN ? AND ?');
    this.#expiredIn = db.prepare(
      'SELECT first_seq AS first, last_seq AS last FROM gone WHERE epoch = ? AND first_seq <= ? AND last_seq >= ?',
    );
  }

  /** @returns the last seq that is accounted for */
  account(epoch: Epoch, from: number, lastSeq: number): number {
    const { marks, ids, expired, gapsExpired } = this.#with;
    const base = ids.baseOf(epoch)!;
    const rows = this.#rows.all(base, base + from, base + lastSeq, ROWS_AT_ONCE);
    const to = rows.length === ROWS_AT_ONCE ? rows.at(-1)!.seq : lastSeq;
    const pairs = (found: readonly { first: number; last: number }[]): Ranges =>
      union(found.map(({ first, last }) => [first, last] as const));
    const records = this.#recorded.all(epoch, to, from);
    const lost = pairs(records);
    const present = union(rows.map(({ seq }) => [seq, seq] as const));
    const expiredSeqs = pairs(this.#expiredIn.all(epoch, to, from));
    const missing = difference([[from, to]], union([...present, ...lost, ...expiredSeqs]));
    // The ref of a lost event was imported when it was found before the loss record.
    const keptRefs = [[1, from - 1], [to + 1, Number.MAX_SAFE_INTEGER], ...present, ...expiredSeqs] as const;
    const repeatable = pairs(records.filter(({ reason }) => REPEATABLE.includes(reason)));
    for (const [first, last] of difference(repeatable, union(keptRefs)))
      this.#deleteRefs.run(base + first, base + last);
    const settledThrough = gapsExpired && !marks.has(epoch) ? lastSeq : (marks.get(epoch)?.settledThrough ?? 0);
    for (const [firstSeq, last] of difference(missing, [[settledThrough + 1, Number.MAX_SAFE_INTEGER]])) {
      expired.add({ epoch, firstSeq, lastSeq: last });
    }
    for (const [firstSeq, last] of difference(missing, [[1, settledThrough]])) {
      this.#record(epoch, firstSeq, last, this.#hourNear(epoch, base, firstSeq, rows), 'unreadable', this.#with.detail);
    }
    for (const { seq, hour, state, reason } of rows) {
      if (state !== STATE.quarantined || difference([[seq, seq]], lost).length === 0) continue;
      this.#record(epoch, seq, seq, hour, 'quarantined', reason);
    }
    return to;
  }

  #record(
    epoch: Epoch,
    firstSeq: number,
    lastSeq: number,
    hour: number,
    reason: 'unreadable' | 'quarantined',
    detail: string | null,
  ): void {
    this.#with.losses.write({ epoch, firstSeq, lastSeq, hour, reason, detail }, this.#with.now());
  }

  /** The hour of the row before, else of the one after, else that of the side file. */
  #hourNear(epoch: Epoch, base: number, seq: number, rows: readonly SeqState[]): number {
    const mark = this.#with.marks.get(epoch);
    return (
      this.#hourBefore.get(base + 1, base + seq - 1) ??
      rows.find((row) => row.seq > seq)?.hour ??
      (mark !== undefined && mark.newestHour > 0 ? mark.newestHour : Math.floor(this.#with.now() / HOUR_MS))
    );
  }
}

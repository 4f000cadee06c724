/**
 * The loss ledger: one record for each run of lost events. A record is written in the transaction
 * that loses its events, is shipped, and then kept: `verify` accounts for their seqs by it.
 *
 * A record that was never offered for shipping grows with losses next to it, so that a long outage
 * makes few records.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import { MAX_LOSS_SEQS } from '../../../shared/wire/loss.ts';
import type { PendingLoss, SeqRange } from '../../port/outbox.ts';
import { asPending, isSound, type LossReason, type LossRecord, type LossRow, lossSum } from './loss-record.ts';

export interface LossCounts {
  /** Lost events, over all records. */
  events: number;
  records: number;
  unsent: number;
}

/** A run of consecutive seqs that are lost for one reason. */
export interface LostRange extends SeqRange {
  /** Hours since 1970. */
  readonly hour: number;
  readonly reason: LossReason;
  readonly detail: string | null;
}

const COLUMNS = 'id, epoch, first_seq, count, hour, reason, at, detail, acked, sum';

export function countLosses(db: Database): LossCounts {
  const row = db
    .prepare<[], { records: number; events: number | null }>(
      'SELECT count(*) AS records, sum(count) AS events FROM losses',
    )
    .get()!;
  const unsent = db.prepare<[], number>('SELECT count(*) FROM losses WHERE acked = 0').pluck().get()!;
  return { events: row.events ?? 0, records: row.records, unsent };
}

export class LossLedger {
  readonly #insert: Statement<[Epoch, number, number, number, string, number, string | null, number, number]>;
  readonly #newest: Statement<[], LossRow>;
  readonly #grow: Statement<[number, number, number]>;
  readonly #unsent: Statement<[number, number], LossRow>;
  readonly #one: Statement<[number], LossRow>;
  readonly #setAcked: Statement<[number, number, number]>;
  readonly #sent: Statement<[number, number], LossRow>;
  readonly #lastSent: Statement<[number], LossRow>;
  readonly #damaged: (detail: string) => void;
  /** Records up to this id may be in flight: they no longer grow. */
  #offered = 0;
  /** Damaged records that were reported. */
  readonly #reported = new Set<number>();

  /** @param damaged is called once for each damaged record */
  constructor(db: Database, damaged: (detail: string) => void) {
    this.#damaged = damaged;
    this.#insert = db.prepare(
      'INSERT INTO losses (epoch, first_seq, count, hour, reason, at, detail, acked, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#newest = db.prepare(`SELECT ${COLUMNS} FROM losses ORDER BY id DESC LIMIT 1`);
    this.#grow = db.prepare('UPDATE losses SET count = ?, sum = ? WHERE id = ?');
    this.#unsent = db.prepare(`SELECT ${COLUMNS} FROM losses WHERE acked = 0 AND id > ? ORDER BY id LIMIT ?`);
    this.#one = db.prepare(`SELECT ${COLUMNS} FROM losses WHERE id = ?`);
    this.#setAcked = db.prepare('UPDATE losses SET acked = ?, sum = ? WHERE id = ?');
    this.#sent = db.prepare(`SELECT ${COLUMNS} FROM losses WHERE acked <> 0 AND id > ? ORDER BY id LIMIT ?`);
    this.#lastSent = db.prepare(`SELECT ${COLUMNS} FROM losses WHERE acked <> 0 ORDER BY id DESC LIMIT ?`);
  }

  /**
   * Records a loss, in the transaction that deletes or quarantines the events.
   *
   * @returns the increments of the counts
   */
  write({ epoch, firstSeq, lastSeq, hour, reason, detail }: LostRange, at: number): LossCounts {
    const added: LossCounts = { events: lastSeq - firstSeq + 1, records: 0, unsent: 0 };
    let first = firstSeq;
    const newest = this.#newest.get();
    if (
      newest !== undefined &&
      newest.epoch === epoch &&
      newest.first_seq + newest.count === first &&
      this.#grows(newest, hour, reason, detail)
    ) {
      const count = Math.min(MAX_LOSS_SEQS, newest.count + lastSeq - first + 1);
      this.#grow.run(count, lossSum({ ...newest, count }), newest.id);
      first = newest.first_seq + count;
    }
    while (first <= lastSeq) {
      const count = Math.min(MAX_LOSS_SEQS, lastSeq - first + 1);
      const record: LossRecord = { epoch, first_seq: first, count, hour, reason, at, detail, acked: 0 };
      this.#insert.run(epoch, first, count, hour, reason, at, detail, 0, lossSum(record));
      added.records++;
      added.unsent++;
      first += count;
    }
    return added;
  }

  /** Records that the collector has not acknowledged, the oldest first. */
  unacknowledged(limit: number): PendingLoss[] {
    const found: PendingLoss[] = [];
    for (let after = 0; found.length < limit; ) {
      const rows = this.#unsent.all(after, limit - found.length);
      if (rows.length === 0) break;
      for (const row of rows) {
        after = row.id;
        if (isSound(row)) found.push(asPending(row));
        else this.#report(row.id);
      }
    }
    this.#offered = Math.max(this.#offered, found.at(-1)?.id ?? 0);
    return found;
  }

  /** The collector has this record. @returns by how many the unsent records decrease: 0 or 1 */
  acknowledge(id: number, at: number): number {
    const row = this.#one.get(id);
    if (row === undefined || row.acked !== 0 || !isSound(row)) return 0;
    this.#setAcked.run(at, lossSum({ ...row, acked: at }), id);
    return 1;
  }

  /**
   * Offers acknowledged records again: at most `limit` with an id above `after`.
   *
   * @returns how many records it read (`looked`), the last one's id, and how many more are unsent
   */
  reoffer(after: number, limit: number): { looked: number; last: number; unsent: number } {
    const rows = this.#sent.all(after, limit);
    let unsent = 0;
    for (const row of rows) {
      if (!isSound(row)) continue;
      this.#setAcked.run(0, lossSum({ ...row, acked: 0 }), row.id);
      unsent++;
    }
    return { looked: rows.length, last: rows.at(-1)?.id ?? after, unsent };
  }

  /** The newest acknowledged records that were acknowledged later than this. */
  lastAcked(after: number, limit: number): LossRow[] {
    return this.#lastSent.all(limit).filter((row) => row.acked > after && isSound(row));
  }

  #grows(newest: LossRow, hour: number, reason: string, detail: string | null): boolean {
    return (
      newest.id > this.#offered &&
      newest.acked === 0 &&
      newest.hour === hour &&
      newest.reason === reason &&
      newest.detail === detail &&
      newest.count < MAX_LOSS_SEQS &&
      isSound(newest)
    );
  }

  #report(id: number): void {
    if (this.#reported.has(id)) return;
    this.#reported.add(id);
    this.#damaged(`loss record ${id} is damaged`);
  }
}

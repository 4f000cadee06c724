/**
 * Expired events (table `gone`): acked, and the row no longer kept. Closed ranges of seqs for each
 * epoch; neighbours are merged.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import type { SeqRange } from '../../port/outbox.ts';

interface Range {
  first_seq: number;
  last_seq: number;
}

export class ExpiredRanges {
  readonly #before: Statement<[Epoch, number], Range>;
  readonly #delete: Statement<[Epoch, number]>;
  readonly #insert: Statement<[Epoch, number, number]>;

  constructor(db: Database) {
    this.#before = db.prepare(
      'SELECT first_seq, last_seq FROM gone WHERE epoch = ? AND first_seq <= ? ORDER BY first_seq DESC LIMIT 1',
    );
    this.#delete = db.prepare('DELETE FROM gone WHERE epoch = ? AND first_seq = ?');
    this.#insert = db.prepare('INSERT INTO gone (epoch, first_seq, last_seq) VALUES (?, ?, ?)');
  }

  has(epoch: Epoch, seq: number): boolean {
    return (this.#before.get(epoch, seq)?.last_seq ?? 0) >= seq;
  }

  /** Runs in the transaction that deletes the rows. */
  add({ epoch, firstSeq, lastSeq }: SeqRange): void {
    let first = firstSeq;
    let last = lastSeq;
    for (;;) {
      const found = this.#before.get(epoch, last + 1);
      if (found === undefined || found.last_seq < first - 1) break;
      first = Math.min(first, found.first_seq);
      last = Math.max(last, found.last_seq);
      this.#delete.run(epoch, found.first_seq);
    }
    this.#insert.run(epoch, first, last);
  }
}

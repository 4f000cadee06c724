/** The seqs that the ledger records as lost, by epoch. Reads only the records added since. */
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import { type Ranges, union } from '../../../shared/seq-ranges.ts';
import { isSound, type LossRow } from '../tables/loss-record.ts';

export class RecordedLosses {
  readonly #from: Statement<[number], LossRow>;
  readonly #lost = new Map<Epoch, Ranges>();
  #lastId = 0;
  #count = 0;
  readonly #damaged: number[] = [];

  constructor(db: Database) {
    this.#from = db.prepare('SELECT * FROM losses WHERE id >= ? ORDER BY id');
  }

  /** Records read so far. */
  get count(): number {
    return this.#count;
  }

  /** Ids of records that do not hold what was written. */
  get damaged(): readonly number[] {
    return this.#damaged;
  }

  /** Reads what was added since the last call, and the newest record again: it may have grown. */
  of(epoch: Epoch): Ranges {
    const added = new Map<Epoch, [number, number][]>();
    for (const record of this.#from.iterate(this.#lastId)) {
      if (record.id !== this.#lastId) this.#count++;
      this.#lastId = record.id;
      if (!isSound(record)) {
        if (this.#damaged.at(-1) !== record.id) this.#damaged.push(record.id);
        continue;
      }
      const ranges = added.get(record.epoch) ?? [];
      ranges.push([record.first_seq, record.first_seq + record.count - 1]);
      added.set(record.epoch, ranges);
    }
    for (const [of, ranges] of added) this.#lost.set(of, union([...(this.#lost.get(of) ?? []), ...ranges]));
    return this.#lost.get(epoch) ?? [];
  }
}

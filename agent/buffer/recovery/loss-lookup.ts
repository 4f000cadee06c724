/**
 * Looks up single events in the loss records, once for each found row. The records are read at
 * once, as they have no index by seq.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import { type Ranges, union } from '../../../shared/seq-ranges.ts';
import { type LossReason, REPEATABLE } from '../tables/loss-record.ts';

interface Row {
  readonly epoch: Epoch;
  readonly first: number;
  readonly last: number;
}

export class LossLookup {
  readonly #lost: Records;
  readonly #duplicates: Records;

  constructor(db: Database) {
    const records = db.prepare<[string], Row>(
      'SELECT epoch, first_seq AS first, first_seq + count - 1 AS last FROM losses WHERE reason IN (SELECT value FROM json_each(?))',
    );
    this.#lost = new Records(records, REPEATABLE);
    this.#duplicates = new Records(records, ['duplicate']);
  }

  /** Call it when records were, or may have been, added. */
  changed(): void {
    this.#lost.forget();
    this.#duplicates.forget();
  }

  /** Whether the event itself is lost, so that a retry of it is another event. */
  isLost(epoch: Epoch, seq: number): boolean {
    return this.#lost.has(epoch, seq);
  }

  /** Whether it is recorded as a duplicate of an event that counts. */
  isDuplicate(epoch: Epoch, seq: number): boolean {
    return this.#duplicates.has(epoch, seq);
  }
}

class Records {
  readonly #statement: Statement<[string], Row>;
  readonly #reasons: readonly LossReason[];
  /** Null: to be read. */
  #ranges: ReadonlyMap<Epoch, Ranges> | null = null;

  constructor(statement: Statement<[string], Row>, reasons: readonly LossReason[]) {
    this.#statement = statement;
    this.#reasons = reasons;
  }

  forget(): void {
    this.#ranges = null;
  }

  has(epoch: Epoch, seq: number): boolean {
    this.#ranges ??= this.#read();
    return this.#ranges.get(epoch)?.some(([first, last]) => first <= seq && seq <= last) ?? false;
  }

  #read(): Map<Epoch, Ranges> {
    const byEpoch = Map.groupBy(this.#statement.all(JSON.stringify(this.#reasons)), ({ epoch }) => epoch);
    return new Map(
      [...byEpoch].map(([epoch, rows]) => [epoch, union(rows.map(({ first, last }) => [first, last] as const))]),
    );
  }
}

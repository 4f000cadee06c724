/** What the loss records say of single events, which are looked up for each row that is found: read at once, as there is no index of them. */
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
  readonly #givenUp: Records;
  readonly #duplicates: Records;

  constructor(db: Database) {
    const records = db.prepare<[string], Row>(
      'SELECT epoch, first_seq AS first, first_seq + count - 1 AS last FROM losses WHERE reason IN (SELECT value FROM json_each(?))',
    );
    this.#givenUp = new Records(records, REPEATABLE);
    this.#duplicates = new Records(records, ['duplicate']);
  }

  /** Records came, or may have come. */
  changed(): void {
    this.#givenUp.forget();
    this.#duplicates.forget();
  }

  /** Whether it is lost for good, so that its repeat is another event. */
  isLost(epoch: Epoch, seq: number): boolean {
    return this.#givenUp.has(epoch, seq);
  }

  /** Whether it was given up as the repeat of one that counts. */
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

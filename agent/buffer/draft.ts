/** What a transaction is about to change, for the memory that follows the rows once it is durable. */
import type { IdRange, PendingSet } from './pending-set.ts';

type Hours = Map<number, number>;

export class Draft {
  /** Bytes of the requests that the group has stored so far. */
  bytes = 0;
  readonly #firstId: number;
  lastId: number;
  readonly #accepted: Hours = new Map();
  readonly #settled: { readonly range: IdRange; readonly hours: ReadonlyMap<number, number> }[] = [];
  acked = 0;
  quarantined = 0;
  refs = 0;
  refConflicts = 0;

  /** @param lastId highest id given out before */
  constructor(lastId: number) {
    this.#firstId = lastId + 1;
    this.lastId = lastId;
  }

  /** The next id goes to an event of this hour. */
  accept(hour: number): number {
    this.#accepted.set(hour, (this.#accepted.get(hour) ?? 0) + 1);
    return ++this.lastId;
  }

  /** @param hours how many events of the range left pending, by hour */
  settle(range: IdRange, hours: ReadonlyMap<number, number>): void {
    this.#settled.push({ range, hours });
  }

  get acceptedAny(): boolean {
    return this.lastId >= this.#firstId;
  }

  /** Once durable. @returns false when rows and memory disagree: see `PendingSet.remove` */
  applyTo(pending: PendingSet): boolean {
    if (this.acceptedAny) pending.append({ first: this.#firstId, last: this.lastId }, this.#accepted);
    return this.#settled.every(({ range, hours }) => pending.remove(range, hours));
  }
}

/** What a transaction changes, for the memory that follows the rows once it is durable. */
import type { LossCounts } from '../tables/loss-ledger.ts';
import type { IdRange, PendingSet } from '../tables/pending-set.ts';

type Hours = ReadonlyMap<number, number>;

export class ChangeSet {
  /** Bytes that the transaction has written so far, about. */
  bytes = 0;
  /** Rows that it has evicted. */
  evicted = 0;
  readonly #firstId: number;
  lastId: number;
  readonly #accepted = new Map<number, number>();
  /** In the order in which they happen. */
  readonly #moves: (
    | { readonly kind: 'add' | 'remove'; readonly range: IdRange; readonly hours: Hours }
    | { readonly kind: 'move'; readonly hours: Hours }
  )[] = [];
  acked = 0;
  quarantined = 0;
  refs = 0;
  refConflicts = 0;
  readonly losses: LossCounts = { events: 0, records: 0, unsent: 0 };

  /** @param lastId highest id given out before */
  constructor(lastId: number) {
    this.#firstId = lastId + 1;
    this.lastId = lastId;
  }

  /** The latest hour of the accepted events; null when there are none. */
  newestHour: number | null = null;

  /** The next id goes to an event of this hour. */
  append(hour: number): number {
    this.newestHour = Math.max(hour, this.newestHour ?? 0);
    this.#accepted.set(hour, (this.#accepted.get(hour) ?? 0) + 1);
    return ++this.lastId;
  }

  /** @param hours how many events of the range left pending, by hour */
  removePending(range: IdRange, hours: Hours): void {
    this.#moves.push({ kind: 'remove', range, hours });
  }

  /** @param hours how many events of the range became pending again, by hour */
  addPending(range: IdRange, hours: Hours): void {
    this.#moves.push({ kind: 'add', range, hours });
  }

  /** @param hours how many more pending events an hour has, or fewer */
  moveHours(hours: Hours): void {
    if (hours.size > 0) this.#moves.push({ kind: 'move', hours });
  }

  addLosses({ events, records, unsent }: LossCounts): void {
    this.losses.events += events;
    this.losses.records += records;
    this.losses.unsent += unsent;
  }

  /** Ids up to this one were there before. */
  get lastIdBefore(): number {
    return this.#firstId - 1;
  }

  /** Whether there is more to ship. */
  get addedAny(): boolean {
    return this.lastId >= this.#firstId || this.#moves.some(({ kind }) => kind === 'add');
  }

  /** Once durable. @returns false when rows and memory disagree: see `PendingSet.remove` */
  applyTo(pending: PendingSet): boolean {
    if (this.lastId >= this.#firstId) pending.add({ first: this.#firstId, last: this.lastId }, this.#accepted);
    return this.#moves.every((move) => {
      if (move.kind === 'remove') return pending.remove(move.range, move.hours);
      if (move.kind === 'move') return pending.move(move.hours);
      pending.add(move.range, move.hours);
      return true;
    });
  }
}

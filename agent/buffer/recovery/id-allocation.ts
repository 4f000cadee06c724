/**
 * Where brought over epochs lie among the ids of a fresh database. Its own openings have ids from `FRESH_BASE` on; each older epoch gets a
 * stretch of ids below it, in the order in which the epochs were opened, as far as that is known. Ids of the damaged file are not looked at:
 * no sum guards them.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import type { HighWaterMark } from '../high-water/high-water-mark.ts';
import { MAX_SEQ } from '../sqlite-format/carved-row.ts';

const STRETCH = MAX_SEQ + 1;

export class IdAllocation {
  readonly #bases = new Map<Epoch, number>();
  /** Stretches in which there is an epoch already. */
  readonly #taken = new Set<number>();
  /** Stretches that the transaction gave away which is not durable yet. */
  readonly #made = new Map<Epoch, number>();
  readonly #order: ReadonlyMap<Epoch, HighWaterMark & { readonly index: number }>;
  readonly #insert: Statement<[Epoch, number, number, number]>;
  readonly #reach: Statement<[number, Epoch]>;

  constructor(db: Database, marks: readonly HighWaterMark[]) {
    const sorted = [...marks].sort((a, b) => a.openedAt - b.openedAt);
    this.#order = new Map(sorted.map((mark, index) => [mark.epoch, { ...mark, index }]));
    for (const { epoch, base } of db
      .prepare<[], { epoch: Epoch; base: number }>('SELECT epoch, base FROM epochs')
      .all()) {
      this.#bases.set(epoch, base);
      this.#taken.add(Math.floor(base / STRETCH));
    }
    this.#insert = db.prepare('INSERT INTO epochs (epoch, base, opened_at, last_seq) VALUES (?, ?, ?, ?)');
    this.#reach = db.prepare('UPDATE epochs SET last_seq = max(last_seq, ?) WHERE epoch = ? AND last_seq IS NOT NULL');
  }

  /** An event's id less its seq; undefined when the epoch has no place yet. */
  baseOf(epoch: Epoch): number | undefined {
    return this.#bases.get(epoch);
  }

  /**
   * Gives the epoch a place unless it has one, and room up to a seq. Within a transaction.
   *
   * @param now milliseconds since 1970, for an epoch of which nothing tells when it was opened
   */
  make(epoch: Epoch, lastSeq: number, now: number): { readonly base: number; readonly isNew: boolean } {
    const known = this.#bases.get(epoch);
    if (known !== undefined) {
      this.#reach.run(lastSeq, epoch);
      return { base: known, isNew: false };
    }
    const mark = this.#order.get(epoch);
    let stretch = mark?.index ?? this.#order.size;
    while (this.#taken.has(stretch)) stretch++;
    const base = stretch * STRETCH;
    this.#insert.run(epoch, base, mark?.openedAt ?? now, lastSeq);
    this.#bases.set(epoch, base);
    this.#taken.add(stretch);
    this.#made.set(epoch, stretch);
    return { base, isNew: true };
  }

  committed(): void {
    this.#made.clear();
  }

  /** What the transaction gave a place has none. */
  rolledBack(): void {
    for (const [epoch, stretch] of this.#made) {
      this.#bases.delete(epoch);
      this.#taken.delete(stretch);
    }
    this.#made.clear();
  }
}

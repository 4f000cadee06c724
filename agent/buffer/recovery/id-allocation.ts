/**
 * Allocates ids of a fresh database to recovered epochs. The database's own epochs have ids from
 * `FRESH_BASE` on. Each older epoch gets a block of ids below it, in the order in which the epochs
 * were opened, as far as that is known. Ids of the damaged file are not used: no checksum guards
 * them.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import type { HighWaterMark } from '../high-water/high-water-mark.ts';
import { MAX_SEQ } from '../sqlite-format/carved-row.ts';

/** Ids of a block. */
const BLOCK = MAX_SEQ + 1;

export class IdAllocation {
  readonly #bases = new Map<Epoch, number>();
  /** Blocks that belong to an epoch. */
  readonly #taken = new Set<number>();
  /** Blocks that the running transaction allocated. */
  readonly #uncommitted = new Map<Epoch, number>();
  readonly #marks: ReadonlyMap<Epoch, HighWaterMark & { readonly index: number }>;
  readonly #insert: Statement<[Epoch, number, number, number]>;
  readonly #raiseLastSeq: Statement<[number, Epoch]>;

  constructor(db: Database, marks: readonly HighWaterMark[]) {
    const sorted = [...marks].sort((a, b) => a.openedAt - b.openedAt);
    this.#marks = new Map(sorted.map((mark, index) => [mark.epoch, { ...mark, index }]));
    for (const { epoch, base } of db
      .prepare<[], { epoch: Epoch; base: number }>('SELECT epoch, base FROM epochs')
      .all()) {
      this.#bases.set(epoch, base);
      this.#taken.add(Math.floor(base / BLOCK));
    }
    this.#insert = db.prepare('INSERT INTO epochs (epoch, base, opened_at, last_seq) VALUES (?, ?, ?, ?)');
    this.#raiseLastSeq = db.prepare(
      'UPDATE epochs SET last_seq = max(last_seq, ?) WHERE epoch = ? AND last_seq IS NOT NULL',
    );
  }

  /** An event's id less its seq; undefined when the epoch has no block yet. */
  baseOf(epoch: Epoch): number | undefined {
    return this.#bases.get(epoch);
  }

  /**
   * Allocates a block to the epoch unless it has one, and raises its last seq. Runs in a
   * transaction.
   *
   * @param now milliseconds since 1970: when the epoch was opened, if that is not known
   */
  allocate(epoch: Epoch, lastSeq: number, now: number): { readonly base: number; readonly isNew: boolean } {
    const known = this.#bases.get(epoch);
    if (known !== undefined) {
      this.#raiseLastSeq.run(lastSeq, epoch);
      return { base: known, isNew: false };
    }
    const mark = this.#marks.get(epoch);
    let block = mark?.index ?? this.#marks.size;
    while (this.#taken.has(block)) block++;
    const base = block * BLOCK;
    this.#insert.run(epoch, base, mark?.openedAt ?? now, lastSeq);
    this.#bases.set(epoch, base);
    this.#taken.add(block);
    this.#uncommitted.set(epoch, block);
    return { base, isNew: true };
  }

  committed(): void {
    this.#uncommitted.clear();
  }

  /** Frees the blocks that the transaction allocated. */
  rolledBack(): void {
    for (const [epoch, block] of this.#uncommitted) {
      this.#bases.delete(epoch);
      this.#taken.delete(block);
    }
    this.#uncommitted.clear();
  }
}

/**
 * De-duplication by the till's own id: a retry with the same (type, ref) and content is recognised
 * for 24 hours.
 */
import type { Buffer } from 'node:buffer';
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import { DAY_MS } from '../../../shared/time.ts';
import type { IdRange } from './pending-set.ts';

const REF_KEPT_MS = DAY_MS;

/** An earlier event with the same type and ref; `conflict`: with other content. */
export interface KnownRef {
  readonly kind: 'same' | 'conflict';
  readonly epoch: Epoch;
  readonly seq: number;
}

interface StoredRef {
  readonly epoch: Epoch;
  readonly seq: number;
  /** The event's id. */
  readonly id: number;
  /** When it was accepted, by the clock of that time. */
  readonly at: number;
}

export class DedupIndex {
  readonly #age: (id: number, at: number) => number;
  readonly #isKnown: Statement<[string, string], 0 | 1>;
  readonly #any: Statement<[string, string], StoredRef>;
  readonly #same: Statement<[string, string, Buffer], StoredRef>;
  readonly #insert: Statement<[number, string, string, Buffer, Epoch, number, number]>;
  readonly #oldest: Statement<[number], Pick<StoredRef, 'id' | 'at'>>;
  readonly #expire: Statement<[number]>;
  readonly #delete: Statement<[number, number]>;
  readonly #evict: Statement<[number, number]>;

  /**
   * @param age how long ago an event was accepted, milliseconds, independent of clock changes since
   */
  constructor(db: Database, age: (id: number, at: number) => number) {
    this.#age = age;
    // Nearly every ref is new. A search from the front that finds nothing costs a fifth of one from
    // the back.
    this.#isKnown = db
      .prepare<[string, string], 0 | 1>('SELECT EXISTS (SELECT 1 FROM refs WHERE type = ? AND ref = ?)')
      .pluck();
    // The newest one decides: while it is kept, a retry of it is not stored. There are two
    // statements, as one that prefers the same content would have to sort.
    this.#any = db.prepare('SELECT id, at, epoch, seq FROM refs WHERE type = ? AND ref = ? ORDER BY id DESC LIMIT 1');
    this.#same = db.prepare(
      'SELECT id, at, epoch, seq FROM refs WHERE type = ? AND ref = ? AND content = ? ORDER BY id DESC LIMIT 1',
    );
    this.#insert = db.prepare('INSERT INTO refs (id, type, ref, content, epoch, seq, at) VALUES (?, ?, ?, ?, ?, ?, ?)');
    // Ids ascend with time, so the oldest refs come first.
    this.#oldest = db.prepare('SELECT id, at FROM refs ORDER BY id LIMIT ?');
    this.#expire = db.prepare('DELETE FROM refs WHERE id <= ?');
    this.#delete = db.prepare('DELETE FROM refs WHERE id BETWEEN ? AND ?');
    this.#evict = db.prepare('DELETE FROM refs WHERE id IN (SELECT id FROM refs WHERE id <= ? ORDER BY id LIMIT ?)');
  }

  /**
   * The newest event with this ref and content, else the newest one with this ref; null when the
   * ref is not known.
   *
   * @param others further hashes of the same content
   */
  find(type: string, ref: string, content: Buffer, others: () => readonly Buffer[]): KnownRef | null {
    if (this.#isKnown.get(type, ref) === 0) return null;
    const newest = this.#any.get(type, ref)!;
    if (!this.#isKept(newest)) return null;
    const same =
      this.#sameAs(type, ref, content) ??
      others()
        .map((other) => this.#sameAs(type, ref, other))
        .find((found) => found !== null);
    return same === undefined
      ? { kind: 'conflict', epoch: newest.epoch, seq: newest.seq }
      : { kind: 'same', epoch: same.epoch, seq: same.seq };
  }

  #sameAs(type: string, ref: string, content: Buffer): StoredRef | null {
    const same = this.#same.get(type, ref, content);
    return same !== undefined && this.#isKept(same) ? same : null;
  }

  insert(id: number, type: string, ref: string, content: Buffer, epoch: Epoch, seq: number, at: number): void {
    this.#insert.run(id, type, ref, content, epoch, seq, at);
  }

  /** Deletes at most `limit` refs that are too old. @returns how many */
  expire(limit: number): number {
    const old = this.#oldest.all(limit).findLast((ref) => !this.#isKept(ref));
    return old === undefined ? 0 : this.#expire.run(old.id).changes;
  }

  #isKept({ id, at }: Pick<StoredRef, 'id' | 'at'>): boolean {
    return this.#age(id, at) < REF_KEPT_MS;
  }

  /** Deletes the refs of a range of events. @returns how many */
  delete({ first, last }: IdRange): number {
    return this.#delete.run(first, last).changes;
  }

  /** Deletes at most `limit` refs, the oldest first, of events up to this id. @returns how many */
  evict(upTo: number, limit: number): number {
    return this.#evict.run(upTo, limit).changes;
  }
}

/** De-duplication by the till's own id: a repeat of the same (type, ref) with the same content within 24 hours is known again. */
import type { Buffer } from 'node:buffer';
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../shared/ids.ts';
import { DAY_MS } from '../../shared/time.ts';

const REF_KEPT_MS = DAY_MS;

export interface KnownRef {
  readonly epoch: Epoch;
  readonly seq: number;
}

export class Refs {
  readonly #any: Statement<[string, string, number], number>;
  readonly #same: Statement<[string, string, number, Buffer], KnownRef>;
  readonly #insert: Statement<[number, string, string, Buffer, Epoch, number, number]>;
  readonly #expire: Statement<[number, number, number]>;

  constructor(db: Database) {
    // Two statements: nearly every ref is new, and one statement that prefers the same content would have to sort.
    this.#any = db
      .prepare<[string, string, number], number>('SELECT id FROM refs WHERE type = ? AND ref = ? AND at > ? LIMIT 1')
      .pluck();
    this.#same = db.prepare(
      'SELECT epoch, seq FROM refs WHERE type = ? AND ref = ? AND at > ? AND content = ? ORDER BY id LIMIT 1',
    );
    this.#insert = db.prepare('INSERT INTO refs (id, type, ref, content, epoch, seq, at) VALUES (?, ?, ?, ?, ?, ?, ?)');
    // Ids ascend with time, so the oldest come first. Times ahead of the clock are left from a time when it was wrong.
    this.#expire = db.prepare(
      'DELETE FROM refs WHERE id IN (SELECT id FROM refs ORDER BY id LIMIT ?) AND (at <= ? OR at > ?)',
    );
  }

  /** The first event with this ref and content; `conflict` when the ref is known with other content only; null when it is not known. */
  find(type: string, ref: string, content: Buffer, now: number): KnownRef | 'conflict' | null {
    const after = now - REF_KEPT_MS;
    if (this.#any.get(type, ref, after) === undefined) return null;
    return this.#same.get(type, ref, after, content) ?? 'conflict';
  }

  remember(id: number, type: string, ref: string, content: Buffer, epoch: Epoch, seq: number, now: number): void {
    this.#insert.run(id, type, ref, content, epoch, seq, now);
  }

  /** Forgets at most `limit` that are too old. @returns how many */
  expire(limit: number, now: number): number {
    return this.#expire.run(limit, now - REF_KEPT_MS, now + REF_KEPT_MS).changes;
  }
}

/**
 * Looks through the file in slices, between which events are accepted: rows that are not what was written are given up one by one, a file whose
 * parts contradict each other is damaged.
 *
 * A pass goes through the rows (their checksums, where they lie, whether memory knows the same ones as pending), then through the accounts,
 * then through the refs.
 */
import type { Database, Statement } from 'better-sqlite3';
import { crc32c } from '../../../shared/crc32c.ts';
import { type Epoch, epoch } from '../../../shared/ids.ts';
import { DamagedFileError } from '../disk/classify-error.ts';
import { RowChecksum, STATE, type State } from '../tables/event-row.ts';
import type { UnreadableRow } from '../tables/event-table.ts';
import type { RowIndex } from '../tables/row-index.ts';
import { checkDedupIndex } from './dedup-index-check.ts';
import { type Accounts, accountBySlices } from './seq-accounting.ts';

const ROWS_AT_ONCE = 100;

interface Row {
  id: number;
  epoch: string;
  seq: number;
  hour: number;
  state: State;
  sum: number;
  body: Buffer;
}

export interface ScrubStep {
  /** Rows that are to be given up. */
  readonly unreadable: readonly UnreadableRow[];
  /** Whether the pass goes on. */
  readonly more: boolean;
}

export class Scrubber {
  readonly #db: Database;
  readonly #path: string;
  readonly #index: RowIndex;
  readonly #checksum = new RowChecksum();
  readonly #rows: Statement<[number, number], Row>;
  #after = 0;
  #accounts: Generator<number, Accounts> | null = null;
  #refs: Generator<void, void> | null = null;

  /** @param path of the buffer, for messages */
  constructor(db: Database, path: string, index: RowIndex) {
    this.#db = db;
    this.#path = path;
    this.#index = index;
    this.#rows = db.prepare(
      'SELECT id, epoch, seq, hour, state, sum, body FROM events NOT INDEXED WHERE id > ? ORDER BY id LIMIT ?',
    );
  }

  /** @throws DamagedFileError, or what SQLite throws at a damaged page */
  step(): ScrubStep {
    if (this.#accounts !== null) return this.#account(this.#accounts);
    if (this.#refs !== null) return this.#read(this.#refs);
    const after = this.#after;
    const rows = this.#rows.all(after, ROWS_AT_ONCE);
    const isEnd = rows.length < ROWS_AT_ONCE;
    const upTo = isEnd ? Number.MAX_SAFE_INTEGER : rows.at(-1)!.id;
    const pending = rows.filter(({ state }) => state === STATE.pending).length;
    if (pending !== this.#index.pending.countBetween(after, upTo)) {
      // Asked after the rows were read: whoever wrote them is seen. The slice is looked at again once memory knows.
      if (this.#index.isBehind) return { unreadable: [], more: true };
      throw new DamagedFileError(`${this.#path}: its indexes do not know the rows that are there`);
    }
    this.#after = upTo;
    if (isEnd) this.#accounts = accountBySlices(this.#db);
    const unreadable = rows.flatMap((row) => {
      const detail = row.state === STATE.quarantined ? null : this.#fault(row);
      return detail === null ? [] : [{ id: row.id, detail }];
    });
    return { unreadable, more: true };
  }

  #fault({ id, epoch: text, seq, hour, state, sum, body }: Row): string | null {
    let of: Epoch;
    try {
      of = epoch(text);
    } catch (error) {
      return (error as Error).message;
    }
    if (this.#index.epochs.baseOf(of) !== id - seq) return 'it does not belong where it lies';
    return sum === this.#checksum.of(of, seq, hour, crc32c(body), state) ? null : 'its checksum does not match';
  }

  #account(accounts: Generator<number, Accounts>): ScrubStep {
    const { done, value } = accounts.next();
    if (!done) return { unreadable: [], more: true };
    this.#after = 0;
    this.#accounts = null;
    // Rows that are not what was written were given up on the way: one that is in no ledger does not even say its state.
    const unaccounted = value.epochs.reduce(
      (sum, { unaccounted, unrecorded, damaged }) => sum + unaccounted + unrecorded + damaged,
      0,
    );
    if (unaccounted + value.strays + value.damagedLosses.length > 0) {
      throw new DamagedFileError(`${this.#path}: not every event is accounted for`);
    }
    this.#refs = checkDedupIndex(this.#db);
    return { unreadable: [], more: true };
  }

  #read(refs: Generator<void, void>): ScrubStep {
    const more = refs.next().done !== true;
    if (!more) this.#refs = null;
    return { unreadable: [], more };
  }
}

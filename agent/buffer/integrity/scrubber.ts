/**
 * One pass over the file, in slices between which events are accepted: rows, accounts, then the
 * dedup index. Each row is read once. Unreadable rows are reported one by one; a file whose parts
 * contradict each other is damaged as a whole.
 *
 * A slice with unreadable rows is read again at the end of the pass: by then the ledger records
 * them.
 */
import type { Database } from 'better-sqlite3';
import { DamagedFileError } from '../disk/classify-error.ts';
import type { UnreadableRow } from '../tables/event-table.ts';
import type { RowIndex } from '../tables/row-index.ts';
import { checkDedupIndex } from './dedup-index-check.ts';
import { SeqAccounting } from './seq-accounting.ts';

/** Rereads of slices whose rows are not quarantined yet: 2 s, more than `commitDelayMs` can be. */
const RECHECKS = 40;

export interface ScrubStep {
  /** Rows that are to be quarantined. */
  readonly unreadable: readonly UnreadableRow[];
  /** Whether the pass goes on. */
  readonly more: boolean;
}

/** Above every id. */
const END = Number.MAX_SAFE_INTEGER;

const MORE: ScrubStep = { unreadable: [], more: true };

export class Scrubber {
  readonly #db: Database;
  readonly #path: string;
  readonly #index: Pick<RowIndex, 'pending' | 'isBehind'>;
  #accounting: SeqAccounting | null = null;
  /** Highest id whose slice was read in this pass. */
  #after = 0;
  #rechecks = 0;
  #refs: Generator<void, void> | null = null;

  /** @param path of the buffer, for messages */
  constructor(db: Database, path: string, index: Pick<RowIndex, 'pending' | 'isBehind'>) {
    this.#db = db;
    this.#path = path;
    this.#index = index;
  }

  /**
   * Reads a slice. After an error the next step begins a new pass.
   *
   * @throws DamagedFileError, or what SQLite throws at a damaged page
   */
  step(): ScrubStep {
    try {
      if (this.#refs !== null) return this.#checkRefs(this.#refs);
      this.#accounting ??= new SeqAccounting(this.#db);
      return this.#account(this.#accounting);
    } catch (error) {
      this.#reset();
      throw error;
    }
  }

  #account(accounting: SeqAccounting): ScrubStep {
    if (this.#after < END) return this.#readNext(accounting);
    const slice = accounting.read();
    if (slice === null) return this.#conclude(accounting);
    if (slice.pageFault !== null) throw slice.pageFault;
    if (slice.unreadable.length === 0 || ++this.#rechecks > RECHECKS) accounting.add(slice);
    return MORE;
  }

  #readNext(accounting: SeqAccounting): ScrubStep {
    accounting.extend();
    const slice = accounting.isRead ? null : accounting.read();
    if (slice !== null) {
      if (slice.pageFault !== null) throw slice.pageFault;
      if (!this.#matchesState(slice.pendingRows, slice.base + slice.to)) return MORE;
      if (slice.unreadable.length === 0) accounting.add(slice);
      else accounting.defer(slice);
    }
    // In the step that read the newest row: the buffer state may not hold more than the rows.
    if (accounting.isRead) this.#matchesState(0, END);
    return { unreadable: slice?.unreadable ?? [], more: true };
  }

  /**
   * Compares the rows up to an id with the buffer state.
   *
   * @returns false when support wrote meanwhile: the slice is read again once the state knows it
   */
  #matchesState(pendingRows: number, upTo: number): boolean {
    if (pendingRows === this.#index.pending.countBetween(this.#after, upTo)) {
      this.#after = upTo;
      return true;
    }
    // Asked after the rows were read, so that a write before that is seen.
    if (this.#index.isBehind) return false;
    throw new DamagedFileError(`${this.#path}: its indexes do not know the rows that are there`);
  }

  #conclude(accounting: SeqAccounting): ScrubStep {
    const { epochs, strays, damagedLosses } = accounting.finish();
    // `damaged`: rows that could not be quarantined, as their state is none.
    const unaccounted = epochs.reduce(
      (sum, { unaccounted, unrecorded, damaged }) => sum + unaccounted + unrecorded + damaged,
      0,
    );
    if (unaccounted + strays + damagedLosses.length > 0) {
      throw new DamagedFileError(`${this.#path}: not every event is accounted for`);
    }
    this.#reset();
    this.#refs = checkDedupIndex(this.#db);
    return MORE;
  }

  #checkRefs(refs: Generator<void, void>): ScrubStep {
    const more = refs.next().done !== true;
    if (!more) this.#refs = null;
    return { unreadable: [], more };
  }

  #reset(): void {
    this.#accounting = null;
    this.#refs = null;
    this.#after = 0;
    this.#rechecks = 0;
  }
}

/**
 * Accounts for every seq that was given out: a row, expired, or lost (see `agent/port/outbox.ts`).
 * Checks the rows on the way, slice by slice: memory is bounded by a slice and the loss records.
 */
import type { Database } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import { countOf, type Ranges, union } from '../../../shared/seq-ranges.ts';
import { listEpochs, type OpenedEpoch } from '../tables/epochs.ts';
import { STATE } from '../tables/event-row.ts';
import { countBetween } from '../tables/event-statements.ts';
import { type Slice, SliceReader } from './seq-slice.ts';

/** Ranges and ids that are named at most, of each kind and epoch. */
const NAMED = 20;

export interface EpochAccount {
  readonly epoch: Epoch;
  /** Highest seq given out: seqs 1 to this are accounted for. */
  lastSeq: number;
  /** Readable rows, by state. */
  pending: number;
  acked: number;
  quarantined: number;
  /** Acked and expired: the row is no longer kept. */
  gone: number;
  /** Lost: only a record of the ledger is left. */
  lost: number;
  /**
   * Rows that do not hold what was written or cannot be read, and that the ledger does not record;
   * the first of them.
   */
  damaged: number;
  damagedSeqs: Ranges;
  /** Seqs of which the file knows nothing; the first of them. */
  unaccounted: number;
  unaccountedSeqs: Ranges;
  /** Quarantined rows without a record of the ledger. */
  unrecorded: number;
}

export interface Accounts {
  readonly epochs: readonly EpochAccount[];
  /** Rows that belong to no epoch of this buffer. */
  readonly strays: number;
  /** Records of the ledger, and ids of the first that do not hold what was written. */
  readonly losses: number;
  readonly damagedLosses: readonly number[];
  /** Whether each seq is accounted for, and every row and record holds what was written. */
  readonly sound: boolean;
}

/** Seqs of an epoch that are still to be read. */
interface Unread {
  readonly epoch: OpenedEpoch;
  readonly account: EpochAccount;
  from: number;
  to: number;
  /** Whether they were read before, and deferred. */
  readonly isDeferred: boolean;
}

export interface NextSlice extends Slice {
  /** See `OpenedEpoch`. */
  readonly base: number;
  readonly isDeferred: boolean;
}

const firstOf = (named: Ranges, more: Ranges): Ranges => union([...named, ...more]).slice(0, NAMED);

const emptyAccount = ({ epoch, lastSeq }: OpenedEpoch): EpochAccount => ({
  epoch,
  lastSeq,
  pending: 0,
  acked: 0,
  quarantined: 0,
  gone: 0,
  lost: 0,
  damaged: 0,
  damagedSeqs: [],
  unaccounted: 0,
  unaccountedSeqs: [],
  unrecorded: 0,
});

/** One pass over the buffer. `read` gives the same slice again until `add` or `defer` takes it. */
export class SeqAccounting {
  readonly #db: Database;
  readonly #slices: SliceReader;
  readonly #epochs: readonly OpenedEpoch[];
  readonly #accounts: readonly EpochAccount[];
  /** One entry for each epoch, in order, then the deferred slices. */
  readonly #unread: Unread[];

  /**
   * @param db may be read-only
   * @throws where the table of epochs cannot be read
   */
  constructor(db: Database) {
    this.#db = db;
    this.#epochs = db.transaction(() => listEpochs(db))();
    this.#slices = new SliceReader(db);
    this.#accounts = this.#epochs.map(emptyAccount);
    this.#unread = this.#epochs.map((epoch, at) => ({
      epoch,
      account: this.#accounts[at]!,
      from: 1,
      to: epoch.lastSeq,
      isDeferred: false,
    }));
  }

  /** Whether every seq was read, although deferred slices may be left. */
  get isRead(): boolean {
    return this.#next?.isDeferred ?? true;
  }

  /** Share of the seqs that are behind, 0 to 1. */
  get progress(): number {
    const all = this.#accounts.reduce((sum, { lastSeq }) => sum + lastSeq, 0);
    const left = this.#unread.reduce((sum, { from, to }) => sum + to - from + 1, 0);
    return all === 0 ? 1 : 1 - left / all;
  }

  /** Includes the seqs that the open epoch gave out since the pass began. */
  extend(): void {
    const open = this.#unread[this.#epochs.length - 1];
    const now = listEpochs(this.#db).at(-1);
    // A damaged file may have lost its epochs: then all rows are strays.
    if (open === undefined || now?.epoch !== open.epoch.epoch) return;
    open.to = now.lastSeq;
    open.account.lastSeq = now.lastSeq;
  }

  /** The next slice; null when all are counted. */
  read(): NextSlice | null {
    const next = this.#next;
    if (next === undefined) return null;
    const { epoch, from, to, isDeferred } = next;
    return { ...this.#slices.read({ ...epoch, lastSeq: to }, from), base: epoch.base, isDeferred };
  }

  /** Counts what `read` found. */
  add({ to, counts, gone, lost, damaged, unaccounted, unrecorded }: Slice): void {
    const next = this.#next!;
    const { account } = next;
    account.pending += counts[STATE.pending];
    account.acked += counts[STATE.acked];
    account.quarantined += counts[STATE.quarantined];
    account.gone += gone;
    account.lost += lost;
    account.damaged += countOf(damaged);
    account.damagedSeqs = firstOf(account.damagedSeqs, damaged);
    account.unaccounted += countOf(unaccounted);
    account.unaccountedSeqs = firstOf(account.unaccountedSeqs, unaccounted);
    account.unrecorded += unrecorded;
    next.from = to + 1;
  }

  /** Counts nothing: the slice is read again after all others. */
  defer({ from, to }: Slice): void {
    const next = this.#next!;
    next.from = to + 1;
    this.#unread.push({ ...next, from, to, isDeferred: true });
  }

  /** Once `read` gave null. */
  finish(): Accounts {
    const strays = this.#countStrays();
    const { count, damaged } = this.#slices.losses;
    return {
      epochs: this.#accounts,
      strays,
      losses: count,
      damagedLosses: damaged.slice(0, NAMED),
      sound:
        strays === 0 &&
        damaged.length === 0 &&
        this.#accounts.every(({ damaged, unaccounted, unrecorded }) => damaged + unaccounted + unrecorded === 0),
    };
  }

  get #next(): Unread | undefined {
    return this.#unread.find(({ from, to }) => from <= to);
  }

  /** Rows between the epochs' ids. */
  #countStrays(): number {
    const count = countBetween(this.#db);
    let strays = 0;
    let end = Number.MIN_SAFE_INTEGER;
    for (const { base, lastSeq } of this.#epochs) {
      if (base > end) strays += count.get(end, base)!;
      end = Math.max(end, base + lastSeq);
    }
    return strays;
  }
}

/**
 * Yields how much is behind, 0 to 1, after each slice; returns the accounts.
 *
 * @param db may be read-only
 * @throws where the table of epochs cannot be read
 */
export function* accountBySlices(db: Database): Generator<number, Accounts> {
  const accounting = new SeqAccounting(db);
  for (let slice = accounting.read(); slice !== null; slice = accounting.read()) {
    accounting.add(slice);
    yield accounting.progress;
  }
  return accounting.finish();
}

/**
 * As `accountBySlices`, at once.
 *
 * @param progress is called with the share that is behind, 0 to 1
 */
export function account(db: Database, progress: (share: number) => void = () => {}): Accounts {
  const slices = accountBySlices(db);
  for (;;) {
    const { done, value } = slices.next();
    if (done) return value;
    progress(value);
  }
}

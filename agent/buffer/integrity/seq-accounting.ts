/**
 * Accounts for every seq that was given out: a row, gone, or lost, as `agent/port/outbox.ts` promises; and looks at the checksums on the way.
 *
 * Goes through the file in slices of seqs. A slice reads rows, gone ranges and losses in one short read transaction, so what it says is true of
 * one instant, also beside a running agent; memory is bounded by a slice and the number of loss records.
 */
import type { Database, Statement } from 'better-sqlite3';
import { crc32c } from '../../../shared/crc32c.ts';
import type { Epoch } from '../../../shared/ids.ts';
import { countOf, difference, type Ranges, union } from '../../../shared/seq-ranges.ts';
import { readTransaction } from '../disk/read-transaction.ts';
import { listEpochs, type OpenedEpoch } from '../tables/epochs.ts';
import { RowChecksum, STATE, type State } from '../tables/event-row.ts';
import { isSound, type LossRow } from '../tables/loss-record.ts';
import { nextReadableRow } from './next-readable-row.ts';

const ROWS_AT_ONCE = 500;
const BYTES_AT_ONCE = 4 * 1024 * 1024;
/** Ranges and ids that are named at most, of each kind and epoch. */
const NAMED = 20;

export interface EpochAccount {
  readonly epoch: Epoch;
  /** Highest seq given out: seqs 1 to this are accounted for. */
  readonly lastSeq: number;
  /** Rows that are what was written. */
  pending: number;
  acked: number;
  quarantined: number;
  /** Acked, and the row no longer kept. */
  gone: number;
  /** Given up: a record of the ledger is all that is left. */
  lost: number;
  /** Rows that are not what was written, or cannot be read, and that no record of the ledger covers; and the first of them. */
  damaged: number;
  damagedSeqs: Ranges;
  /** Seqs of which nothing is known, and the first of them. */
  unaccounted: number;
  unaccountedSeqs: Ranges;
  /** Quarantined rows without a record of the ledger. */
  unrecorded: number;
}

export interface Accounts {
  readonly epochs: readonly EpochAccount[];
  /** Rows that belong to no epoch of this buffer. */
  readonly strays: number;
  /** Records of the ledger, and ids of the first that are not what was written. */
  readonly losses: number;
  readonly damagedLosses: readonly number[];
  /** Whether each seq is accounted for and all is what was written. */
  readonly sound: boolean;
}

interface Row {
  id: number;
  epoch: Epoch;
  seq: number;
  hour: number;
  state: State;
  sum: number;
  body: Buffer;
}

/** What one slice found out about seqs up to `to`. */
interface Slice {
  readonly to: number;
  readonly rows: Readonly<Record<State, number>>;
  readonly gone: number;
  readonly lost: number;
  readonly damaged: Ranges;
  readonly unaccounted: Ranges;
  readonly unrecorded: number;
}

class Accountant {
  readonly #db: Database;
  readonly #rows: Statement<[number, number], Row>;
  readonly #gone: Statement<[Epoch, Epoch, number, number], { first_seq: number; last_seq: number }>;
  readonly #losses: Statement<[number], LossRow>;
  readonly #checksum = new RowChecksum();
  readonly #lost = new Map<Epoch, Ranges>();
  #lastLoss = 0;
  readonly damagedLosses: number[] = [];
  lossRecords = 0;

  constructor(db: Database) {
    this.#db = db;
    this.#rows = db.prepare(
      'SELECT id, epoch, seq, hour, state, sum, body FROM events NOT INDEXED WHERE id BETWEEN ? AND ? ORDER BY id',
    );
    this.#gone = db.prepare(
      `SELECT first_seq, last_seq FROM gone
       WHERE epoch = ? AND first_seq >= ifnull((SELECT max(first_seq) FROM gone WHERE epoch = ? AND first_seq <= ?), 0)
         AND first_seq <= ? ORDER BY first_seq`,
    );
    this.#losses = db.prepare('SELECT * FROM losses WHERE id >= ? ORDER BY id');
  }

  /** The slice of an epoch's seqs that begins at `from`. */
  slice(epoch: OpenedEpoch, from: number): Slice {
    return readTransaction(this.#db, () => this.#slice(epoch, from));
  }

  #slice({ epoch, base, lastSeq }: OpenedEpoch, from: number): Slice {
    const rows: Record<State, number> = { [STATE.pending]: 0, [STATE.acked]: 0, [STATE.quarantined]: 0 };
    const present: [number, number][] = [];
    const bad: [number, number][] = [];
    const quarantined: [number, number][] = [];
    let to = lastSeq;
    let count = 0;
    let bytes = 0;
    let reached = from;
    try {
      for (const row of this.#rows.iterate(base + from, base + lastSeq)) {
        const seq = row.id - base;
        reached = seq + 1;
        if (this.#isSound(row, epoch, seq)) {
          rows[row.state]++;
          present.push([seq, seq]);
          if (row.state === STATE.quarantined) quarantined.push([seq, seq]);
        } else bad.push([seq, seq]);
        bytes += row.body?.length ?? 0;
        if (++count === ROWS_AT_ONCE || bytes > BYTES_AT_ONCE) {
          to = seq;
          break;
        }
      }
    } catch {
      // A page is damaged: what it hides is, as far as anybody can tell, still there.
      const next = nextReadableRow(base + reached, 1, (id) => this.#readable(id));
      to = Math.min(lastSeq, next === null ? lastSeq : next - 1 - base);
      bad.push([reached, to]);
    }
    const gone = this.#gone
      .all(epoch, epoch, from, to)
      .map(({ first_seq, last_seq }): [number, number] => [first_seq, last_seq]);
    const lost = this.#lostOf(epoch);
    const missing = difference([[from, to]], union(present));
    const notGone = difference(missing, gone);
    const neither = difference(notGone, lost);
    const damaged = difference(union(bad), union([...gone, ...lost]));
    return {
      to,
      rows,
      gone: countOf(missing) - countOf(notGone),
      lost: countOf(notGone) - countOf(neither),
      damaged,
      unaccounted: difference(neither, damaged),
      unrecorded: countOf(difference(union(quarantined), lost)),
    };
  }

  #isSound({ id, epoch, seq, hour, state, sum, body }: Row, of: Epoch, expected: number): boolean {
    try {
      return (
        epoch === of && seq === expected && id > 0 && sum === this.#checksum.of(epoch, seq, hour, crc32c(body), state)
      );
    } catch {
      return false;
    }
  }

  #readable(id: number): boolean {
    try {
      for (const _ of this.#rows.iterate(id, Number.MAX_SAFE_INTEGER)) break;
      return true;
    } catch {
      return false;
    }
  }

  /** Reads the records that were written since, and the newest anew: it may have grown. */
  #lostOf(epoch: Epoch): Ranges {
    const added = new Map<Epoch, [number, number][]>();
    for (const record of this.#losses.iterate(this.#lastLoss)) {
      if (record.id !== this.#lastLoss) this.lossRecords++;
      this.#lastLoss = record.id;
      if (!isSound(record)) {
        if (this.damagedLosses.at(-1) !== record.id) this.damagedLosses.push(record.id);
        continue;
      }
      const ranges = added.get(record.epoch) ?? [];
      ranges.push([record.first_seq, record.first_seq + record.count - 1]);
      added.set(record.epoch, ranges);
    }
    for (const [of, ranges] of added) this.#lost.set(of, union([...(this.#lost.get(of) ?? []), ...ranges]));
    return this.#lost.get(epoch) ?? [];
  }
}

const firstOf = (named: Ranges, more: Ranges): Ranges => union([...named, ...more]).slice(0, NAMED);

/** Rows between and beyond the epochs' ids. */
function countStrays(db: Database, epochs: readonly OpenedEpoch[]): number {
  const count = db.prepare<[number, number], number>('SELECT count(*) FROM events WHERE id > ? AND id <= ?').pluck();
  let strays = 0;
  let end = Number.MIN_SAFE_INTEGER;
  for (const { base, lastSeq } of epochs) {
    if (base > end) strays += count.get(end, base)!;
    end = Math.max(end, base + lastSeq);
  }
  return strays;
}

/**
 * Yields how much lies behind, 0 to 1, after each slice; returns the accounts.
 *
 * @param db may be read-only
 * @throws where not even the table of epochs can be read
 */
export function* accountBySlices(db: Database): Generator<number, Accounts> {
  const list = db.transaction(() => listEpochs(db))();
  const all = list.reduce((sum, { lastSeq }) => sum + lastSeq, 0);
  const accountant = new Accountant(db);
  const epochs: EpochAccount[] = [];
  let behind = 0;
  for (const opened of list) {
    const { epoch, lastSeq } = opened;
    const account: EpochAccount = {
      ...{ epoch, lastSeq, pending: 0, acked: 0, quarantined: 0, gone: 0, lost: 0 },
      ...{ damaged: 0, damagedSeqs: [], unaccounted: 0, unaccountedSeqs: [], unrecorded: 0 },
    };
    epochs.push(account);
    for (let from = 1; from <= lastSeq; ) {
      const slice = accountant.slice(opened, from);
      account.pending += slice.rows[STATE.pending];
      account.acked += slice.rows[STATE.acked];
      account.quarantined += slice.rows[STATE.quarantined];
      account.gone += slice.gone;
      account.lost += slice.lost;
      account.damaged += countOf(slice.damaged);
      account.damagedSeqs = firstOf(account.damagedSeqs, slice.damaged);
      account.unaccounted += countOf(slice.unaccounted);
      account.unaccountedSeqs = firstOf(account.unaccountedSeqs, slice.unaccounted);
      account.unrecorded += slice.unrecorded;
      behind += slice.to - from + 1;
      from = slice.to + 1;
      yield behind / all;
    }
  }
  const strays = countStrays(db, list);
  const { damagedLosses, lossRecords } = accountant;
  return {
    epochs,
    strays,
    losses: lossRecords,
    damagedLosses: damagedLosses.slice(0, NAMED),
    sound:
      strays === 0 &&
      damagedLosses.length === 0 &&
      epochs.every(({ damaged, unaccounted, unrecorded }) => damaged + unaccounted + unrecorded === 0),
  };
}

/**
 * See `accountInSlices`.
 *
 * @param progress told how much lies behind, 0 to 1
 */
export function account(db: Database, progress: (share: number) => void = () => {}): Accounts {
  const slices = accountBySlices(db);
  for (;;) {
    const { done, value } = slices.next();
    if (done) return value;
    progress(value);
  }
}

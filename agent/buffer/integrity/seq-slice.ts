/**
 * Reads one slice of an epoch's seqs: rows, expired ranges and losses in one short read
 * transaction, so the result holds for one instant, also beside a running agent.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import { countOf, difference, type Ranges, union } from '../../../shared/seq-ranges.ts';
import { readTransaction } from '../disk/read-transaction.ts';
import type { OpenedEpoch } from '../tables/epochs.ts';
import { type EventRow, RowCheck, STATE, type State } from '../tables/event-row.ts';
import { rowsBetween } from '../tables/event-statements.ts';
import type { UnreadableRow } from '../tables/event-table.ts';
import { nextReadableRow } from './next-readable-row.ts';
import { RecordedLosses } from './recorded-losses.ts';

const ROWS_AT_ONCE = 500;
const BYTES_AT_ONCE = 4 * 1024 * 1024;

/** What one slice holds: the seqs `from` to `to` of an epoch. */
export interface Slice {
  readonly from: number;
  readonly to: number;
  /** Readable rows, by state. */
  readonly counts: Readonly<Record<State, number>>;
  /** Rows whose state column says pending, readable or not. */
  readonly pendingRows: number;
  /** Damaged rows, by id; without quarantined ones, which are lost already. */
  readonly unreadable: readonly UnreadableRow[];
  /** What SQLite threw at a page of rows; null when all rows could be read. */
  readonly pageFault: unknown;
  readonly gone: number;
  readonly lost: number;
  readonly damaged: Ranges;
  readonly unaccounted: Ranges;
  readonly unrecorded: number;
}

/** What was found in the rows of a slice. */
interface RowsOfSlice {
  to: number;
  readonly counts: Record<State, number>;
  pendingRows: number;
  readonly present: [number, number][];
  readonly bad: [number, number][];
  readonly quarantined: [number, number][];
  readonly unreadable: UnreadableRow[];
  pageFault: unknown;
}

/** @param seq above those that are there */
function addSeq(ranges: [number, number][], seq: number): void {
  const last = ranges.at(-1);
  if (last !== undefined && last[1] === seq - 1) last[1] = seq;
  else ranges.push([seq, seq]);
}

export class SliceReader {
  readonly #db: Database;
  readonly #rows: Statement<[number, number], EventRow>;
  readonly #gone: Statement<[Epoch, Epoch, number, number], { first_seq: number; last_seq: number }>;
  readonly #check = new RowCheck();
  readonly losses: RecordedLosses;

  constructor(db: Database) {
    this.#db = db;
    this.#rows = rowsBetween(db);
    this.#gone = db.prepare(
      `SELECT first_seq, last_seq FROM gone
       WHERE epoch = ? AND first_seq >= ifnull((SELECT max(first_seq) FROM gone WHERE epoch = ? AND first_seq <= ?), 0)
         AND first_seq <= ? ORDER BY first_seq`,
    );
    this.losses = new RecordedLosses(db);
  }

  /** The slice of an epoch's seqs that begins at `from`. */
  read(epoch: OpenedEpoch, from: number): Slice {
    return readTransaction(this.#db, () => this.#read(epoch, from));
  }

  #read(opened: OpenedEpoch, from: number): Slice {
    const { epoch } = opened;
    const { present, bad, quarantined, ...found } = this.#readRows(opened, from);
    const { to } = found;
    const gone = this.#gone
      .all(epoch, epoch, from, to)
      .map(({ first_seq, last_seq }): [number, number] => [first_seq, last_seq]);
    const lost = this.losses.of(epoch);
    const missing = difference([[from, to]], union(present));
    const notGone = difference(missing, gone);
    const neither = difference(notGone, lost);
    const damaged = difference(union(bad), union([...gone, ...lost]));
    return {
      ...found,
      from,
      gone: countOf(missing) - countOf(notGone),
      lost: countOf(notGone) - countOf(neither),
      damaged,
      unaccounted: difference(neither, damaged),
      unrecorded: countOf(difference(union(quarantined), lost)),
    };
  }

  #readRows({ epoch, base, lastSeq }: OpenedEpoch, from: number): RowsOfSlice {
    const found: RowsOfSlice = {
      to: lastSeq,
      counts: { [STATE.pending]: 0, [STATE.acked]: 0, [STATE.quarantined]: 0 },
      pendingRows: 0,
      present: [],
      bad: [],
      quarantined: [],
      unreadable: [],
      pageFault: null,
    };
    let count = 0;
    let bytes = 0;
    let reached = from;
    try {
      for (const row of this.#rows.iterate(base + from, base + lastSeq)) {
        reached = row.id - base + 1;
        // A row of another epoch lies in the wrong place, whatever its base.
        this.#addRow(row, reached - 1, row.epoch === epoch ? base : undefined, found);
        bytes += row.body?.length ?? 0;
        if (++count === ROWS_AT_ONCE || bytes > BYTES_AT_ONCE) {
          found.to = reached - 1;
          break;
        }
      }
    } catch (error) {
      found.pageFault = error;
      // The rows that a damaged page hides may still be there: their seqs count as damaged.
      const next = nextReadableRow(base + reached, 1, (id) => this.#isReadable(id));
      found.to = Math.min(lastSeq, next === null ? lastSeq : next - 1 - base);
      found.bad.push([reached, found.to]);
    }
    return found;
  }

  #addRow(row: EventRow, seq: number, base: number | undefined, found: RowsOfSlice): void {
    const { id, state } = row;
    if (state === STATE.pending) found.pendingRows++;
    const detail = this.#check.faultAt(row, base);
    if (detail !== null) {
      addSeq(found.bad, seq);
      if (state !== STATE.quarantined) found.unreadable.push({ id, detail });
      return;
    }
    found.counts[state]++;
    addSeq(found.present, seq);
    if (state === STATE.quarantined) addSeq(found.quarantined, seq);
  }

  #isReadable(id: number): boolean {
    try {
      for (const _ of this.#rows.iterate(id, Number.MAX_SAFE_INTEGER)) break;
      return true;
    } catch {
      return false;
    }
  }
}

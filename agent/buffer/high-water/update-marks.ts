/** Writes the high-water marks as memory follows the rows: after each commit, before its answers. */
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import type { OpenedEpoch } from '../tables/epochs.ts';
import type { PendingSet } from '../tables/pending-set.ts';
import type { HighWaterFile } from './high-water-file.ts';
import type { HighWaterMark, ShippingState } from './high-water-mark.ts';

/** Where many loss records wait, who is the first is looked up so often at most. */
const LOOK_EVERY_MS = 1_000;

/** What the buffer is like after a commit. */
export interface BufferSnapshot {
  /** In the order of their ids, with their highest seqs; the last one is open. */
  readonly epochs: readonly OpenedEpoch[];
  readonly pending: PendingSet;
  /** Loss records that the collector has not acknowledged. */
  readonly unsentLosses: number;
  /** Whether the commit wrote or acknowledged some: as many as before can be others. */
  readonly lossesChanged: boolean;
  /** Of the newest event that the commit accepted, hours since 1970; null when it accepted none. */
  readonly newestHour: number | null;
  /** Least id of which nobody knows yet whether its time is right; null when there is none. */
  readonly unconfirmedFrom: number | null;
  /** Epochs that are being brought over: their marks stay as they are. */
  readonly carried: { has(epoch: Epoch): boolean };
  /** Of what was opened since: whether anything is shipped before that is done. */
  readonly shipping: ShippingState;
}

/**
 * A mark that lags behind costs nothing. By one that is ahead, events of a damaged file would be taken for acknowledged; what was shipped, for
 * what never was; and what a wrong clock stamped, for right.
 */
const isTakenBack = (before: HighWaterMark, now: HighWaterMark): boolean =>
  now.settledThrough < before.settledThrough ||
  now.shipping !== before.shipping ||
  (now.unconfirmedFrom > 0 && before.unconfirmedFrom === 0);

export class HighWaterMarks {
  readonly #file: HighWaterFile;
  readonly #elapsed: () => number;
  readonly #firstUnsent: Statement<[], { epoch: Epoch; first: number }>;
  #unsent: ReadonlyMap<Epoch, number> = new Map();
  /** Whether the records are others than when they were looked at. */
  #isStale = true;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @param elapsed monotonic milliseconds */
  constructor(db: Database, file: HighWaterFile, elapsed: () => number) {
    this.#file = file;
    this.#elapsed = elapsed;
    this.#firstUnsent = db.prepare('SELECT epoch, min(first_seq) AS first FROM losses WHERE acked = 0 GROUP BY epoch');
  }

  /** @throws on a fault of the disk */
  update(standing: BufferSnapshot): void {
    const { epochs, pending, unsentLosses, lossesChanged, newestHour, unconfirmedFrom, carried, shipping } = standing;
    this.#isStale ||= lossesChanged;
    const isFresh = this.#look(unsentLosses);
    let takesBack = false;
    for (const [index, { epoch, base, lastSeq: known, openedAt }] of epochs.entries()) {
      if (carried.has(epoch)) continue;
      const isOpen = index === epochs.length - 1;
      const before = this.#file.get(epoch);
      const lastSeq = Math.max(known, before?.lastSeq ?? 0);
      const first = pending.ranges[pending.indexFrom(base + 1)];
      const told = Math.min(
        lastSeq,
        first === undefined ? lastSeq : Math.max(base, first.first - 1) - base,
        (this.#unsent.get(epoch) ?? Number.POSITIVE_INFINITY) - 1,
      );
      // What cannot be looked up at present has not got better.
      const settledThrough = isFresh ? told : Math.min(told, before?.settledThrough ?? 0);
      if (before === null && !isOpen && settledThrough >= lastSeq) continue;
      const of = before?.shipping ?? (isOpen ? shipping : 'free');
      const mark: HighWaterMark = {
        epoch,
        lastSeq,
        settledThrough,
        openedAt,
        // Of what is over it says nothing, and each write would take it along.
        oldestHour: isOpen || settledThrough < lastSeq ? (pending.oldestHour ?? 0) : (before?.oldestHour ?? 0),
        newestHour:
          isOpen && newestHour !== null ? Math.max(newestHour, before?.newestHour ?? 0) : (before?.newestHour ?? 0),
        unconfirmedFrom:
          unconfirmedFrom === null || unconfirmedFrom > base + known ? 0 : Math.max(1, unconfirmedFrom - base),
        shipping: of === 'free' || (of === 'ahead' && shipping === 'held') ? of : shipping,
      };
      takesBack ||= before !== null && isTakenBack(before, mark);
      this.#file.put(mark);
    }
    if (takesBack) this.#file.sync();
  }

  /** @returns whether it is known which seqs the unsent records begin at */
  #look(count: number): boolean {
    if (count === 0) {
      this.#unsent = new Map();
      this.#isStale = false;
      return true;
    }
    if (this.#isStale) {
      if (this.#elapsed() - this.#lookedAt < LOOK_EVERY_MS) return false;
      this.#unsent = new Map(this.#firstUnsent.all().map(({ epoch, first }) => [epoch, first]));
      this.#isStale = false;
      this.#lookedAt = this.#elapsed();
    }
    return true;
  }
}

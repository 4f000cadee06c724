/** Updates the high-water marks after each commit, before its answers. */
import type { Database, Statement } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import type { OpenedEpoch } from '../tables/epochs.ts';
import type { PendingSet } from '../tables/pending-set.ts';
import type { HighWaterFile } from './high-water-file.ts';
import type { HighWaterMark, ShippingState } from './high-water-mark.ts';

/** With many unsent loss records the first one of each epoch is queried this often at most. */
const QUERY_EVERY_MS = 1_000;

/** The state of the buffer after a commit. */
export interface BufferSnapshot {
  /** In the order of their ids, with their highest seqs; the last one is open. */
  readonly epochs: readonly OpenedEpoch[];
  readonly pending: PendingSet;
  /** Loss records that the collector has not acknowledged. */
  readonly unsentLosses: number;
  /** Whether the commit wrote or acknowledged loss records: the same number can be other ones. */
  readonly lossesChanged: boolean;
  /** Hour since 1970 of the newest event that the commit accepted; null when it accepted none. */
  readonly newestHour: number | null;
  /** Lowest id whose timestamp is not confirmed yet; null when there is none. */
  readonly unconfirmedFrom: number | null;
  /** Epochs that are being recovered: their marks stay as they are. */
  readonly carried: { has(epoch: Epoch): boolean };
  /** Whether epochs that were opened since are shipped before recovery is done. */
  readonly shipping: ShippingState;
}

/** What may follow on a mark's shipping state; another leaves it as it is (docs/recovery.md). */
const NEXT_SHIPPING: Readonly<Record<ShippingState, readonly ShippingState[]>> = {
  held: ['held', 'ahead', 'free'],
  ahead: ['ahead', 'free'],
  free: ['free'],
};

/**
 * Whether an update weakens a mark, and so has to be synced. A mark that is too low is harmless. A
 * mark that is too high would make recovery treat pending events as acknowledged, shipped epochs as
 * unshipped, and unconfirmed timestamps as correct.
 */
const isWeakened = (before: HighWaterMark, now: HighWaterMark): boolean =>
  now.settledThrough < before.settledThrough ||
  now.shipping !== before.shipping ||
  (now.unconfirmedFrom > 0 && before.unconfirmedFrom === 0);

export class HighWaterMarks {
  readonly #file: HighWaterFile;
  readonly #elapsed: () => number;
  readonly #firstUnsent: Statement<[], { epoch: Epoch; first: number }>;
  #unsent: ReadonlyMap<Epoch, number> = new Map();
  /** Whether loss records changed since the last query. */
  #isStale = true;
  #queriedAt = Number.NEGATIVE_INFINITY;

  /** @param elapsed monotonic milliseconds */
  constructor(db: Database, file: HighWaterFile, elapsed: () => number) {
    this.#file = file;
    this.#elapsed = elapsed;
    this.#firstUnsent = db.prepare('SELECT epoch, min(first_seq) AS first FROM losses WHERE acked = 0 GROUP BY epoch');
  }

  /** @throws on a fault of the disk */
  update(snapshot: BufferSnapshot): void {
    const { epochs, pending, unsentLosses, lossesChanged, newestHour, unconfirmedFrom, carried, shipping } = snapshot;
    this.#isStale ||= lossesChanged;
    const isFresh = this.#refresh(unsentLosses);
    let isWeaker = false;
    for (const [index, { epoch, base, lastSeq: known, openedAt }] of epochs.entries()) {
      if (carried.has(epoch)) continue;
      const isOpen = index === epochs.length - 1;
      const before = this.#file.get(epoch);
      const lastSeq = Math.max(known, before?.lastSeq ?? 0);
      const first = pending.ranges[pending.indexFrom(base + 1)];
      const settled = Math.min(
        lastSeq,
        first === undefined ? lastSeq : Math.max(base, first.first - 1) - base,
        (this.#unsent.get(epoch) ?? Number.POSITIVE_INFINITY) - 1,
      );
      // While the first unsent record is not known, the mark does not rise.
      const settledThrough = isFresh ? settled : Math.min(settled, before?.settledThrough ?? 0);
      if (before === null && !isOpen && settledThrough >= lastSeq) continue;
      const of = before?.shipping ?? (isOpen ? shipping : 'free');
      const mark: HighWaterMark = {
        epoch,
        lastSeq,
        settledThrough,
        openedAt,
        // A settled epoch needs no hour, and a change would write its mark each time.
        oldestHour: isOpen || settledThrough < lastSeq ? (pending.oldestHour ?? 0) : (before?.oldestHour ?? 0),
        newestHour:
          isOpen && newestHour !== null ? Math.max(newestHour, before?.newestHour ?? 0) : (before?.newestHour ?? 0),
        unconfirmedFrom:
          unconfirmedFrom === null || unconfirmedFrom > base + known ? 0 : Math.max(1, unconfirmedFrom - base),
        shipping: NEXT_SHIPPING[of].includes(shipping) ? shipping : of,
      };
      isWeaker ||= before !== null && isWeakened(before, mark);
      this.#file.put(mark);
    }
    if (isWeaker) this.#file.sync();
  }

  /** @returns whether the first unsent seq of each epoch is known */
  #refresh(count: number): boolean {
    if (count === 0) {
      this.#unsent = new Map();
      this.#isStale = false;
      return true;
    }
    if (this.#isStale) {
      if (this.#elapsed() - this.#queriedAt < QUERY_EVERY_MS) return false;
      this.#unsent = new Map(this.#firstUnsent.all().map(({ epoch, first }) => [epoch, first]));
      this.#isStale = false;
      this.#queriedAt = this.#elapsed();
    }
    return true;
  }
}

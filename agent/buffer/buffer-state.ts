/**
 * What memory knows of the rows: the numbering, which events are pending, how many rows there are.
 * It follows them after each commit, and is loaded again when another process has written to the
 * file.
 */
import { resolve } from 'node:path';
import type { Database } from 'better-sqlite3';
import { DAY_MS } from '../../shared/time.ts';
import type { BufferStats } from '../port/buffer-reader.ts';
import type { EpochHolding, Holdings } from '../port/outbox.ts';
import { usageOf } from './disk/disk-usage.ts';
import { ExternalWriteDetector } from './external-writes.ts';
import { buildStats, type Counts, countRows, loadPending } from './support/buffer-stats.ts';
import { EpochIndex, listEpochs, type OpenedEpoch, pendingOf } from './tables/epochs.ts';
import type { PendingSet } from './tables/pending-set.ts';
import type { RowIndex } from './tables/row-index.ts';
import type { ChangeSet } from './transaction/changeset.ts';

/** Ended epochs are told for so long: the collector waits for a silent one for seven days. */
const ENDED_EPOCHS_MS = 8 * DAY_MS;
/** The latest are told whatever the clock said when they were opened. */
const LATEST_EPOCHS = 16;

export class BufferState implements RowIndex {
  readonly #db: Database;
  readonly #path: string;
  readonly #damaged: (detail: string) => void;
  readonly #externalWrites: ExternalWriteDetector;
  /** The epoch that this opening of the buffer writes. */
  readonly open: OpenedEpoch;
  #epochs: EpochIndex;
  #pending: PendingSet;
  #counts: Counts;
  #lastId: number;
  #loaded = false;

  /**
   * @param path of the buffer
   * @param damaged called when rows and memory disagree
   * @throws on a fault of the disk
   */
  constructor(db: Database, path: string, damaged: (detail: string) => void) {
    this.#db = db;
    this.#path = resolve(path);
    this.#damaged = damaged;
    this.#externalWrites = new ExternalWriteDetector(db);
    this.#epochs = new EpochIndex(listEpochs(db));
    this.open = this.#epochs.list.at(-1)!;
    this.#lastId = this.open.base;
    this.#pending = loadPending(db);
    this.#counts = countRows(db);
  }

  get epochs(): EpochIndex {
    return this.#epochs;
  }

  get pending(): PendingSet {
    return this.#pending;
  }

  get counts(): Readonly<Counts> {
    return this.#counts;
  }

  /** Highest id given out so far; 0 before the first. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Rows of events. */
  get rowCount(): number {
    return this.#pending.count + this.#counts.acked + this.#counts.quarantined;
  }

  /** Whether rows were loaded again since the last commit was applied. */
  get isReloaded(): boolean {
    return this.#loaded;
  }

  /** In the order of their ids, with their highest seqs; the last one is open. */
  listEpochs(): OpenedEpoch[] {
    return [...this.#epochs.list.slice(0, -1), { ...this.open, lastSeq: this.#lastId - this.open.base }];
  }

  get isBehind(): boolean {
    return this.#externalWrites.changed;
  }

  /** Loads pending events and counts again. @throws on a fault of the disk */
  reload(): void {
    this.#pending = loadPending(this.#db);
    this.#counts = countRows(this.#db);
    this.#loaded = true;
    this.#externalWrites.acknowledge();
  }

  /** Loads the list of epochs again. @throws on a fault of the disk */
  reloadEpochs(): void {
    this.#epochs = new EpochIndex(listEpochs(this.#db));
  }

  /**
   * Applies what a transaction changed, once it is durable.
   * @returns whether there is more to ship
   */
  apply(changes: ChangeSet): boolean {
    this.#lastId = changes.lastId;
    this.#counts.acked += changes.acked;
    this.#counts.quarantined += changes.quarantined;
    this.#counts.refs += changes.refs;
    this.#counts.refConflicts += changes.refConflicts;
    const { events, records, unsent } = changes.losses;
    this.#counts.losses.events += events;
    this.#counts.losses.records += records;
    this.#counts.losses.unsent += unsent;
    if (!changes.applyTo(this.#pending)) this.#recount();
    const more = changes.addedAny || this.#loaded;
    this.#loaded = false;
    return more;
  }

  /** See `Outbox.holdings`. */
  holdings(): Holdings {
    const { ranges, count } = this.#pending;
    const { used, wal } = usageOf(this.#db, this.#path);
    const list = this.listEpochs();
    const all = list.map(({ epoch, base, lastSeq }) => ({
      epoch,
      lastSeq,
      pending: pendingOf({ base, lastSeq }, ranges),
    }));
    const isHeld = ({ epoch, pending }: EpochHolding): boolean => epoch === this.open.epoch || pending.length > 0;
    // An epoch ended when the next one was opened.
    const isLate = (at: number): boolean =>
      at >= list.length - LATEST_EPOCHS || list[at + 1]!.openedAt >= this.open.openedAt - ENDED_EPOCHS_MS;
    return {
      epochs: all.filter(isHeld),
      drained: all
        .filter((epoch, at) => !isHeld(epoch) && isLate(at))
        .map(({ epoch, lastSeq }) => ({ epoch, lastSeq })),
      open: this.open.epoch,
      pending: count,
      losses: this.#counts.losses.events,
      bytes: used + wal,
    };
  }

  /** The same as `readFacts` reads from the file, at less cost. @throws on a fault of the disk */
  facts(): BufferStats {
    return buildStats(this.#db, this.#path, this.#pending, this.listEpochs(), { ...this.#counts });
  }

  #recount(): void {
    this.#damaged('the number of pending events does not add up: counting anew');
    try {
      this.#pending = loadPending(this.#db);
    } catch (error) {
      this.#damaged(`pending events cannot be counted: ${(error as Error).message}`);
    }
  }
}

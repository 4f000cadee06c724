/**
 * The buffer on SQLite: what `port.ts` promises.
 *
 * Memory holds the open epoch, the numbering and which ids are pending (`PendingSet`); all of it follows the rows, after each commit. Within a
 * transaction the changes gather in a `Draft`; a rollback drops it.
 */
import { resolve } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { TillEvent } from '../../shared/event/event.ts';
import { type MerchantId, type StreamId, streamId, type TerminalId } from '../../shared/ids.ts';
import { DAY_MS, HOUR_MS } from '../../shared/time.ts';
import { Acceptance } from './acceptance.ts';
import { Budget, checkpointPages, defaultMinFreeBytes, usageOf } from './budget.ts';
import { FullError, isFull } from './buffer-error.ts';
import { Clocks } from './clocks.ts';
import { inWords, openForWriting, type WritableDatabase } from './connection.ts';
import { Departures } from './departures.ts';
import { Draft } from './draft.ts';
import { EpochIndex, listEpochs, type OpenedEpoch, openEpoch, pendingOf } from './epochs.ts';
import { EventRows, type Unreadable } from './event-rows.ts';
import { Eviction, type WhenFull } from './eviction.ts';
import { type Counts, countRows, describe, loadPending } from './facts.ts';
import { FileCheck } from './file-check.ts';
import { fileFault } from './file-fault.ts';
import { Gone } from './gone.ts';
import { GroupCommit } from './group-commit.ts';
import { HighWaterMarks } from './high-water-marks.ts';
import { intakeRequest } from './intake-request.ts';
import { Losses } from './losses.ts';
import { Outsiders } from './outsiders.ts';
import type { PendingSet } from './pending-set.ts';
import type {
  Accepted,
  BufferFacts,
  Greeting,
  Holdings,
  Intake,
  Outbox,
  PendingEvent,
  PendingLoss,
  Settlement,
} from './port.ts';
import { Refs } from './refs.ts';
import { Salvage } from './salvage/salvage.ts';
import { eventsOf, split } from './settlement-slices.ts';
import type { StampingClock } from './stamping-clock.ts';
import { inTurns, piece } from './steps.ts';
import { StoreGeneration, type Transact } from './store-generation.ts';

/** Rows that a transaction changes at most where room is short. */
const ROWS_AT_ONCE = 200;
const ROWS_GROWTH = 1.25;
/** Rows that one slice of expiry deletes at most, of each table, and bytes of them. */
const EXPIRED_AT_ONCE = 500;
const EXPIRED_BYTES = 1024 * 1024;

/** While the disk has no room for what is brought over: how long it waits, and how often before something is shipped all the same. */
const FULL_PAUSE_MS = 5_000;
const FULL_PAUSES = 6;

export interface BufferOptions {
  readonly path: string;
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  readonly maxBytes: number;
  /** Null: the lesser of 64 MiB and 5 % of the file system. */
  readonly minFreeBytes: number | null;
  readonly keepAckedHours: number;
  readonly whenFull: WhenFull;
  /** How long a request may wait for others to share its commit, milliseconds. */
  readonly commitDelayMs: number;
  readonly clock: StampingClock;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Told of rows that are not what was written. */
  readonly damaged: (detail: string) => void;
  /** Bytes that the buffer's file system has left. */
  readonly diskFree: () => number;
  /** Why what the file says is not to be believed: it is salvaged. Null or not given: nothing is known against it. */
  readonly distrust?: string | null;
}

export class SqliteBuffer implements Intake, Outbox {
  readonly #file: WritableDatabase;
  readonly #db: Database;
  readonly #options: BufferOptions;
  readonly #open: OpenedEpoch;
  #epochs: EpochIndex;
  readonly #rows: EventRows;
  readonly #refs: Refs;
  readonly #clocks: Clocks;
  readonly #losses: Losses;
  readonly #departures: Departures;
  readonly #storeGeneration: StoreGeneration;
  readonly #budget: Budget;
  readonly #commits: GroupCommit;
  readonly #acceptance: Acceptance;
  readonly #pendingListeners: (() => void)[] = [];
  readonly #lossListeners: (() => void)[] = [];
  readonly #outsiders: Outsiders;
  readonly #salvage: Salvage;
  readonly #check: FileCheck;
  readonly #marks: HighWaterMarks;
  /** Whether memory knows all that was set aside. */
  #isWhole: boolean;
  /** Resolved when what was set aside is here, or can't come before something was shipped. */
  readonly #broughtOver = Promise.withResolvers<void>();
  #counts: Counts;
  #isClosed = false;
  #securing: NodeJS.Immediate | null = null;
  /** Since the last commit. */
  #loaded = false;
  #pending: PendingSet;
  #lastId: number;
  #draft: Draft | null = null;
  /** Of which the log had room last. */
  #rowsAtOnce = ROWS_AT_ONCE;
  /** Stamped, and neither stored nor refused yet. */
  readonly #accepting = new Set<Promise<Accepted>>();
  /** One greeting at a time. */
  #greeting: Promise<void> = Promise.resolve();

  /** @throws BufferError when the file can't be opened for a reason to tell; else on a fault of the disk */
  constructor(options: BufferOptions) {
    const { path, terminal, merchant, clock, randomBytes, damaged } = options;
    const now = (): number => clock.now();
    this.#options = options;
    this.#file = openForWriting({
      path,
      owner: { merchant, terminal },
      checkpointPages: checkpointPages(options.maxBytes),
      distrust: options.distrust ?? null,
      now,
    });
    const { db } = this.#file;
    this.#db = db;
    try {
      this.#clocks = new Clocks(db, clock);
      openEpoch(db, randomBytes(8), now(), clock.retention());
      this.#epochs = new EpochIndex(listEpochs(db));
      this.#open = this.#epochs.list.at(-1)!;
      this.#lastId = this.#open.base;
      this.#outsiders = new Outsiders(db);
      this.#pending = loadPending(db);
      this.#counts = countRows(db);
      this.#rows = new EventRows(db);
      this.#refs = new Refs(db, (id, at) => this.#clocks.age(id, at, id <= this.#open.base));
      this.#losses = new Losses(db, damaged);
      this.#departures = new Departures({
        rows: this.#rows,
        gone: new Gone(db),
        losses: this.#losses,
        refs: this.#refs,
        epochs: () => this.#epochs,
        now,
      });
      this.#storeGeneration = new StoreGeneration(db, this.#departures, this.#losses);
      const minFreeBytes = options.minFreeBytes ?? defaultMinFreeBytes(path);
      this.#budget = new Budget(db, resolve(path), { maxBytes: options.maxBytes, minFreeBytes }, options.diskFree);
      this.#acceptance = new Acceptance(db, {
        rows: this.#rows,
        refs: this.#refs,
        clocks: this.#clocks,
        budget: this.#budget,
        eviction: new Eviction(options.whenFull, this.#departures),
        held: () => this.#rowCount,
        terminal,
        epoch: this.#open.epoch,
        base: this.#open.base,
      });
      this.#commits = new GroupCommit(
        db,
        {
          prepare: (bytes) => {
            this.#file.assertInPlace();
            this.#budget.look(bytes);
          },
          begun: () => {
            if (this.#outsiders.wrote) this.#load();
            this.#draft = new Draft(this.#lastId);
          },
          committed: () => this.#follow(),
          rolledBack: () => {
            this.#draft = null;
            this.#clocks.rolledBack();
          },
        },
        options.commitDelayMs,
      );
      this.#budget.keepBallast();
      const elapsed = (): number => performance.now();
      this.#salvage = new Salvage({ db, path: resolve(path), terminal, losses: this.#losses, now, elapsed });
      this.#isWhole = this.#salvage.isOver;
      if (this.#isWhole) this.#broughtOver.resolve();
      this.#check = new FileCheck({
        ...{ db, path, epochs: () => this.#epochs, pending: () => this.#pending },
        isBehind: () => this.#outsiders.wrote,
      });
      this.#marks = new HighWaterMarks(db, this.#file.highWater, elapsed);
      this.#mark(null, true);
      this.#file.highWater.sync();
    } catch (error) {
      this.#file.close(fileFault(error) === 'damaged');
      throw inWords(error, path);
    }
  }

  get stream(): StreamId {
    return streamId(this.#options.terminal, this.#open.epoch);
  }

  accept(events: readonly TillEvent[]): Promise<Accepted> {
    const accepted = this.#accept(events);
    const end = (): unknown => this.#accepting.delete(accepted);
    this.#accepting.add(accepted);
    accepted.then(end, end);
    return accepted;
  }

  async #accept(events: readonly TillEvent[]): Promise<Accepted> {
    const steps = intakeRequest(events, this.#options.clock.stamp());
    // Most requests are ready at once, and then are handed over before this returns.
    const request = piece(steps)?.result ?? (await inTurns(steps));
    const store = () =>
      this.#commits.submitInPieces(request.bytes, () => this.#acceptance.store(request, this.#draft!));
    const attempt = async (): Promise<Accepted | null> => {
      try {
        return await store();
      } catch (error) {
        if (!isFull(error)) throw error;
        this.#budget.sawFull();
        return null;
      }
    };
    // The disk may have less than it said: then what is there already may be enough.
    return (await attempt()) ?? (await attempt()) ?? { kind: 'full', detail: this.#budget.describe() };
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    const work = (portion: readonly Settlement[], draft: Draft): void => {
      for (const settlement of portion) this.#settle(settlement, draft);
    };
    try {
      await this.#write(eventsOf(settlements), (draft) => work(settlements, draft));
      this.#rowsAtOnce = ROWS_AT_ONCE;
      return;
    } catch (error) {
      if (!isFull(error)) throw error;
    }
    for (let left = settlements; left.length > 0; ) {
      const portioned = left;
      left = await this.#transact((draft, rows) => {
        const { first, rest } = split(portioned, rows);
        work(first, draft);
        return rest;
      });
    }
  }

  *pending(after: number): Generator<PendingEvent, void, undefined> {
    const unreadable: Unreadable[] = [];
    const { unsettledFrom } = this.#clocks;
    try {
      for (const event of this.#rows.pending(
        this.#pending,
        after,
        (epoch) => this.#epochs.baseOf(epoch),
        (row) => unreadable.push(row),
      )) {
        if (unsettledFrom !== null && event.id >= unsettledFrom) return;
        yield event;
      }
    } finally {
      if (unreadable.length > 0) void this.#setAside(unreadable);
    }
  }

  pendingCount(after: number, upTo: number): number {
    return this.#pending.countBetween(after, upTo);
  }

  lastId(): number {
    return this.#lastId;
  }

  firstPendingFrom(hour: number): number | null {
    let least: number | null = null;
    for (const held of this.#pending.hoursFrom(hour)) {
      const id = this.#rows.firstOfHour(held);
      if (id !== null && (least === null || id < least)) least = id;
    }
    return least;
  }

  losses(limit: number): PendingLoss[] {
    // Between two pieces of a transaction its records can be seen, and may yet be rolled back.
    return this.#commits.busy ? [] : this.#losses.unsent(limit);
  }

  onLoss(listener: () => void): void {
    this.#lossListeners.push(listener);
  }

  greeted(greeting: Greeting): Promise<void> {
    // What is stamped from here on is right. Now, as the measure ages: a suspend stops the clock that it is against.
    const truth = this.#options.clock.compare(greeting);
    const done = this.#greeting.then(async () => {
      await this.#broughtOver.promise;
      await this.#clocks.compared(truth, this.#transact, () => Promise.allSettled(this.#accepting));
      await this.#storeGeneration.seen(greeting.storeGen, this.#transact);
    });
    this.#greeting = done.catch(() => {});
    return done;
  }

  oldestPending(): number | null {
    if (!this.#isWhole) return 0;
    const { unsettledFrom } = this.#clocks;
    if (unsettledFrom !== null && this.#pending.countBetween(unsettledFrom - 1, this.#lastId) > 0) return 0;
    const hour = this.#pending.oldestHour;
    return hour === null ? null : hour * HOUR_MS;
  }

  onPending(listener: () => void): void {
    this.#pendingListeners.push(listener);
  }

  holdings(): Holdings {
    const { ranges, count } = this.#pending;
    const { epoch: open } = this.#open;
    const { used, wal } = usageOf(this.#db, resolve(this.#options.path));
    return {
      epochs: this.#listEpochs()
        .map(({ epoch, base, lastSeq }) => ({ epoch, lastSeq, pending: pendingOf({ base, lastSeq }, ranges) }))
        .filter(({ epoch, pending }) => epoch === open || pending.length > 0),
      open,
      pending: count,
      losses: this.#counts.losses.events,
      bytes: used + wal,
    };
  }

  /** The same as `readFacts` reads from the file, at less cost. */
  facts(): BufferFacts {
    const counts = { ...this.#counts };
    const facts = describe(this.#db, resolve(this.#options.path), this.#pending, this.#listEpochs(), counts);
    return { ...facts, salvage: this.#isWhole ? null : (this.#salvage.words() ?? 'brought over: counting') };
  }

  /**
   * Brings over what was set aside, in slices. Resolves once nothing is left to do. Rejects on a fault of the disk.
   *
   * @param pause waits so many milliseconds, for the disk to have room again; false when the buffer is about to be closed
   */
  async bringOver(pause: (ms: number) => Promise<boolean>): Promise<void> {
    for (let waited = 0; !this.#isWhole; ) {
      try {
        if (!this.#salvage.isOver) await this.#salvage.goOn((work) => this.#commits.submit(0, work));
        if (this.#salvage.isShipping || this.#salvage.isOver) {
          await this.#commits.submit(0, () => {
            this.#epochs = new EpochIndex(listEpochs(this.#db));
            this.#load();
          });
          this.#isWhole = this.#salvage.isOver;
        }
      } catch (error) {
        if (!isFull(error)) throw error;
        this.#salvage.spareRoom();
        this.#budget.relieve();
        // Only what the collector acknowledges makes room: shipping can't wait for ever.
        if (++waited === FULL_PAUSES) this.#shipEarly();
        if (!(await pause(FULL_PAUSE_MS))) return;
      }
    }
    this.#broughtOver.resolve();
  }

  /**
   * Deletes a slice of what is kept no longer: acked events and refs.
   *
   * @returns whether there may be more
   */
  expire(): boolean {
    const { clock, keepAckedHours } = this.#options;
    const at = clock.retention();
    if (this.#commits.busy) return true;
    this.#budget.keepBallast();
    const rowBytes = this.#budget.rowBytes(this.#rowCount);
    const most = Math.min(EXPIRED_AT_ONCE, Math.floor(EXPIRED_BYTES / rowBytes));
    const limit = this.#budget.leavesSpace(most * rowBytes) ? most : Math.min(most, this.#rowsAtOnce);
    return this.#commits.now(limit * rowBytes, () => {
      // Somebody reads for long: what expires can wait.
      if (!this.#budget.canWrite(limit * rowBytes)) return false;
      const draft = this.#draft!;
      const before = at - keepAckedHours * HOUR_MS;
      const events = this.#departures.expired(before, at + DAY_MS, limit, draft);
      const refs = this.#refs.expire(limit);
      draft.refs -= refs;
      return events === limit || refs === limit;
    });
  }

  /** Loads memory anew when support has written to the file: `requeue` does. @throws on a fault of the disk */
  notice(): void {
    if (!this.#commits.busy && this.#outsiders.wrote) this.#commits.now(0, () => {});
  }

  /**
   * A slice of a look through the file: what is not what was written is given up.
   *
   * @returns whether the pass goes on
   * @throws DamagedFileError, or on a fault of the disk
   */
  check(): boolean {
    if (this.#commits.busy || !this.#isWhole) return true;
    const { unreadable, more } = this.#check.slice();
    if (unreadable.length > 0) void this.#setAside(unreadable);
    return more;
  }

  /** Commits what was handed over, unless the file is distrusted, and closes it. */
  close(distrusted = false): void {
    this.#isClosed = true;
    this.#salvage.close();
    if (!distrusted) {
      try {
        this.#commits.flush();
      } finally {
        this.#file.close();
      }
      return;
    }
    this.#file.close(true);
    this.#commits.flush();
  }

  #shipEarly(): void {
    this.#salvage.isShipping = true;
    this.#broughtOver.resolve();
  }

  #mark(newestHour: number | null, lossesChanged: boolean): void {
    const standing = {
      epochs: this.#listEpochs(),
      pending: this.#pending,
      unsentLosses: this.#counts.losses.unsent,
      lossesChanged,
      newestHour,
      carried: this.#salvage.marks,
      held: !this.#salvage.isOver,
    };
    try {
      this.#marks.follow(standing);
    } catch (error) {
      this.#options.damaged(`the high-water marks cannot be written: ${(error as Error).message}`);
    }
  }

  /**
   * Half as many rows, until what they take fits into the log: on a full disk it begins anew for each transaction, and never grows. Slowly more
   * again, as there may be room by then.
   */
  readonly #transact: Transact = async (work) => {
    for (;;) {
      const rows = this.#rowsAtOnce;
      try {
        const done = await this.#write(rows, (draft) => work(draft, rows), true);
        this.#rowsAtOnce = Math.min(ROWS_AT_ONCE, Math.ceil(rows * ROWS_GROWTH));
        return done;
      } catch (error) {
        if (!isFull(error) || rows === 1) throw error;
        this.#rowsAtOnce = Math.ceil(rows / 2);
      }
    }
  };

  /**
   * A transaction that stores no events.
   *
   * @param rows that it changes, about
   * @param insist whether to make room where there is none: from the ballast, and from what is kept for support only
   */
  async #write<T>(rows: number, work: (draft: Draft) => T, insist = false): Promise<T> {
    const bytes = rows * this.#budget.rowBytes(this.#rowCount);
    const run = (evict: boolean) => () => {
      const fits = this.#budget.canWrite(bytes) && (rows === 1 || this.#budget.leavesSpace(bytes));
      // Given back, not thrown: whoever shares the transaction has nothing to do with it.
      if (!fits) return new FullError(this.#budget.describe());
      const draft = this.#draft!;
      draft.bytes += bytes;
      if (evict) draft.evicted += this.#departures.evictAcked(rows, draft);
      return work(draft);
    };
    const submit = async (evict: boolean): Promise<T> => {
      const outcome = await this.#commits.submit(bytes, run(evict));
      if (outcome instanceof FullError) throw outcome;
      return outcome;
    };
    try {
      return await submit(false);
    } catch (error) {
      if (!insist || !isFull(error)) throw error;
      this.#budget.relieve();
      return submit(true);
    }
  }

  get #rowCount(): number {
    return this.#pending.count + this.#counts.acked + this.#counts.quarantined;
  }

  #listEpochs(): OpenedEpoch[] {
    return [...this.#epochs.list.slice(0, -1), { ...this.#open, lastSeq: this.#lastId - this.#open.base }];
  }

  #settle(settlement: Settlement, draft: Draft): void {
    switch (settlement.kind) {
      case 'stored':
        this.#departures.acked(this.#epochs.idsOf(settlement), draft);
        break;
      case 'quarantined':
        this.#departures.quarantined(this.#epochs.idsOf(settlement), settlement.reason, draft);
        break;
      case 'loss-stored':
        draft.losses.unsent -= this.#losses.acked(settlement.id, this.#options.clock.now());
        break;
    }
  }

  async #setAside(unreadable: readonly Unreadable[]): Promise<void> {
    for (const { id, detail } of unreadable) this.#options.damaged(`event ${id} cannot be read: ${detail}`);
    try {
      await this.#commits.submit(0, () => {
        for (const { id, detail } of unreadable) this.#departures.unreadable(id, detail, this.#draft!);
      });
    } catch (error) {
      this.#options.damaged(`unreadable events could not be set aside: ${(error as Error).message}`);
    }
  }

  /** Memory, as the rows are. */
  #load(): void {
    this.#pending = loadPending(this.#db);
    this.#counts = countRows(this.#db);
    this.#outsiders.see();
    this.#loaded = true;
  }

  /** Memory follows the rows. */
  #follow(): void {
    const draft = this.#draft!;
    this.#draft = null;
    this.#lastId = draft.lastId;
    this.#counts.acked += draft.acked;
    this.#counts.quarantined += draft.quarantined;
    this.#counts.refs += draft.refs;
    this.#counts.refConflicts += draft.refConflicts;
    const { events, records, unsent } = draft.losses;
    this.#counts.losses.events += events;
    this.#counts.losses.records += records;
    this.#counts.losses.unsent += unsent;
    if (!draft.applyTo(this.#pending)) this.#countAnew();
    if (this.#salvage.tookEpoch()) this.#epochs = new EpochIndex(listEpochs(this.#db));
    this.#mark(draft.newestHour, this.#loaded || records !== 0 || unsent !== 0);
    if (draft.lastId > draft.before) this.#secureSoon();
    const more = draft.addedAny || this.#loaded;
    this.#loaded = false;
    if (more) for (const listener of this.#pendingListeners) listener();
    if (unsent > 0) for (const listener of this.#lossListeners) listener();
  }

  /** After the answers. */
  #secureSoon(): void {
    this.#securing ??= setImmediate(() => {
      this.#securing = null;
      if (this.#isClosed || this.#commits.busy) return;
      try {
        this.#budget.secure();
      } catch (error) {
        this.#options.damaged(`the log cannot be copied: ${(error as Error).message}`);
      }
    });
  }

  #countAnew(): void {
    const { damaged } = this.#options;
    damaged('the number of pending events does not add up: counting anew');
    try {
      this.#pending = loadPending(this.#db);
    } catch (error) {
      damaged(`pending events cannot be counted: ${(error as Error).message}`);
    }
  }
}

/**
 * The buffer on SQLite: what `agent/port/intake.ts` and `agent/port/outbox.ts` promise.
 *
 * `Memory` follows the rows, after each commit. Within a transaction the changes gather in a `Draft`; a rollback drops it.
 */
import { resolve } from 'node:path';
import type { TillEvent } from '../../shared/event/event.ts';
import { type StreamId, streamId } from '../../shared/ids.ts';
import { HOUR_MS } from '../../shared/time.ts';
import type { BufferFacts } from '../port/buffer-reader.ts';
import type { Accepted, Intake } from '../port/intake.ts';
import type { Greeting, Holdings, Outbox, PendingEvent, PendingLoss, Settlement } from '../port/outbox.ts';
import { Acceptance } from './append.ts';
import { Memory } from './buffer-state.ts';
import { Portions } from './capacity/bounded-transactions.ts';
import { Budget, checkpointPages, defaultMinFreeBytes } from './capacity/disk-budget.ts';
import { Eviction } from './capacity/eviction.ts';
import { Expiry } from './capacity/expiry.ts';
import { isFull } from './disk/buffer-error.ts';
import { fileFault } from './disk/classify-error.ts';
import { Outsiders } from './external-writes.ts';
import { HighWaterMarks, type Standing } from './high-water/update-marks.ts';
import { FileCheck } from './integrity/scrubber.ts';
import { inWords, openForWriting, type WritableDatabase } from './open-database.ts';
import type { BufferOptions } from './options.ts';
import { intakeRequest } from './prepare-append.ts';
import { Salvage } from './recovery/recover-files.ts';
import { BringingOver } from './recovery/recovery.ts';
import { Settling } from './settle.ts';
import { StoreGeneration } from './store-generation.ts';
import { Refs } from './tables/dedup-index.ts';
import { openEpoch } from './tables/epochs.ts';
import { EventRows, type Unreadable } from './tables/event-table.ts';
import { Gone } from './tables/expired-ranges.ts';
import { Losses } from './tables/loss-ledger.ts';
import { Clocks } from './timestamps/clock-segments.ts';
import { Draft } from './transaction/changeset.ts';
import { inTurns, piece } from './transaction/cooperative.ts';
import { GroupCommit } from './transaction/group-commit.ts';
import { UnreadableRows } from './transaction/quarantine-unreadable.ts';
import { Departures } from './transaction/state-transitions.ts';

export class SqliteBuffer implements Intake, Outbox {
  readonly #file: WritableDatabase;
  readonly #options: BufferOptions;
  readonly #memory: Memory;
  readonly #rows: EventRows;
  readonly #refs: Refs;
  readonly #clocks: Clocks;
  readonly #losses: Losses;
  readonly #departures: Departures;
  readonly #storeGeneration: StoreGeneration;
  readonly #budget: Budget;
  readonly #commits: GroupCommit;
  readonly #portions: Portions;
  readonly #acceptance: Acceptance;
  readonly #pendingListeners: (() => void)[] = [];
  readonly #lossListeners: (() => void)[] = [];
  readonly #outsiders: Outsiders;
  readonly #salvage: Salvage;
  readonly #bringingOver: BringingOver;
  readonly #settling: Settling;
  readonly #expiry: Expiry;
  readonly #unreadable: UnreadableRows;
  readonly #check: FileCheck;
  readonly #marks: HighWaterMarks;
  #isClosed = false;
  #securing: NodeJS.Immediate | null = null;
  #draft: Draft | null = null;
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
    try {
      this.#clocks = new Clocks(db, clock);
      openEpoch(db, randomBytes(8), now(), clock.retention(), this.#file.highWater.unsettled);
      const memory = new Memory(db, path, damaged);
      this.#memory = memory;
      this.#outsiders = new Outsiders(db);
      this.#rows = new EventRows(db);
      this.#refs = new Refs(db, (id, at) => this.#clocks.age(id, at, id <= memory.open.base));
      this.#losses = new Losses(db, damaged);
      this.#departures = new Departures({
        rows: this.#rows,
        gone: new Gone(db),
        losses: this.#losses,
        refs: this.#refs,
        epochs: () => memory.epochs,
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
        held: () => memory.rowCount,
        terminal,
        epoch: memory.open.epoch,
        base: memory.open.base,
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
            this.#draft = new Draft(memory.lastId);
          },
          committed: () => this.#follow(),
          rolledBack: () => {
            this.#draft = null;
            this.#clocks.rolledBack();
          },
        },
        options.commitDelayMs,
      );
      const transactions = {
        ...{ commits: this.#commits, budget: this.#budget, departures: this.#departures },
        draft: () => this.#draft!,
        held: () => memory.rowCount,
      };
      this.#portions = new Portions(transactions);
      const { keepAckedHours } = options;
      this.#expiry = new Expiry({ ...transactions, portions: this.#portions, refs: this.#refs, clock, keepAckedHours });
      this.#budget.keepBallast();
      const elapsed = (): number => performance.now();
      this.#salvage = new Salvage({
        ...{ db, path: resolve(path), terminal, losses: this.#losses, clocks: this.#clocks },
        ...{ now, elapsed },
      });
      this.#bringingOver = new BringingOver({
        ...{ salvage: this.#salvage, portions: this.#portions, departures: this.#departures, budget: this.#budget },
        within: (work) => this.#commits.submit(0, work),
        load: () => this.#loadAll(),
      });
      this.#settling = new Settling({
        ...{ portions: this.#portions, departures: this.#departures, losses: this.#losses, now },
        epochs: () => memory.epochs,
      });
      this.#unreadable = new UnreadableRows({
        ...{ departures: this.#departures, damaged },
        within: (work) => this.#commits.submit(0, () => work(this.#draft!)),
      });
      this.#check = new FileCheck({
        ...{ db, path, epochs: () => memory.epochs, pending: () => memory.pending },
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
    return streamId(this.#options.terminal, this.#memory.open.epoch);
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

  settle(settlements: readonly Settlement[]): Promise<void> {
    return this.#settling.settle(settlements);
  }

  *pending(after: number): Generator<PendingEvent, void, undefined> {
    const unreadable: Unreadable[] = [];
    const { unsettledFrom } = this.#clocks;
    try {
      for (const event of this.#rows.pending(
        this.#memory.pending,
        after,
        (epoch) => this.#memory.epochs.baseOf(epoch),
        (row) => unreadable.push(row),
      )) {
        if (unsettledFrom !== null && event.id >= unsettledFrom) return;
        yield event;
      }
    } finally {
      if (unreadable.length > 0) void this.#unreadable.giveUp(unreadable);
    }
  }

  pendingCount(after: number, upTo: number): number {
    return this.#memory.pending.countBetween(after, upTo);
  }

  lastId(): number {
    return this.#memory.lastId;
  }

  firstPendingFrom(hour: number): number | null {
    return this.#rows.firstOfHours(this.#memory.pending.hoursFrom(hour));
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
      await this.#bringingOver.mayShip;
      await this.#clocks.compared(truth, this.#portions.transact, () => Promise.allSettled(this.#accepting));
      await this.#storeGeneration.seen(greeting.storeGen, this.#portions.transact);
    });
    this.#greeting = done.catch(() => {});
    return done;
  }

  oldestPending(): number | null {
    if (!this.#bringingOver.isWhole) return 0;
    const { unsettledFrom } = this.#clocks;
    if (unsettledFrom !== null && this.#memory.pending.countBetween(unsettledFrom - 1, this.#memory.lastId) > 0)
      return 0;
    const hour = this.#memory.pending.oldestHour;
    return hour === null ? null : hour * HOUR_MS;
  }

  onPending(listener: () => void): void {
    this.#pendingListeners.push(listener);
  }

  holdings(): Holdings {
    return this.#memory.holdings();
  }

  facts(): BufferFacts {
    return { ...this.#memory.facts(), salvage: this.#bringingOver.words() };
  }

  /** Brings over what was set aside: see `BringingOver.run`. */
  bringOver(pause: (ms: number) => Promise<boolean>): Promise<void> {
    return this.#bringingOver.run(pause);
  }

  /** Deletes a slice of what is kept no longer. @returns whether there may be more */
  expire(): boolean {
    return this.#expiry.slice();
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
    if (this.#commits.busy || !this.#bringingOver.isWhole) return true;
    const { unreadable, more } = this.#check.slice();
    if (unreadable.length > 0) void this.#unreadable.giveUp(unreadable);
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

  #mark(newestHour: number | null, lossesChanged: boolean): void {
    const { isOver, isShipping } = this.#salvage;
    const standing: Standing = {
      epochs: this.#memory.listEpochs(),
      pending: this.#memory.pending,
      unsentLosses: this.#memory.counts.losses.unsent,
      lossesChanged,
      newestHour,
      unconfirmedFrom: this.#clocks.unsettledFrom,
      carried: this.#salvage.marks,
      shipping: isOver ? 'free' : isShipping ? 'ahead' : 'held',
    };
    try {
      this.#marks.follow(standing);
    } catch (error) {
      this.#options.damaged(`the high-water marks cannot be written: ${(error as Error).message}`);
    }
  }

  /** In a transaction of its own: what another had done before in the same one would be counted twice. */
  async #loadAll(): Promise<void> {
    this.#commits.now(0, () => {
      this.#memory.loadEpochs();
      this.#load();
    });
  }

  /** Memory, as the rows are. */
  #load(): void {
    this.#memory.load();
    this.#outsiders.see();
  }

  #follow(): void {
    const draft = this.#draft!;
    this.#draft = null;
    const { records, unsent } = draft.losses;
    const lossesChanged = this.#memory.loaded || records !== 0 || unsent !== 0;
    const more = this.#memory.follow(draft);
    if (this.#salvage.tookEpoch()) this.#memory.loadEpochs();
    this.#mark(draft.newestHour, lossesChanged);
    if (draft.lastId > draft.before) this.#secureSoon();
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
}

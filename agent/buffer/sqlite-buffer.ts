/**
 * The buffer on SQLite: what `agent/port/intake.ts` and `agent/port/outbox.ts` promise.
 *
 * `BufferState` follows the rows, after each commit. Within a transaction the changes gather in a `ChangeSet`; a rollback drops it.
 */
import { resolve } from 'node:path';
import { runCooperatively, runSlice } from '../../shared/cooperative.ts';
import type { TillEvent } from '../../shared/event/event.ts';
import { type StreamId, streamId } from '../../shared/ids.ts';
import { HOUR_MS } from '../../shared/time.ts';
import type { BufferStats } from '../port/buffer-reader.ts';
import type { Accepted, Intake } from '../port/intake.ts';
import type { Greeting, Holdings, Outbox, PendingEvent, PendingLoss, Settlement } from '../port/outbox.ts';
import { Append } from './append.ts';
import { BufferState } from './buffer-state.ts';
import { BoundedTransactions } from './capacity/bounded-transactions.ts';
import { checkpointPages, DiskBudget, defaultMinFreeBytes } from './capacity/disk-budget.ts';
import { Eviction } from './capacity/eviction.ts';
import { Expiry } from './capacity/expiry.ts';
import { isFull } from './disk/buffer-error.ts';
import { classifyError } from './disk/classify-error.ts';
import { FaultReporter } from './disk/fault-reporter.ts';
import { type BufferSnapshot, HighWaterMarks } from './high-water/update-marks.ts';
import { Scrubber } from './integrity/scrubber.ts';
import { asBufferError, openForWriting, type WritableDatabase } from './open-database.ts';
import type { BufferOptions } from './options.ts';
import { prepareAppend } from './prepare-append.ts';
import { FileRecovery } from './recovery/recover-files.ts';
import { Recovery } from './recovery/recovery.ts';
import { Settle } from './settle.ts';
import { StoreGeneration } from './store-generation.ts';
import { DedupIndex } from './tables/dedup-index.ts';
import { openEpoch } from './tables/epochs.ts';
import { EventTable, type UnreadableRow } from './tables/event-table.ts';
import { ExpiredRanges } from './tables/expired-ranges.ts';
import { LossLedger } from './tables/loss-ledger.ts';
import { ClockSegments } from './timestamps/clock-segments.ts';
import type { ChangeSet } from './transaction/changeset.ts';
import { GroupCommit } from './transaction/group-commit.ts';
import { QuarantineUnreadable } from './transaction/quarantine-unreadable.ts';
import { StateTransitions } from './transaction/state-transitions.ts';

export class SqliteBuffer implements Intake, Outbox {
  readonly #file: WritableDatabase;
  readonly #faults: FaultReporter;
  readonly #options: BufferOptions;
  readonly #state: BufferState;
  readonly #rows: EventTable;
  readonly #clocks: ClockSegments;
  readonly #losses: LossLedger;
  readonly #storeGeneration: StoreGeneration;
  readonly #budget: DiskBudget;
  readonly #commits: GroupCommit;
  readonly #bounded: BoundedTransactions;
  readonly #append: Append;
  readonly #pendingListeners: (() => void)[] = [];
  readonly #lossListeners: (() => void)[] = [];
  readonly #fileRecovery: FileRecovery;
  readonly #recovery: Recovery;
  readonly #settle: Settle;
  readonly #expiry: Expiry;
  readonly #unreadable: QuarantineUnreadable;
  readonly #scrubber: Scrubber;
  readonly #marks: HighWaterMarks;
  #isClosed = false;
  #securing: NodeJS.Immediate | null = null;
  /** Stamped, and neither stored nor refused yet. */
  readonly #accepting = new Set<Promise<Accepted>>();
  /** One greeting at a time. */
  #greeting: Promise<void> = Promise.resolve();

  /** @throws BufferError when the file can't be opened for a reason to tell; else on a fault of the disk */
  constructor(options: BufferOptions) {
    const { path, terminal, merchant, clock, randomBytes, damaged } = options;
    const now = (): number => clock.now();
    this.#options = options;
    this.#faults = new FaultReporter(options.onFault ?? (() => {}));
    this.#file = openForWriting({
      path,
      owner: { merchant, terminal },
      checkpointPages: checkpointPages(options.maxBytes),
      distrust: options.distrust ?? null,
      now,
    });
    const { db } = this.#file;
    try {
      this.#clocks = new ClockSegments(db, clock);
      openEpoch(db, randomBytes(8), now(), clock.retention(), this.#file.highWater.unsettled);
      const state = new BufferState(db, path, damaged);
      this.#state = state;
      this.#rows = new EventTable(db);
      const refs = new DedupIndex(db, (id, at) => this.#clocks.age(id, at, id <= state.open.base));
      this.#losses = new LossLedger(db, damaged);
      const tables = { rows: this.#rows, refs, losses: this.#losses, expired: new ExpiredRanges(db) };
      const transitions = new StateTransitions(tables, state, clock);
      this.#storeGeneration = new StoreGeneration(db, transitions, this.#losses);
      const minFreeBytes = options.minFreeBytes ?? defaultMinFreeBytes(path);
      this.#budget = new DiskBudget(db, resolve(path), { maxBytes: options.maxBytes, minFreeBytes }, options.diskFree);
      this.#append = new Append(db, {
        rows: this.#rows,
        refs,
        clocks: this.#clocks,
        budget: this.#budget,
        eviction: new Eviction(options.whenFull, transitions),
        state,
        terminal,
      });
      this.#commits = new GroupCommit(
        db,
        state,
        {
          prepare: (bytes) => {
            this.#file.assertInPlace();
            this.#budget.refresh(bytes);
          },
          begun: () => {
            if (state.isBehind) state.reload();
          },
          committed: (changes) => this.#follow(changes),
          rolledBack: () => this.#clocks.rolledBack(),
          failed: (error) => this.#faults.report(error),
        },
        options.commitDelayMs,
      );
      this.#bounded = new BoundedTransactions(this.#commits, this.#budget, transitions, state);
      this.#expiry = new Expiry({
        commits: this.#commits,
        bounded: this.#bounded,
        budget: this.#budget,
        transitions,
        refs,
        index: state,
        clock,
        keepAckedHours: options.keepAckedHours,
      });
      this.#budget.ensureReserve();
      const elapsed = (): number => performance.now();
      this.#fileRecovery = new FileRecovery({
        db,
        path: resolve(path),
        terminal,
        losses: this.#losses,
        clocks: this.#clocks,
        now,
        elapsed,
      });
      this.#recovery = new Recovery(this.#fileRecovery, this.#bounded, transitions, this.#budget, state);
      this.#settle = new Settle(this.#bounded, transitions, this.#losses, state, clock);
      this.#unreadable = new QuarantineUnreadable(transitions, this.#bounded, damaged);
      this.#scrubber = new Scrubber(db, path, state);
      this.#marks = new HighWaterMarks(db, this.#file.highWater, elapsed);
      this.#mark(null, true);
      this.#file.highWater.sync();
    } catch (error) {
      this.#file.close(classifyError(error) === 'damaged');
      throw asBufferError(error, path);
    }
  }

  get stream(): StreamId {
    return streamId(this.#options.terminal, this.#state.open.epoch);
  }

  accept(events: readonly TillEvent[]): Promise<Accepted> {
    const accepted = this.#accept(events);
    const end = (): unknown => this.#accepting.delete(accepted);
    this.#accepting.add(accepted);
    accepted.then(end, end);
    return accepted;
  }

  async #accept(events: readonly TillEvent[]): Promise<Accepted> {
    const steps = prepareAppend(events, this.#options.clock.stamp());
    // Most requests are ready at once, and then are submitted before this returns.
    const request = runSlice(steps)?.result ?? (await runCooperatively(steps));
    const store = () => this.#commits.submitCooperative(request.bytes, (changes) => this.#append.run(request, changes));
    const attempt = async (): Promise<Accepted | null> => {
      try {
        return await store();
      } catch (error) {
        if (!isFull(error)) throw error;
        this.#budget.markDiskFull();
        return null;
      }
    };
    // The disk may have less than it said: then what is there already may be enough.
    return (await attempt()) ?? (await attempt()) ?? { kind: 'full', detail: this.#budget.describe() };
  }

  settle(settlements: readonly Settlement[]): Promise<void> {
    return this.#faults.wait(this.#settle.run(settlements));
  }

  *pending(after: number): Generator<PendingEvent, void, undefined> {
    try {
      yield* this.#readPending(after);
    } catch (error) {
      this.#faults.report(error);
      throw error;
    }
  }

  *#readPending(after: number): Generator<PendingEvent, void, undefined> {
    const unreadable: UnreadableRow[] = [];
    const { unconfirmedFrom: unsettledFrom } = this.#clocks;
    try {
      for (const event of this.#rows.pending(
        this.#state.pending,
        after,
        (epoch) => this.#state.epochs.baseOf(epoch),
        (row) => unreadable.push(row),
      )) {
        if (unsettledFrom !== null && event.id >= unsettledFrom) return;
        yield event;
      }
    } finally {
      if (unreadable.length > 0) void this.#unreadable.quarantine(unreadable);
    }
  }

  pendingCount(after: number, upTo: number): number {
    return this.#state.pending.countBetween(after, upTo);
  }

  lastId(): number {
    return this.#state.lastId;
  }

  firstPendingFrom(hour: number): number | null {
    return this.#faults.run(() => this.#rows.firstOfHours(this.#state.pending.hoursFrom(hour)));
  }

  losses(limit: number): PendingLoss[] {
    // Between two pieces of a transaction its records can be seen, and may yet be rolled back.
    return this.#commits.busy ? [] : this.#faults.run(() => this.#losses.unacknowledged(limit));
  }

  onLoss(listener: () => void): void {
    this.#lossListeners.push(listener);
  }

  greeted(greeting: Greeting): Promise<void> {
    // What is stamped from here on is right. Now, as the measure ages: a suspend stops the clock that it is against.
    const truth = this.#options.clock.compare(greeting);
    const done = this.#greeting.then(async () => {
      await this.#recovery.mayShip;
      await this.#clocks.judge(truth, this.#bounded, () => Promise.allSettled(this.#accepting));
      await this.#storeGeneration.seen(greeting.storeGen, this.#bounded);
    });
    this.#greeting = done.catch(() => {});
    return this.#faults.wait(done);
  }

  oldestPending(): number | null {
    if (!this.#recovery.isWhole) return 0;
    const unsettledFrom = this.#faults.run(() => this.#clocks.unconfirmedFrom);
    if (unsettledFrom !== null && this.#state.pending.countBetween(unsettledFrom - 1, this.#state.lastId) > 0) return 0;
    const hour = this.#state.pending.oldestHour;
    return hour === null ? null : hour * HOUR_MS;
  }

  onPending(listener: () => void): void {
    this.#pendingListeners.push(listener);
  }

  holdings(): Holdings {
    return this.#faults.run(() => this.#state.holdings());
  }

  facts(): BufferStats {
    return this.#faults.run(() => ({ ...this.#state.facts(), salvage: this.#recovery.describe() }));
  }

  /** Brings over what was set aside: see `BringingOver.run`. */
  recover(pause: (ms: number) => Promise<boolean>): Promise<void> {
    return this.#faults.wait(this.#recovery.run(pause));
  }

  /** Deletes a slice of what is kept no longer. @returns whether there may be more */
  expireStep(): boolean {
    return this.#faults.run(() => this.#expiry.step());
  }

  /** Loads memory anew when support has written to the file: `requeue` does. @throws on a fault of the disk */
  reloadIfChanged(): void {
    this.#faults.run(() => {
      if (!this.#commits.busy && this.#state.isBehind) this.#commits.now(0, () => {});
    });
  }

  /**
   * A slice of a look through the file: what is not what was written is given up.
   *
   * @returns whether the pass goes on
   * @throws DamagedFileError, or on a fault of the disk
   */
  scrubStep(): boolean {
    if (this.#commits.busy || !this.#recovery.isWhole) return true;
    const { unreadable, more } = this.#faults.run(() => this.#scrubber.step());
    if (unreadable.length > 0) void this.#unreadable.quarantine(unreadable);
    return more;
  }

  /** Commits what was handed over, unless the file is distrusted, and closes it. */
  close(distrusted = false): void {
    this.#isClosed = true;
    this.#fileRecovery.close();
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
    const { isOver, isShipping } = this.#fileRecovery;
    const standing: BufferSnapshot = {
      epochs: this.#state.listEpochs(),
      pending: this.#state.pending,
      unsentLosses: this.#state.counts.losses.unsent,
      lossesChanged,
      newestHour,
      unconfirmedFrom: this.#clocks.unconfirmedFrom,
      carried: this.#fileRecovery.marks,
      shipping: isOver ? 'free' : isShipping ? 'ahead' : 'held',
    };
    try {
      this.#marks.update(standing);
    } catch (error) {
      this.#options.damaged(`the high-water marks cannot be written: ${(error as Error).message}`);
    }
  }

  #follow(changes: ChangeSet): void {
    const { records, unsent } = changes.losses;
    const lossesChanged = this.#state.isReloaded || records !== 0 || unsent !== 0;
    const more = this.#state.apply(changes);
    if (this.#fileRecovery.tookEpoch()) this.#state.reloadEpochs();
    this.#mark(changes.newestHour, lossesChanged);
    if (changes.lastId > changes.lastIdBefore) this.#secureSoon();
    if (more) for (const listener of this.#pendingListeners) listener();
    if (unsent > 0) for (const listener of this.#lossListeners) listener();
  }

  /** After the answers. */
  #secureSoon(): void {
    this.#securing ??= setImmediate(() => {
      this.#securing = null;
      if (this.#isClosed || this.#commits.busy) return;
      try {
        this.#budget.checkpointIfLow();
      } catch (error) {
        this.#options.damaged(`the log cannot be copied: ${(error as Error).message}`);
      }
    });
  }
}

/**
 * The buffer on SQLite: implements `agent/port/intake.ts` and `agent/port/outbox.ts`.
 *
 * The way of an event: accept -> GroupCommit -> Append -> EventTable -> COMMIT -> CommitFollower.
 * Each transaction collects what it changes in a `ChangeSet`, which is applied to `BufferState`
 * after COMMIT; a rollback drops it.
 */
import { resolve } from 'node:path';
import { runCooperatively, runSlice } from '../../shared/cooperative.ts';
import type { TillEvent } from '../../shared/event/event.ts';
import { type StreamId, streamId } from '../../shared/ids.ts';
import { HOUR_MS } from '../../shared/time.ts';
import type { BufferStats } from '../port/buffer-reader.ts';
import type { EventClock } from '../port/event-clock.ts';
import type { Accepted, Intake } from '../port/intake.ts';
import type {
  Acknowledged,
  Greeting,
  Holdings,
  Outbox,
  PendingEvent,
  PendingLoss,
  Settlement,
} from '../port/outbox.ts';
import { Append } from './append.ts';
import { BufferState } from './buffer-state.ts';
import { BoundedTransactions } from './capacity/bounded-transactions.ts';
import { DiskBudget } from './capacity/disk-budget.ts';
import { Eviction } from './capacity/eviction.ts';
import { Expiry } from './capacity/expiry.ts';
import { CommitFollower } from './commit-follower.ts';
import { isFull } from './disk/buffer-error.ts';
import { classifyError } from './disk/classify-error.ts';
import { defaultMinFreeBytes } from './disk/disk-usage.ts';
import { FaultReporter } from './disk/fault-reporter.ts';
import { Scrubber } from './integrity/scrubber.ts';
import { asBufferError, openForWriting, type WritableDatabase } from './open-database.ts';
import { type BufferOptions, openingOf } from './options.ts';
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
  /** Of the epoch that this opening writes. */
  readonly stream: StreamId;
  readonly #clock: EventClock;
  readonly #faults: FaultReporter;
  readonly #file: WritableDatabase;
  readonly #clocks: ClockSegments;
  readonly #state: BufferState;
  readonly #rows: EventTable;
  readonly #losses: LossLedger;
  readonly #storeGeneration: StoreGeneration;
  readonly #budget: DiskBudget;
  readonly #append: Append;
  readonly #files: FileRecovery;
  readonly #follower: CommitFollower;
  readonly #commits: GroupCommit;
  readonly #bounded: BoundedTransactions;
  readonly #expiry: Expiry;
  readonly #recovery: Recovery;
  readonly #settle: Settle;
  readonly #unreadable: QuarantineUnreadable;
  readonly #scrubber: Scrubber;
  /** Requests that were stamped and are neither stored nor refused yet. */
  readonly #accepting = new Set<Promise<Accepted>>();
  /** One greeting at a time. */
  #greeting: Promise<void> = Promise.resolve();

  /** @throws BufferError when the file cannot be opened; else on a fault of the disk */
  constructor(options: BufferOptions) {
    this.#clock = options.clock;
    this.#faults = new FaultReporter(options.onFault ?? (() => {}));
    this.#file = openForWriting(openingOf(options));
    try {
      const { clock, damaged, terminal } = options;
      const path = resolve(options.path);
      const { db, highWater } = this.#file;
      const elapsed = (): number => performance.now();
      this.#clocks = new ClockSegments(db, clock);
      openEpoch(db, options.randomBytes(8), clock.now(), clock.retention(), highWater.unsettled);
      const state = new BufferState(db, path, damaged);
      const { epoch, base } = state.open;
      this.#state = state;
      this.stream = streamId(terminal, epoch);
      const rows = new EventTable(db);
      this.#rows = rows;
      const refs = new DedupIndex(db, (id, at) => this.#clocks.age(id, at, id <= base));
      const losses = new LossLedger(db, damaged);
      this.#losses = losses;
      const transitions = new StateTransitions({ rows, refs, losses, expired: new ExpiredRanges(db) }, state, clock);
      this.#storeGeneration = new StoreGeneration(db, transitions, losses, () => clock.now());
      const minFreeBytes = options.minFreeBytes ?? defaultMinFreeBytes(path);
      const limits = { maxBytes: options.maxBytes, minFreeBytes };
      const budget = new DiskBudget(db, path, limits, options.diskFree);
      this.#budget = budget;
      const clocks = this.#clocks;
      const eviction = new Eviction(options.whenFull, transitions);
      this.#append = new Append(db, { rows, refs, clocks, budget, eviction, state, terminal });
      budget.ensureReserve();
      this.#files = new FileRecovery({ db, path, terminal, losses, clocks, now: () => clock.now(), elapsed });
      const [file, files, faults] = [this.#file, this.#files, this.#faults];
      this.#follower = new CommitFollower({ file, state, clocks, budget, files, faults, damaged, elapsed });
      this.#commits = new GroupCommit(db, state, this.#follower, options.commitDelayMs);
      this.#bounded = new BoundedTransactions(this.#commits, budget, transitions, state);
      this.#expiry = new Expiry({
        commits: this.#commits,
        bounded: this.#bounded,
        budget,
        transitions,
        refs,
        index: state,
        clock,
        keepAckedHours: options.keepAckedHours,
      });
      this.#recovery = new Recovery(files, this.#bounded, transitions, budget, state);
      this.#settle = new Settle(this.#bounded, transitions, losses, state, clock);
      this.#unreadable = new QuarantineUnreadable(transitions, this.#bounded, damaged);
      this.#scrubber = new Scrubber(db, options.path, state);
      this.#follower.start();
    } catch (error) {
      this.#file.close(classifyError(error) === 'damaged');
      throw asBufferError(error, options.path);
    }
  }

  accept(events: readonly TillEvent[]): Promise<Accepted> {
    const accepted = this.#store(events);
    const forget = (): unknown => this.#accepting.delete(accepted);
    this.#accepting.add(accepted);
    accepted.then(forget, forget);
    return accepted;
  }

  async #store(events: readonly TillEvent[]): Promise<Accepted> {
    const task = prepareAppend(events, this.#clock.stamp());
    // Most requests are ready at once, and then are submitted before this returns.
    const request = runSlice(task)?.result ?? (await runCooperatively(task));
    const work = (changes: ChangeSet) => this.#append.run(request, changes);
    // The disk may have less space than it reported: the second attempt uses only what the files
    // have already.
    for (let attempt = 1; attempt <= 2; attempt++) {
      try {
        return await this.#commits.submitCooperative(request.bytes, work);
      } catch (error) {
        if (!isFull(error)) throw error;
        this.#budget.markDiskFull();
      }
    }
    return { kind: 'full', detail: this.#budget.describe() };
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
    const { unconfirmedFrom } = this.#clocks;
    const baseOf = (epoch: PendingEvent['epoch']) => this.#state.epochs.baseOf(epoch);
    try {
      for (const event of this.#rows.pending(this.#state.pending, after, baseOf, (row) => unreadable.push(row))) {
        if (unconfirmedFrom !== null && event.id >= unconfirmedFrom) return;
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
    // Between two slices of a transaction its records can be read, and may yet be rolled back.
    return this.#commits.busy ? [] : this.#faults.run(() => this.#losses.unacknowledged(limit));
  }

  onLoss(listener: () => void): void {
    this.#follower.onLoss(listener);
  }

  greeted(greeting: Greeting): Promise<void> {
    // At once, as the measurement ages: a suspend stops the monotonic clock that it refers to.
    const truth = this.#clock.compare(greeting);
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
    const { pending, lastId } = this.#state;
    const unconfirmedFrom = this.#faults.run(() => this.#clocks.unconfirmedFrom);
    if (unconfirmedFrom !== null && pending.countBetween(unconfirmedFrom - 1, lastId) > 0) return 0;
    const hour = pending.oldestHour;
    return hour === null ? null : hour * HOUR_MS;
  }

  onPending(listener: () => void): void {
    this.#follower.onPending(listener);
  }

  holdings(): Holdings {
    const holdings = this.#faults.run(() => this.#state.holdings());
    // An epoch may have events that are not recovered yet.
    return this.#recovery.isWhole ? holdings : { ...holdings, drained: [] };
  }

  acknowledged(): Acknowledged {
    return this.#faults.run(() => this.#storeGeneration.acknowledged());
  }

  facts(): BufferStats {
    return this.#faults.run(() => ({ ...this.#state.facts(), salvage: this.#recovery.describe() }));
  }

  /** Recovers set-aside files: see `Recovery.run`. */
  recover(pause: (ms: number) => Promise<boolean>): Promise<void> {
    return this.#faults.wait(this.#recovery.run(pause));
  }

  /** Deletes a slice of what has expired. @returns whether there may be more */
  expireStep(): boolean {
    return this.#faults.run(() => this.#expiry.step());
  }

  /** Loads what another process wrote, as `requeue` does. @throws FileMovedError, on disk faults */
  reloadIfChanged(): void {
    this.#faults.run(() => {
      if (this.#commits.busy) return;
      this.#file.assertInPlace();
      if (this.#state.isBehind) this.#commits.now(0, () => {});
    });
  }

  /**
   * Scrubs a slice of the file. Rows that are not what was written are quarantined.
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

  /** Commits what was submitted, unless the file is distrusted, and closes it. */
  close(distrusted = false): void {
    this.#follower.stop();
    this.#files.close();
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
}

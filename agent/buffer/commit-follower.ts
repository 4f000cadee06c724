/**
 * Keeps what depends on the rows in step with each transaction: memory, high-water marks and
 * listeners.
 *
 * Order after a COMMIT: memory, marks, listeners; then the answers leave (see `GroupCommit`); then,
 * in a later turn, a WAL checkpoint where the disk is nearly full.
 */
import type { BufferState } from './buffer-state.ts';
import type { DiskBudget } from './capacity/disk-budget.ts';
import type { FaultReporter } from './disk/fault-reporter.ts';
import { type BufferSnapshot, HighWaterMarks } from './high-water/update-marks.ts';
import type { WritableDatabase } from './open-database.ts';
import type { FileRecovery } from './recovery/recover-files.ts';
import type { ClockSegments } from './timestamps/clock-segments.ts';
import type { ChangeSet } from './transaction/changeset.ts';
import type { TransactionObserver } from './transaction/group-commit.ts';

export interface CommitFollowerDependencies {
  readonly file: WritableDatabase;
  readonly state: BufferState;
  readonly clocks: ClockSegments;
  readonly budget: DiskBudget;
  readonly files: FileRecovery;
  readonly faults: FaultReporter;
  /** Called when marks cannot be written or the WAL cannot be copied. */
  readonly damaged: (detail: string) => void;
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
}

export class CommitFollower implements TransactionObserver {
  readonly #with: CommitFollowerDependencies;
  readonly #marks: HighWaterMarks;
  readonly #pendingListeners: (() => void)[] = [];
  readonly #lossListeners: (() => void)[] = [];
  #isInTransaction = false;
  #isStopped = false;
  #checkpoint: NodeJS.Immediate | null = null;

  constructor(dependencies: CommitFollowerDependencies) {
    this.#with = dependencies;
    const { file, elapsed } = dependencies;
    this.#marks = new HighWaterMarks(file.db, file.highWater, elapsed);
  }

  /** See `Outbox.onPending`. */
  onPending(listener: () => void): void {
    this.#pendingListeners.push(listener);
  }

  /** See `Outbox.onLoss`. */
  onLoss(listener: () => void): void {
    this.#lossListeners.push(listener);
  }

  /** Writes the marks of a buffer that was just opened. @throws where they cannot be synced */
  start(): void {
    this.#updateMarks(null, true);
    this.#with.file.highWater.sync();
  }

  /** The file is about to be closed. */
  stop(): void {
    this.#isStopped = true;
  }

  prepare(bytes: number): void {
    this.#with.file.assertInPlace();
    this.#with.budget.refresh(bytes);
  }

  begun(): void {
    this.#isInTransaction = true;
    const { state } = this.#with;
    if (state.isBehind) state.reload();
  }

  committed(changes: ChangeSet): void {
    this.#isInTransaction = false;
    const { state, files } = this.#with;
    const { records, unsent } = changes.losses;
    const lossesChanged = state.isReloaded || records !== 0 || unsent !== 0;
    const hasMore = state.apply(changes);
    if (files.tookEpoch()) state.reloadEpochs();
    this.#updateMarks(changes.newestHour, lossesChanged);
    if (changes.lastId > changes.lastIdBefore) this.#checkpointSoon();
    if (hasMore) for (const listener of this.#pendingListeners) listener();
    if (unsent > 0) for (const listener of this.#lossListeners) listener();
  }

  rolledBack(): void {
    this.#isInTransaction = false;
    this.#with.clocks.rolledBack();
  }

  failed(error: unknown): void {
    this.#with.faults.report(error);
  }

  #updateMarks(newestHour: number | null, lossesChanged: boolean): void {
    const { state, clocks, files, damaged } = this.#with;
    const snapshot: BufferSnapshot = {
      epochs: state.listEpochs(),
      pending: state.pending,
      unsentLosses: state.counts.losses.unsent,
      lossesChanged,
      newestHour,
      unconfirmedFrom: clocks.unconfirmedFrom,
      carried: files.marks,
      shipping: files.isOver ? 'free' : files.isShipping ? 'ahead' : 'held',
    };
    try {
      this.#marks.update(snapshot);
    } catch (error) {
      damaged(`the high-water marks cannot be written: ${(error as Error).message}`);
    }
  }

  #checkpointSoon(): void {
    this.#checkpoint ??= setImmediate(() => {
      this.#checkpoint = null;
      if (this.#isStopped || this.#isInTransaction) return;
      try {
        this.#with.budget.checkpointIfLow();
      } catch (error) {
        this.#with.damaged(`the log cannot be copied: ${(error as Error).message}`);
      }
    });
  }
}

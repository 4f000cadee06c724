/**
 * Drives the recovery of set-aside files, slice by slice, and makes room where the budget or the
 * disk has none.
 *
 *     recovering --no room--> evicting acked events --none left--> waiting, then recovering again
 *                                                                     \--after long--> shipping ahead meanwhile
 *
 * Nothing is shipped before the end: a retry of an event that is yet to be found could be shipped
 * first. But in the end only acks make room, so after some pauses the events that are here are
 * shipped.
 */
import type { DiskBudget } from '../capacity/disk-budget.ts';
import { isFull } from '../disk/buffer-error.ts';
import type { StateTransitions } from '../transaction/state-transitions.ts';
import type { TransactionRunner } from '../transaction/transaction-runner.ts';
import type { FileRecovery } from './recover-files.ts';

/**
 * While there is no room: the length of a pause, and their number before events are shipped ahead.
 */
const PAUSE_MS = 5_000;
const PAUSES = 6;

type Files = Pick<FileRecovery, 'isOver' | 'isShipping' | 'shipAhead' | 'step' | 'spareRoom' | 'describe'>;

/** What memory knows of the rows and epochs. */
export interface Reloadable {
  reload(): void;
  reloadEpochs(): void;
}

export class Recovery {
  readonly #files: Files;
  readonly #transactions: TransactionRunner;
  readonly #transitions: Pick<StateTransitions, 'evictAcked'>;
  readonly #budget: Pick<DiskBudget, 'releaseReserve'>;
  readonly #state: Reloadable;
  readonly #mayShip = Promise.withResolvers<void>();
  #isWhole: boolean;

  constructor(
    files: Files,
    transactions: TransactionRunner,
    transitions: Pick<StateTransitions, 'evictAcked'>,
    budget: Pick<DiskBudget, 'releaseReserve'>,
    state: Reloadable,
  ) {
    this.#files = files;
    this.#transactions = transactions;
    this.#transitions = transitions;
    this.#budget = budget;
    this.#state = state;
    this.#isWhole = files.isOver;
    if (this.#isWhole || files.isShipping) this.#mayShip.resolve();
  }

  /** Whether memory knows everything that was set aside. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Resolves when everything is recovered, or cannot be before something is shipped. */
  get mayShip(): Promise<void> {
    return this.#mayShip.promise;
  }

  /** Describes the progress, for people; null when it is done. */
  describe(): string | null {
    return this.#isWhole ? null : (this.#files.describe() ?? 'counting the recovered events');
  }

  /**
   * Resolves when everything is recovered. Rejects on a fault of the disk.
   *
   * @param pause waits so many milliseconds, for the disk to have room again; false when the buffer
   *   is about to be closed
   */
  async run(pause: (ms: number) => Promise<boolean>): Promise<void> {
    for (let pauses = 0; !this.#isWhole; ) {
      try {
        await this.#goOn();
      } catch (error) {
        if (!isFull(error)) throw error;
        this.#files.spareRoom();
        this.#budget.releaseReserve();
        if (await this.#evictAcked()) continue;
        if (++pauses >= PAUSES && !this.#files.isShipping) await this.#shipAhead();
        if (!(await pause(PAUSE_MS))) return;
      }
    }
    this.#mayShip.resolve();
  }

  async #goOn(): Promise<void> {
    if (!this.#files.isOver) await this.#files.step(this.#transactions);
    if (!this.#files.isShipping && !this.#files.isOver) return;
    this.#load();
    this.#isWhole = this.#files.isOver;
  }

  /** In a transaction of its own: what shared one with it would be counted twice. */
  #load(): void {
    this.#transactions.runAlone(() => {
      this.#state.reloadEpochs();
      this.#state.reload();
    });
  }

  /** Acked events are kept for support only. @returns whether any was deleted */
  async #evictAcked(): Promise<boolean> {
    try {
      return (await this.#transactions.runBounded((changes, rows) => this.#transitions.evictAcked(rows, changes))) > 0;
    } catch (error) {
      if (!isFull(error)) throw error;
      return false;
    }
  }

  async #shipAhead(): Promise<void> {
    try {
      await this.#files.shipAhead(this.#transactions);
    } catch (error) {
      if (!isFull(error)) throw error;
      return;
    }
    // What was recovered so far may be all that there is to ship.
    this.#load();
    this.#mayShip.resolve();
  }
}

/**
 * Drives the recovery of set-aside files, slice by slice, and makes room where the budget or the
 * disk has none.
 *
 *     recovering --no room--> evicting --acked rows deleted--> recovering
 *                                      --none left--> waiting --a pause later--> recovering
 *     recovering --every file recovered, memory loaded--> whole
 *
 * At the sixth pause the events that are here are shipped ahead. docs/recovery.md has the states.
 * Nothing is shipped before the end: a retry of an event that is yet to be found could be shipped
 * first. But in the end only acks make room, so after some pauses the events that are here are
 * shipped.
 */
import assert from 'node:assert/strict';
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

type State = 'recovering' | 'evicting' | 'waiting' | 'whole';
const NEXT: Readonly<Record<State, readonly State[]>> = {
  recovering: ['evicting', 'whole'],
  evicting: ['recovering', 'waiting'],
  waiting: ['recovering'],
  whole: [],
};

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
  readonly #rows: Reloadable;
  readonly #mayShip = Promise.withResolvers<void>();
  #state: State;

  constructor(
    files: Files,
    transactions: TransactionRunner,
    transitions: Pick<StateTransitions, 'evictAcked'>,
    budget: Pick<DiskBudget, 'releaseReserve'>,
    rows: Reloadable,
  ) {
    this.#files = files;
    this.#transactions = transactions;
    this.#transitions = transitions;
    this.#budget = budget;
    this.#rows = rows;
    this.#state = files.isOver ? 'whole' : 'recovering';
    if (this.isWhole || files.isShipping) this.#mayShip.resolve();
  }

  /** Whether memory knows everything that was set aside. */
  get isWhole(): boolean {
    return this.#state === 'whole';
  }

  /** Resolves when everything is recovered, or cannot be before something is shipped. */
  get mayShip(): Promise<void> {
    return this.#mayShip.promise;
  }

  /** Describes the progress, for people; null when it is done. */
  describe(): string | null {
    return this.isWhole ? null : (this.#files.describe() ?? 'counting the recovered events');
  }

  /**
   * Resolves when everything is recovered. Rejects on a fault of the disk.
   *
   * @param pause waits so many milliseconds, for the disk to have room again; false when the buffer
   *   is about to be closed
   */
  async run(pause: (ms: number) => Promise<boolean>): Promise<void> {
    // An earlier run may have ended in any state, by a fault of the disk.
    if (this.#state === 'evicting' || this.#state === 'waiting') this.#become('recovering');
    for (let pauses = 0; this.#state !== 'whole'; ) {
      try {
        await this.#goOn();
      } catch (error) {
        if (!isFull(error)) throw error;
        this.#become('evicting');
        this.#files.spareRoom();
        this.#budget.releaseReserve();
        if (!(await this.#evictAcked())) {
          this.#become('waiting');
          if (++pauses >= PAUSES && !this.#files.isShipping) await this.#shipAhead();
          if (!(await pause(PAUSE_MS))) return;
        }
        this.#become('recovering');
      }
    }
    this.#mayShip.resolve();
  }

  #become(state: State): void {
    assert(NEXT[this.#state].includes(state), `${this.#state} -> ${state}`);
    this.#state = state;
  }

  async #goOn(): Promise<void> {
    if (!this.#files.isOver) await this.#files.step(this.#transactions);
    if (!this.#files.isShipping && !this.#files.isOver) return;
    this.#load();
    // Also after a run that failed between allowing that and loading.
    this.#mayShip.resolve();
    if (this.#files.isOver) this.#become('whole');
  }

  /** In a transaction of its own: what shared one with it would be counted twice. */
  #load(): void {
    this.#transactions.runAlone(() => {
      this.#rows.reloadEpochs();
      this.#rows.reload();
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

/**
 * Brings what was set aside over, slice by slice, until memory knows all of it; and makes room where the budget or the disk has none.
 *
 *     bringing over --no room--> what the collector has goes --nothing left of that--> waiting, and bringing over again
 *                                                                                        \--for long--> shipping meanwhile
 *
 * Nothing is shipped before it is done, as a repeat of what is found could be shipped first. But only what the collector acknowledges makes room
 * in the end, so after some pauses what is here already is shipped.
 */

import type { BoundedTransactions } from '../capacity/bounded-transactions.ts';
import type { DiskBudget } from '../capacity/disk-budget.ts';
import { isFull } from '../disk/buffer-error.ts';
import type { StateTransitions } from '../transaction/state-transitions.ts';
import type { FileRecovery, RunTransaction } from './recover-files.ts';

/** While there is no room: how long it waits, and how often before something is shipped all the same. */
const PAUSE_MS = 5_000;
const PAUSES = 6;

export interface RecoveryParts {
  readonly salvage: Pick<FileRecovery, 'isOver' | 'isShipping' | 'shipAhead' | 'step' | 'spareRoom' | 'describe'>;
  readonly within: RunTransaction;
  readonly bounded: Pick<BoundedTransactions, 'runAdaptive'>;
  readonly transitions: Pick<StateTransitions, 'evictAcked'>;
  readonly budget: Pick<DiskBudget, 'releaseReserve'>;
  /** Has memory know what was brought over so far. */
  readonly load: () => Promise<void>;
}

export class Recovery {
  readonly #with: RecoveryParts;
  readonly #mayShip = Promise.withResolvers<void>();
  #isWhole: boolean;

  constructor(parts: RecoveryParts) {
    this.#with = parts;
    this.#isWhole = parts.salvage.isOver;
    if (this.#isWhole || parts.salvage.isShipping) this.#mayShip.resolve();
  }

  /** Whether memory knows all that was set aside. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Resolved when what was set aside is here, or can't come before something was shipped. */
  get mayShip(): Promise<void> {
    return this.#mayShip.promise;
  }

  /** How it stands, for people; null when it is done. */
  describe(): string | null {
    return this.#isWhole ? null : (this.#with.salvage.describe() ?? 'brought over: counting');
  }

  /**
   * Resolves once nothing is left to do. Rejects on a fault of the disk.
   *
   * @param pause waits so many milliseconds, for the disk to have room again; false when the buffer is about to be closed
   */
  async run(pause: (ms: number) => Promise<boolean>): Promise<void> {
    const { salvage, budget } = this.#with;
    for (let pauses = 0; !this.#isWhole; ) {
      try {
        await this.#goOn();
      } catch (error) {
        if (!isFull(error)) throw error;
        salvage.spareRoom();
        budget.releaseReserve();
        if (await this.#evictAcked()) continue;
        if (++pauses >= PAUSES && !salvage.isShipping) await this.#shipAhead();
        if (!(await pause(PAUSE_MS))) return;
      }
    }
    this.#mayShip.resolve();
  }

  async #goOn(): Promise<void> {
    const { salvage, within, load } = this.#with;
    if (!salvage.isOver) await salvage.step(within);
    if (!salvage.isShipping && !salvage.isOver) return;
    await load();
    this.#isWhole = salvage.isOver;
  }

  /** What the collector has is kept for support only. @returns whether any of it went */
  async #evictAcked(): Promise<boolean> {
    const { bounded, transitions } = this.#with;
    try {
      return (await bounded.runAdaptive((changes, rows) => transitions.evictAcked(rows, changes))) > 0;
    } catch (error) {
      if (!isFull(error)) throw error;
      return false;
    }
  }

  async #shipAhead(): Promise<void> {
    const { salvage, within, load } = this.#with;
    try {
      await salvage.shipAhead(within);
    } catch (error) {
      if (!isFull(error)) throw error;
      return;
    }
    // What was brought over so far is all that there may be to ship.
    await load();
    this.#mayShip.resolve();
  }
}

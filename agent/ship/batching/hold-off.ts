/** Tracks what is held off from being sent, and until when. */

import type { Timers } from '../../port/timers.ts';
import { NamedTimers } from '../connection/named-timers.ts';

export type HoldOffScope = 'everything' | 'backlog';

export class HoldOff {
  readonly #timers: Timers;
  readonly #onEnd: () => void;
  readonly #alarms: NamedTimers<HoldOffScope>;
  readonly #until = new Map<HoldOffScope, number>();

  /** @param onEnd called when a hold-off ends */
  constructor(timers: Timers, onEnd: () => void) {
    this.#timers = timers;
    this.#onEnd = onEnd;
    this.#alarms = new NamedTimers(timers);
  }

  isActive(what: HoldOffScope): boolean {
    return this.#alarms.has(what);
  }

  /** Holds off for `ms` from now; a longer hold-off in force is kept. */
  set(what: HoldOffScope, ms: number): void {
    const now = this.#timers.now();
    const until = Math.max(now + ms, this.isActive(what) ? this.#until.get(what)! : 0);
    this.#until.set(what, until);
    this.#alarms.set(what, until - now, this.#onEnd);
  }

  clear(): void {
    this.#alarms.clear();
  }
}

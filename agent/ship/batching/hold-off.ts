/** What is held back, and until when. */

import type { Timers } from '../../port/timers.ts';
import { NamedTimers } from '../connection/named-timers.ts';

export type Held = 'everything' | 'backlog';

export class HoldOff {
  readonly #timers: Timers;
  readonly #over: () => void;
  readonly #alarms: NamedTimers<Held>;
  readonly #until = new Map<Held, number>();

  /** @param over called when something is held back no longer */
  constructor(timers: Timers, over: () => void) {
    this.#timers = timers;
    this.#over = over;
    this.#alarms = new NamedTimers(timers);
  }

  isActive(what: Held): boolean {
    return this.#alarms.has(what);
  }

  /** For so long from now on; what is held back for longer stays so. */
  set(what: Held, ms: number): void {
    const now = this.#timers.now();
    const until = Math.max(now + ms, this.isActive(what) ? this.#until.get(what)! : 0);
    this.#until.set(what, until);
    this.#alarms.set(what, until - now, this.#over);
  }

  clear(): void {
    this.#alarms.clear();
  }
}

/** How long what is new gathers before it leaves: company makes a batch cheaper, and costs freshness. */

import type { Timers } from '../../port/timers.ts';
import { NamedTimers } from '../connection/named-timers.ts';
import type { ArrivalRate } from './arrival-rate.ts';

export class Linger {
  readonly #arrivals: ArrivalRate;
  readonly #maxMs: number;
  readonly #timers: Timers;
  readonly #alarms: NamedTimers<'ripe'>;
  readonly #over: () => void;
  /** When the first of what waits was seen, monotonic milliseconds. */
  #since: number | null = null;

  /** @param over called when what waits has waited long enough */
  constructor(arrivals: ArrivalRate, maxMs: number, timers: Timers, over: () => void) {
    this.#arrivals = arrivals;
    this.#maxMs = maxMs;
    this.#timers = timers;
    this.#alarms = new NamedTimers(timers);
    this.#over = over;
  }

  /**
   * Whether what waits has waited long enough; if not, tells when it has. While a batch is on its way, its ack may make that sooner.
   *
   * @param onTheirWay something of this lane is not acknowledged yet
   */
  ripe(onTheirWay: boolean): boolean {
    const now = this.#timers.now();
    this.#since ??= now;
    const ms = onTheirWay ? this.#maxMs : this.#arrivals.lingerMs(this.#maxMs, now);
    const left = this.#since + ms - now;
    if (left <= 0) return true;
    this.#alarms.set('ripe', left, this.#over);
    return false;
  }

  /** What waited has left. */
  left(): void {
    this.#since = null;
    this.#alarms.clear();
  }
}

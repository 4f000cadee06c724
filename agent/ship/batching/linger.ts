/**
 * Decides how long new events wait for others before they are sent: larger batches are cheaper but
 * less fresh.
 */

import type { Timers } from '../../port/timers.ts';
import { NamedTimers } from '../connection/named-timers.ts';
import type { ArrivalRate } from './arrival-rate.ts';

export class Linger {
  readonly #arrivals: ArrivalRate;
  readonly #maxMs: number;
  readonly #timers: Timers;
  readonly #alarms: NamedTimers<'ripe'>;
  readonly #onDue: () => void;
  /** When the first waiting event was seen, monotonic milliseconds. */
  #since: number | null = null;

  /** @param onDue called when the wait has ended */
  constructor(arrivals: ArrivalRate, maxMs: number, timers: Timers, onDue: () => void) {
    this.#arrivals = arrivals;
    this.#maxMs = maxMs;
    this.#timers = timers;
    this.#alarms = new NamedTimers(timers);
    this.#onDue = onDue;
  }

  /**
   * Whether the events have waited long enough; otherwise sets the timer. While a batch is in
   * flight, its ack may end the wait earlier.
   *
   * @param inFlight whether a batch of this lane is unacknowledged
   */
  isDue(inFlight: boolean): boolean {
    const now = this.#timers.now();
    this.#since ??= now;
    const ms = inFlight ? this.#maxMs : this.#arrivals.lingerMs(this.#maxMs, now);
    const left = this.#since + ms - now;
    if (left <= 0) return true;
    this.#alarms.set('ripe', left, this.#onDue);
    return false;
  }

  /** Call when the waiting events were sent. */
  reset(): void {
    this.#since = null;
    this.#alarms.clear();
  }
}

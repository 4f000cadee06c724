/** Watches when packets go and come on a connection, and asks for a ping before it idles long. */
import type { Timers } from '../../port/timers.ts';

export class TrafficWatch {
  readonly #timers: Timers;
  readonly #intervalMs: number;
  readonly #ping: () => void;
  #cancel = (): void => {};
  #ended = false;
  #last: number;
  /** Whether something came since the last packet went. */
  #heard = true;
  /** Time without traffic before the first packet that nothing has come after, milliseconds. */
  #idleBefore = 0;

  /** @param ping called after so long without a packet sent */
  constructor(timers: Timers, intervalMs: number, ping: () => void) {
    this.#timers = timers;
    this.#intervalMs = intervalMs;
    this.#ping = ping;
    this.#last = timers.now();
    this.#arm();
  }

  sent(): void {
    const now = this.#timers.now();
    if (this.#heard) this.#idleBefore = now - this.#last;
    this.#heard = false;
    this.#last = now;
    this.#arm();
  }

  received(): void {
    this.#heard = true;
    this.#last = this.#timers.now();
  }

  /** Time without traffic until now, milliseconds. */
  get idleMs(): number {
    return this.#timers.now() - this.#last;
  }

  /** Time without traffic before what got no answer, milliseconds. */
  get idleBeforeSilenceMs(): number {
    return this.#idleBefore;
  }

  end(): void {
    this.#ended = true;
    this.#cancel();
  }

  #arm(): void {
    this.#cancel();
    if (this.#ended) return;
    this.#cancel = this.#timers.after(this.#intervalMs, this.#ping);
  }
}

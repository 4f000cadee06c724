/**
 * The wait before a connection attempt. A new sale shortens it, once, unless the collector asked
 * for it.
 */
import type { Timers } from '../../port/timers.ts';
import { reconnectDelay } from './backoff.ts';

/**
 * Upper bound of the random delay between a sale and the attempt that it causes, so that a region's
 * tills that lost their collector do not come back with one another.
 */
const AFTER_SALE_MS = 5_000;

export class RetryWait {
  readonly #timers: Timers;
  readonly #random: () => number;
  readonly #maxMs: number;
  #shorten: (() => void) | null = null;
  #end: (() => void) | null = null;

  constructor(timers: Timers, random: () => number, maxMs: number) {
    this.#timers = timers;
    this.#random = random;
    this.#maxMs = maxMs;
  }

  /**
   * Resolves when it is over, or `signal` aborts.
   *
   * @param failures in a row before this wait, 0 for the first
   * @param asked whether the collector refused the last attempt: then no sale ends the wait
   */
  wait(failures: number, asked: boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        this.#shorten = null;
        this.#end = null;
        signal.removeEventListener('abort', done);
        resolve();
      };
      const end = this.#timers.now() + reconnectDelay(failures, this.#maxMs, this.#random);
      let cancel = this.#timers.after(end - this.#timers.now(), done);
      signal.addEventListener('abort', done);
      this.#end = done;
      if (asked) return;
      this.#shorten = () => {
        this.#shorten = null;
        const ms = reconnectDelay(failures, Math.min(AFTER_SALE_MS, this.#maxMs), this.#random);
        if (this.#timers.now() + ms >= end) return;
        cancel();
        cancel = this.#timers.after(ms, done);
      };
    });
  }

  /** Call when a sale was accepted. */
  sold(): void {
    this.#shorten?.();
  }

  /** Ends the wait, because the next attempt will be another. */
  end(): void {
    this.#end?.();
  }
}

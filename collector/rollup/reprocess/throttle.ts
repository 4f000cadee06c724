/**
 * Slows a build down while tills wait longer for their answers than without it.
 *
 *     full speed ──▶ p99 of commits above twice the quiet one: rests as long as it works,
 *                    twice, four times … as long; back to full speed as it falls
 *
 * Quiet is what was read before the build's first work, then the least that is read. It rises while
 * commits are slow though the build rests as long as it may: then they are so without it.
 */
import { REPROCESS_LIMITS } from './limits.ts';

export interface ThrottleOptions {
  /** The longest p99 of live commits lately, milliseconds; null: there are none. */
  readonly latency: () => Promise<number | null>;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

/** Between two readings. */
const READ_EVERY_MS = 1_000;
/** How much the quiet latency rises from one reading to the next. */
const RISE = 1.02;
/** Work without a rest. */
const WORK_MS = 20;

export class Throttle {
  readonly #options: ThrottleOptions;
  #quiet: number | null = null;
  /** Rest for each millisecond of work. */
  #factor = 0;
  #readAt = Number.NEGATIVE_INFINITY;
  #resumedAt: number | null = null;

  constructor(options: ThrottleOptions) {
    this.#options = options;
  }

  /** How long it rests for each millisecond that it works. */
  get factor(): number {
    return this.#factor;
  }

  /** Call it between two pieces of work; it returns when the next may begin. */
  async pause(): Promise<void> {
    const { clock, wait } = this.#options;
    const now = clock();
    if (now - this.#readAt >= READ_EVERY_MS) {
      this.#readAt = now;
      this.#adapt(await this.#options.latency());
    }
    const worked = now - (this.#resumedAt ?? now);
    if (this.#factor > 0 && worked < WORK_MS) return;
    if (this.#factor > 0) await wait(Math.min(worked * this.#factor, REPROCESS_LIMITS.restMost.value));
    this.#resumedAt = clock();
  }

  #adapt(latency: number | null): void {
    if (latency === null) {
      this.#factor = 0;
      return;
    }
    const { quietLatency, latencyRise, restFactor } = REPROCESS_LIMITS;
    const quiet = (this.#quiet ?? latency) * (this.#factor >= restFactor.value ? RISE : 1);
    this.#quiet = Math.min(quiet, latency);
    const isSlow = latency > latencyRise.value * Math.max(this.#quiet, quietLatency.value);
    if (isSlow) this.#factor = Math.min(Math.max(1, this.#factor * 2), restFactor.value);
    else this.#factor = this.#factor <= 1 ? 0 : this.#factor / 2;
  }
}

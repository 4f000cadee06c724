/**
 * Measures the collector's clock against the monotonic clock: each of its answers carries its time.
 */
import { MAX_TS, MIN_TS } from '../../../shared/time.ts';

/**
 * Drift bound of the monotonic clock against true time: adjtimex(2) slews it by at most 500 ppm.
 */
const MAX_DRIFT = 500e-6;
/** The collector sends whole milliseconds. */
const RESOLUTION_MS = 1;

export interface ClockEstimate {
  /** Collector's clock when the monotonic clock showed 0, milliseconds since 1970. */
  readonly trueTimeOrigin: number;
  /** Half the round trip plus the drift since, milliseconds. */
  readonly uncertaintyMs: number;
}

export class CollectorClock {
  #best: (ClockEstimate & { readonly at: number }) | null = null;

  /**
   * Processes an answer: the collector's clock showed `serverTime` at some instant between `sentAt`
   * and `receivedAt` (monotonic milliseconds). It is kept when it is better than the current
   * estimate, or contradicts it: a suspend stops the monotonic clock, and collectors' clocks are
   * set.
   */
  addSample(serverTime: number, sentAt: number, receivedAt: number): void {
    if (!(serverTime >= MIN_TS && serverTime < MAX_TS)) return;
    const trueTimeOrigin = serverTime - (sentAt + receivedAt) / 2;
    const uncertaintyMs = (receivedAt - sentAt) / 2 + RESOLUTION_MS;
    const known = this.measure(receivedAt);
    const disproved =
      known !== null && Math.abs(trueTimeOrigin - known.trueTimeOrigin) > uncertaintyMs + known.uncertaintyMs;
    if (known === null || disproved || uncertaintyMs <= known.uncertaintyMs)
      this.#best = { trueTimeOrigin, uncertaintyMs, at: receivedAt };
  }

  /** The best estimate; null before the first answer. @param at monotonic milliseconds */
  measure(at: number): ClockEstimate | null {
    if (this.#best === null) return null;
    const { trueTimeOrigin, uncertaintyMs, at: since } = this.#best;
    return { trueTimeOrigin, uncertaintyMs: uncertaintyMs + Math.max(0, at - since) * MAX_DRIFT };
  }

  /**
   * What the collector's clock shows, milliseconds since 1970; null before the first answer.
   *
   * @param at monotonic milliseconds
   */
  now(at: number): number | null {
    return this.#best === null ? null : this.#best.trueTimeOrigin + at;
  }

  /**
   * Collector's clock minus another clock, whole milliseconds; null before the first answer.
   *
   * @param at monotonic milliseconds
   */
  offsetFrom(clock: number, at: number): number | null {
    const now = this.now(at);
    return now === null ? null : Math.round(now - clock);
  }
}

/**
 * Says when to give up a session: nothing arrives over the line, or the collector does not answer
 * what has arrived.
 */
import type { Timers } from '../../port/timers.ts';
import { ANSWER_MS, type LineMeter } from './line-meter.ts';

/** Nothing arrives any more, or is answered. */
export class NoAnswer extends Error {}

export class AnswerTimeout {
  readonly #line: LineMeter;
  readonly #timers: Timers;
  readonly #expired: (reason: NoAnswer) => void;
  #cancel = (): void => {};
  /** When the collector last answered, monotonic milliseconds. */
  #answeredAt = 0;

  constructor(line: LineMeter, timers: Timers, expired: (reason: NoAnswer) => void) {
    this.#line = line;
    this.#timers = timers;
    this.#expired = expired;
  }

  answered(): void {
    this.#answeredAt = this.#timers.now();
  }

  /**
   * How long an answer, or the arrival of what was sent, is overdue, milliseconds; 0 when none is.
   *
   * @param oldestArrival when what has waited longest for an answer arrived; null: nothing waits
   */
  overdueMs(oldestArrival: number | null): number {
    const waitedMs = oldestArrival === null ? 0 : this.#timers.now() - Math.max(this.#answeredAt, oldestArrival);
    return Math.max(waitedMs, this.#line.overdueMs);
  }

  /** Call when something was sent, arrived or was answered. @param oldestArrival as above */
  arm(oldestArrival: number | null): void {
    this.#cancel();
    const never = Number.POSITIVE_INFINITY;
    const due = Math.min(oldestArrival === null ? never : oldestArrival + ANSWER_MS, this.#line.deadline ?? never);
    if (due === never) return;
    const expire = (): void => this.#expired(new NoAnswer('the collector does not answer'));
    this.#cancel = this.#timers.after(due - this.#timers.now(), expire);
  }

  clear(): void {
    this.#cancel();
  }
}

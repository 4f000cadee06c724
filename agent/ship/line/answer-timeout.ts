/**
 * Says when to give up a session: nothing arrives over the line, or the collector does not answer
 * what has arrived.
 */
import type { Timers } from '../../port/timers.ts';
import { ANSWER_MS, type LineMeter } from './line-meter.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** Nothing arrives any more, or is answered. */
export class NoAnswer extends Error {}

export class AnswerTimeout {
  readonly #line: LineMeter;
  readonly #timers: Timers;
  readonly #expired: (reason: NoAnswer) => void;
  #cancel = (): void => {};
  /** When the session is to be given up, and when the timer fires, monotonic milliseconds. */
  #due = NEVER;
  #firesAt = NEVER;
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
    this.#due = Math.min(oldestArrival === null ? NEVER : oldestArrival + ANSWER_MS, this.#line.deadline ?? NEVER);
    // Nearly always it moves on: a timer that fires early costs less than one set for each packet.
    if (this.#due < this.#firesAt) this.#set();
  }

  clear(): void {
    this.#due = NEVER;
    this.#firesAt = NEVER;
    this.#cancel();
  }

  #set(): void {
    this.#cancel();
    this.#firesAt = this.#due;
    this.#cancel = this.#timers.after(this.#due - this.#timers.now(), () => {
      this.#firesAt = NEVER;
      if (this.#timers.now() >= this.#due) this.#expired(new NoAnswer('the collector does not answer'));
      else if (this.#due < NEVER) this.#set();
    });
  }
}

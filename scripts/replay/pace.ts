/** Paces a replay by the times of its file. */
import { setTimeout as wait } from 'node:timers/promises';

/** Computes when an event of the file is due: the intervals of the file, divided by the speed. */
export class Pace {
  readonly #speed: number;
  readonly #now: () => number;
  #start: { readonly wall: number; readonly file: number } | null = null;

  /** @param speed times real time; Infinity: no delay. @param now monotonic milliseconds */
  constructor(speed: number, now: () => number) {
    this.#speed = speed;
    this.#now = now;
  }

  /** @param at milliseconds since 1970, in the file; the first event is due at once */
  isDue(at: number): boolean {
    return this.#delay(at) <= 0;
  }

  async due(at: number, signal: AbortSignal): Promise<void> {
    // A timer may fire slightly early, and cannot wait longer than 2^31 ms.
    for (let delay = this.#delay(at); delay > 0; delay = this.#delay(at))
      await wait(Math.min(Math.ceil(delay), 60_000), undefined, { signal });
  }

  #delay(at: number): number {
    if (this.#speed === Number.POSITIVE_INFINITY) return 0;
    this.#start ??= { wall: this.#now(), file: at };
    return this.#start.wall + (at - this.#start.file) / this.#speed - this.#now();
  }
}

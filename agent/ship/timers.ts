/** Monotonic time: jumps of the wall clock stop nothing. An argument, so that tests drive it. */
export interface Timers {
  /** Milliseconds from some start on; never goes back. */
  now(): number;
  /** @returns cancels it */
  after(ms: number, run: () => void): () => void;
}

export const systemTimers: Timers = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Timers by name, one of each at most. */
export class Alarms<Name extends string> {
  readonly #timers: Timers;
  readonly #cancels = new Map<Name, () => void>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  has(name: Name): boolean {
    return this.#cancels.has(name);
  }

  /** Instead of one of that name that is set. */
  set(name: Name, ms: number, run: () => void): void {
    this.cancel(name);
    const cancel = this.#timers.after(ms, () => {
      this.#cancels.delete(name);
      run();
    });
    this.#cancels.set(name, cancel);
  }

  cancel(name: Name): void {
    this.#cancels.get(name)?.();
    this.#cancels.delete(name);
  }

  clear(): void {
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
  }
}

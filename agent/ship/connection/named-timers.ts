/** Timers by name, at most one of each. */
import type { Timers } from '../../port/timers.ts';
export class NamedTimers<Name extends string> {
  readonly #timers: Timers;
  readonly #cancels = new Map<Name, () => void>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  has(name: Name): boolean {
    return this.#cancels.has(name);
  }

  /** Sets a timer, replacing one of that name. */
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

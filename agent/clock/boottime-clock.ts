/**
 * The monotonic clock with the machine's suspends counted in: what true time differs from by a constant, for as long as a boot lasts.
 *
 * Suspends are noticed at a `look`; until then the clock is late by them.
 */
import type { MachineClocks } from './machine-clocks.ts';

/** What is less may be the coarseness of the uptime. */
const LEAST_SLEEP_MS = 1_000;

export class BootTimeClock {
  readonly #machine: MachineClocks;
  /** Whether the uptime is of the same boot as the monotonic clock: a container's may be its own. */
  readonly #told: boolean;
  #slept = 0;

  constructor(machine: MachineClocks) {
    this.#machine = machine;
    const ahead = this.#ahead();
    this.#told = ahead !== null && ahead > -LEAST_SLEEP_MS;
    this.detectSuspend();
  }

  /** Milliseconds that the machine has been suspended in this boot. */
  get suspendedMs(): number {
    return this.#slept;
  }

  /** Milliseconds from some instant of this boot on. */
  now(): number {
    return this.#machine.monotonic() + this.#slept;
  }

  detectSuspend(): void {
    if (!this.#told) return;
    const ahead = this.#ahead()!;
    if (ahead - this.#slept > LEAST_SLEEP_MS) this.#slept = ahead;
  }

  #ahead(): number | null {
    const uptime = this.#machine.uptime();
    return uptime === null ? null : uptime - this.#machine.monotonic();
  }
}

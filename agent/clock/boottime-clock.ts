/**
 * The monotonic clock plus the time the machine was suspended (Linux: CLOCK_BOOTTIME). It differs
 * from true time by a constant for as long as a boot lasts.
 *
 * A suspend is detected by `detectSuspend`; until then the clock is late by its duration.
 */
import type { MachineClocks } from './machine-clocks.ts';

/** A smaller difference may come from the resolution of the uptime. */
const MIN_SUSPEND_MS = 1_000;

export class BootTimeClock {
  readonly #machine: MachineClocks;
  /**
   * Whether the uptime belongs to the same boot as the monotonic clock: a container may have its
   * own.
   */
  readonly #isSameBoot: boolean;
  #suspended = 0;

  constructor(machine: MachineClocks) {
    this.#machine = machine;
    const ahead = this.#ahead();
    this.#isSameBoot = ahead !== null && ahead > -MIN_SUSPEND_MS;
    this.detectSuspend();
  }

  /** Milliseconds that the machine has been suspended in this boot. */
  get suspendedMs(): number {
    return this.#suspended;
  }

  /** Milliseconds since some instant of this boot. */
  now(): number {
    return this.#machine.monotonic() + this.#suspended;
  }

  detectSuspend(): void {
    if (!this.#isSameBoot) return;
    const ahead = this.#ahead()!;
    if (ahead - this.#suspended > MIN_SUSPEND_MS) this.#suspended = ahead;
  }

  #ahead(): number | null {
    const uptime = this.#machine.uptime();
    return uptime === null ? null : uptime - this.#machine.monotonic();
  }
}

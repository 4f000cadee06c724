/** A machine whose clocks a test sets, and true time beside them. */
import type { MachineClocks } from '../../../agent/clock/machine-clocks.ts';
import { NOW } from './events.ts';

export class FakeMachine implements MachineClocks {
  boot = 'boot-1';
  /** Milliseconds since 1970. */
  trueTime = NOW;
  /** Wall clock less true time. */
  wallError = 0;
  processStart = 0;
  /** False: as on systems whose monotonic clock counts suspends. */
  tellsUptime = true;
  #boots = 1;
  #monotonic = 100_000;
  #slept = 0;

  wall(): number {
    return this.trueTime + this.wallError;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  uptime(): number | null {
    // To 10 ms.
    return this.tellsUptime ? Math.floor((this.#monotonic + this.#slept) / 10) * 10 : null;
  }

  advance(ms: number): void {
    this.trueTime += ms;
    this.#monotonic += ms;
  }

  suspend(ms: number): void {
    this.trueTime += ms;
    this.#slept += ms;
  }

  /** Somebody sets the wall clock. */
  set(wall: number): void {
    this.wallError = wall - this.trueTime;
  }

  /** Another process, of the same boot. */
  restart(): void {
    this.processStart = this.#monotonic;
  }

  /** @param wall that the machine starts with; as it was, when it has a battery */
  reboot(offMs: number, wall?: number): void {
    this.trueTime += offMs;
    this.boot = `boot-${++this.#boots}`;
    this.#monotonic = 5_000;
    this.#slept = 0;
    this.processStart = this.#monotonic;
    if (wall !== undefined) this.set(wall);
  }

  /** What a collector with the right time lets the agent know. */
  measure(uncertaintyMs = 20): { trueTimeOrigin: number; uncertaintyMs: number } {
    return { trueTimeOrigin: this.trueTime - (this.#monotonic - this.processStart), uncertaintyMs };
  }
}

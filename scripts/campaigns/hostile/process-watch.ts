/** Watches a process from outside: its memory, and how long it waited for a CPU. Linux only. */
import { readFileSync } from 'node:fs';

const EVERY_MS = 200;

export class ProcessWatch {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #peakRssMib = 0;
  #waited: number | null = null;
  #waits: number[] = [];

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#read(), EVERY_MS);
  }

  /** The highest resident memory since the last call; 0 where there is no /proc. */
  takePeakRssMib(): number {
    this.#read();
    const peak = this.#peakRssMib;
    this.#peakRssMib = 0;
    return peak;
  }

  /**
   * How long its main thread waited for a CPU that others had, in the worst 200 ms but one in a
   * hundred, since the last call; milliseconds. So late it would be without any attack.
   */
  takeStarvedMs(): number {
    const waits = this.#waits.sort((a, b) => a - b);
    this.#waits = [];
    return waits[Math.max(0, Math.min(Math.floor(0.99 * waits.length), waits.length - 2))] ?? 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #read(): void {
    const rss = Number(/^VmRSS:\s+(\d+) kB/m.exec(this.#proc('status'))?.[1] ?? 0) / 1024;
    this.#peakRssMib = Math.max(this.#peakRssMib, rss);
    // Nanoseconds on a CPU, nanoseconds in a run queue, turns.
    const [, waited] = this.#proc('schedstat').split(' ');
    if (waited === undefined) return;
    if (this.#waited !== null) this.#waits.push(Math.min(EVERY_MS, (Number(waited) - this.#waited) / 1e6));
    this.#waited = Number(waited);
  }

  /** Empty: it ended, or there is no such file. */
  #proc(name: string): string {
    try {
      return readFileSync(`/proc/${this.#pid}/${name}`, 'utf8');
    } catch {
      return '';
    }
  }
}

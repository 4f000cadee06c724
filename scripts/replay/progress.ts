/** Progress of a replay: one line that is redrawn on a terminal, otherwise a line at intervals. */
import type { Tally } from './player.ts';

export interface ProgressTarget {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const TTY_EVERY_MS = 100;
const PLAIN_EVERY_MS = 5_000;
const BAR = 30;

export class Progress {
  readonly #target: ProgressTarget;
  readonly #total: number;
  readonly #now: () => number;
  readonly #start: number;
  #shown: number;

  /** @param total number of events; @param now monotonic milliseconds */
  constructor(target: ProgressTarget, total: number, now: () => number) {
    this.#target = target;
    this.#total = total;
    this.#now = now;
    this.#start = now();
    this.#shown = target.isTTY ? Number.NEGATIVE_INFINITY : this.#start;
  }

  update(tally: Readonly<Tally>): void {
    const now = this.#now();
    if (now - this.#shown < (this.#target.isTTY ? TTY_EVERY_MS : PLAIN_EVERY_MS)) return;
    this.#shown = now;
    this.#target.write(this.#target.isTTY ? `\r${this.#line(tally, now)}\x1b[K` : `${this.#line(tally, now)}\n`);
  }

  /** Clears the redrawn line. */
  end(): void {
    if (this.#target.isTTY) this.#target.write('\r\x1b[K');
  }

  #line(tally: Readonly<Tally>, now: number): string {
    const share = this.#total === 0 ? 1 : tally.sent / this.#total;
    const rate = Math.round((tally.sent * 1000) / Math.max(now - this.#start, 1));
    const text = `${Math.floor(share * 100)} %  ${tally.sent} of ${this.#total} events  ${rate}/s${tally.retries > 0 ? `  ${tally.retries} retries` : ''}`;
    if (!this.#target.isTTY || (this.#target.columns || 80) < BAR + text.length + 4) return text;
    const filled = Math.round(share * BAR);
    return `[${'#'.repeat(filled)}${'.'.repeat(BAR - filled)}] ${text}`;
  }
}

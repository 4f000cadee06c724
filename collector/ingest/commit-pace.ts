/**
 * Tells builds of logic versions how long live commits take: the p99 of the last seconds, in the
 * store, while there are any.
 */
import { hostname } from 'node:os';

export interface CommitPaceOptions {
  readonly commitTimes: {
    /** `p99` in milliseconds, `at` in milliseconds since 1970. */
    publish(process: string, time: { readonly at: number; readonly p99: number }): Promise<void>;
  };
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Of one period; the longest of some thousands tells enough. */
const MAX_COMMITS = 10_000;

export class CommitPace {
  readonly #options: CommitPaceOptions;
  #seconds: number[] = [];

  constructor(options: CommitPaceOptions) {
    this.#options = options;
  }

  add(seconds: number): void {
    if (this.#seconds.length < MAX_COMMITS) this.#seconds.push(seconds);
  }

  /** Never rejects: what a build does not hear, it does not know. */
  async publish(): Promise<void> {
    const sorted = this.#seconds.sort((a, b) => a - b);
    this.#seconds = [];
    const p99 = sorted[Math.ceil(sorted.length * 0.99) - 1];
    if (p99 === undefined) return;
    const { commitTimes, now } = this.#options;
    const name = `${hostname()}/${process.pid}`;
    await commitTimes.publish(name, { at: now(), p99: Math.round(p99 * 1_000) }).catch(() => undefined);
  }
}

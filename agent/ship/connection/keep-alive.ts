/**
 * Learns how often a connection needs a sign of life: proxies and address translators drop idle
 * ones (HAProxy after 50 s, nginx after 60 s, some mobile networks after 30 s).
 *
 * Invariant: the interval is 20 to 300 s, and at most 0.8 of the shortest idle time after which a
 * connection was seen to be cut.
 */

const FIRST_S = 45;
const LEAST_S = 20;
const MOST_S = 300;
const MARGIN = 0.8;
const GROWTH = 1.5;
/** After so many answered pings the path may take a longer interval. */
const ENOUGH_PINGS = 20;

export interface LearnedKeepAlive {
  readonly seconds: number;
  /** Shortest idle time after which a connection was cut, milliseconds; null: never seen. */
  readonly cutAfterMs: number | null;
}

export class KeepAlive {
  #seconds: number;
  #cutAfterMs: number | null;
  #answered = 0;
  /** What was known before a cut that may have been an outage. */
  #before: LearnedKeepAlive | null = null;
  readonly #onLearned: (learned: LearnedKeepAlive) => void;

  /** @param learned before, if anything @param onLearned called when it changes */
  constructor(learned: LearnedKeepAlive | null = null, onLearned: (learned: LearnedKeepAlive) => void = () => {}) {
    this.#cutAfterMs = learned?.cutAfterMs ?? null;
    this.#seconds = this.#within(learned?.seconds ?? FIRST_S);
    this.#onLearned = onLearned;
  }

  /** Keep-alive of the next connection (MQTT 3.1.1, 3.1.2.10). */
  get seconds(): number {
    return this.#seconds;
  }

  /** A ping after an idle interval was answered. */
  pingAnswered(): void {
    if (++this.#answered >= ENOUGH_PINGS) this.#learn(this.#seconds * GROWTH, this.#cutAfterMs);
  }

  /** A connection was cut after so long without traffic, as it seems: `doubt` takes it back. */
  cutAfter(idleMs: number): void {
    this.#before ??= { seconds: this.#seconds, cutAfterMs: this.#cutAfterMs };
    this.#learn(this.#seconds, Math.min(this.#cutAfterMs ?? Number.POSITIVE_INFINITY, idleMs));
  }

  /** The path was there: it was the idle connection that it cut. */
  confirm(): void {
    this.#before = null;
  }

  /** The path was gone, idle or not. */
  doubt(): void {
    if (this.#before === null) return;
    this.#learn(this.#before.seconds, this.#before.cutAfterMs);
    this.#before = null;
  }

  #learn(seconds: number, cutAfterMs: number | null): void {
    const before = { seconds: this.#seconds, cutAfterMs: this.#cutAfterMs };
    this.#answered = 0;
    this.#cutAfterMs = cutAfterMs;
    this.#seconds = this.#within(seconds);
    if (this.#seconds !== before.seconds || cutAfterMs !== before.cutAfterMs)
      this.#onLearned({ seconds: this.#seconds, cutAfterMs });
  }

  #within(seconds: number): number {
    const bound = this.#cutAfterMs === null ? MOST_S : (this.#cutAfterMs / 1_000) * MARGIN;
    return Math.max(LEAST_S, Math.min(MOST_S, Math.floor(bound), Math.floor(seconds)));
  }
}

/** As a session's owner uses it. */
export type LearningKeepAlive = Pick<KeepAlive, 'seconds' | 'pingAnswered' | 'cutAfter' | 'confirm' | 'doubt'>;

/** Longest that the collector keeps to, seconds. */
const MOST_ANNOUNCED_S = 1_200;

/**
 * Keep-alive to announce (CONNECT), seconds. Our collector takes each byte for a sign of life; a
 * broker that goes by whole packets allows half as much again between them, and the largest batch
 * may take longer on a slow line.
 *
 * @param bytesPerSecond of a line that is known to be slow; null: nothing is known
 */
export const announcedKeepAlive = (seconds: number, largestBytes: number, bytesPerSecond: number | null): number =>
  bytesPerSecond === null
    ? seconds
    : Math.max(seconds, Math.min(MOST_ANNOUNCED_S, Math.ceil(largestBytes / bytesPerSecond)));

/**
 * Starts TLS handshakes at a bounded rate, because each costs milliseconds of CPU before anybody is
 * known. Beyond the rate they wait in order, addresses in turn: one address keeps no other waiting.
 * How many wait, admission bounds.
 */
import { type Rate, TokenBucket } from '../budget/token-bucket.ts';

type Start = () => void;

const EVERY_MS = 5;

export class HandshakePacer {
  readonly #bucket: TokenBucket;
  /** Who waits, by address: the address whose turn is next first, the oldest of it first. */
  readonly #waiting = new Map<string, Set<Start>>();
  #timer: NodeJS.Timeout | null = null;

  /** @param clock monotonic milliseconds */
  constructor(rate: Rate, clock: () => number) {
    this.#bucket = new TokenBucket(rate, clock);
  }

  /** @returns forgets it, if it waits; to be called when its connection is closed */
  start(address: string, start: Start): () => void {
    if (this.#waiting.size === 0 && this.#bucket.take()) {
      start();
      return () => undefined;
    }
    const same = this.#waiting.get(address);
    if (same === undefined) this.#waiting.set(address, new Set([start]));
    else same.add(start);
    this.#timer ??= setInterval(() => this.startDue(), EVERY_MS);
    return () => this.#forget(address, start);
  }

  /** Starts those that have become due. A timer does so while anybody waits. */
  startDue(): void {
    while (this.#waiting.size > 0 && this.#bucket.take()) this.#startNext();
    if (this.#waiting.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #startNext(): void {
    for (const [address, same] of this.#waiting) {
      const oldest = first(same)!;
      this.#waiting.delete(address);
      same.delete(oldest);
      if (same.size > 0) this.#waiting.set(address, same);
      oldest();
      return;
    }
  }

  #forget(address: string, start: Start): void {
    const same = this.#waiting.get(address);
    same?.delete(start);
    if (same?.size === 0) this.#waiting.delete(address);
  }
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  for (const one of set) return one;
  return undefined;
}

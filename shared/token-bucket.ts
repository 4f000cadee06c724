/** A token bucket: `burst` at once, `perSecond` in the long run. Starts full. */

export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

export class TokenBucket {
  readonly #rate: Rate;
  readonly #clock: () => number;
  #tokens: number;
  #at: number;

  /** @param clock monotonic milliseconds */
  constructor(rate: Rate, clock: () => number) {
    this.#rate = rate;
    this.#clock = clock;
    this.#tokens = rate.burst;
    this.#at = clock();
  }

  /** Whole tokens. */
  get available(): number {
    this.#refill();
    return Math.floor(this.#tokens);
  }

  /** Says the same as a new one. */
  get isFull(): boolean {
    this.#refill();
    return this.#tokens >= this.#rate.burst;
  }

  /** Takes `count` tokens if there are as many, else none. */
  take(count = 1): boolean {
    this.#refill();
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** What a token was taken for did not happen. */
  giveBack(count = 1): void {
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + count);
  }

  #refill(): void {
    const now = this.#clock();
    const { burst, perSecond } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) / 1000) * perSecond);
    this.#at = now;
  }
}

/**
 * How many keys that turned out wrong an address has presented lately: a token bucket for each
 * address. Only an address without tokens is refused, before the store is asked.
 */

export interface WrongKeyLimits {
  /** Wrong keys in a burst. */
  readonly burst: number;
  readonly perSecond: number;
  /** Addresses remembered; beyond, the one that was wrong longest ago is forgotten. */
  readonly addresses: number;
}

interface Bucket {
  tokens: number;
  /** Monotonic milliseconds. */
  at: number;
}

export class WrongKeys {
  readonly #limits: WrongKeyLimits;
  readonly #clock: () => number;
  /** In order of the last wrong key. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(limits: WrongKeyLimits, clock: () => number) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Takes a token for a key that is about to be looked up. False: there is none. */
  take(address: string): boolean {
    const bucket = this.#filled(address);
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    if (this.#buckets.size > this.#limits.addresses) this.#buckets.delete(this.#buckets.keys().next().value!);
    return true;
  }

  /** Gives the token back: the key was not wrong. */
  giveBack(address: string): void {
    const bucket = this.#filled(address);
    bucket.tokens++;
    if (bucket.tokens >= this.#limits.burst) this.#buckets.delete(address);
  }

  #filled(address: string): Bucket {
    const { burst, perSecond } = this.#limits;
    const now = this.#clock();
    const bucket = this.#buckets.get(address) ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) * perSecond) / 1000);
    bucket.at = now;
    return bucket;
  }
}

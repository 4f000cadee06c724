/**
 * How many keys that turned out wrong an address has presented lately: a token bucket for each
 * address. Only an address without tokens is refused, before the store is asked.
 */
import { type Rate, TokenBucket } from '../../../shared/token-bucket.ts';

export interface WrongKeyLimits extends Rate {
  /** Addresses remembered; beyond, the one that was wrong longest ago is forgotten. */
  readonly addresses: number;
}

export class WrongKeys {
  readonly #limits: WrongKeyLimits;
  readonly #clock: () => number;
  /** In order of the last wrong key. */
  readonly #buckets = new Map<string, TokenBucket>();

  /** @param clock monotonic milliseconds */
  constructor(limits: WrongKeyLimits, clock: () => number) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Takes a token for a key that is about to be looked up. False: there is none. */
  take(address: string): boolean {
    const bucket = this.#buckets.get(address) ?? new TokenBucket(this.#limits, this.#clock);
    if (!bucket.take()) return false;
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    if (this.#buckets.size > this.#limits.addresses) this.#buckets.delete(this.#buckets.keys().next().value!);
    return true;
  }

  /** Gives the token back: the key was not wrong. */
  giveBack(address: string): void {
    const bucket = this.#buckets.get(address);
    bucket?.giveBack();
    if (bucket?.isFull) this.#buckets.delete(address);
  }
}

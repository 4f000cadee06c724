/** Authentication of API requests: a merchant's API key, looked up by its hash. */
import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { isId, type MerchantId } from '../../shared/ids.ts';
import type { ApiKey } from '../store/control.ts';
import { WrongKeys } from './admission/wrong-keys.ts';
import { API_LIMITS } from './limits.ts';
import { Problem } from './query/problem.ts';

/** A revoked key may be accepted for this much longer. */
const CACHE_MS = 10_000;

export interface KeyDirectory {
  apiKey(hash: string): Promise<ApiKey | null>;
}

/** Which bound on lookups was met. */
export type LookupRefusal = 'wrong-keys' | 'key-lookups';

interface Known {
  readonly key: ApiKey;
  /** Monotonic milliseconds; then the store is asked again. */
  readonly until: number;
}

type Lookups = Map<string, Promise<ApiKey | null>>;

export class Auth {
  readonly #keys: KeyDirectory;
  readonly #clock: () => number;
  readonly #wrongKeys: WrongKeys;
  /** Keys that the store knew, the one looked up longest ago first. */
  readonly #cache = new Map<string, Known>();
  /** Lookups under way by hash, which concurrent requests join: of known keys and of others. */
  readonly #known: Lookups = new Map();
  readonly #unknown: Lookups = new Map();

  /** @param clock monotonic, milliseconds */
  constructor(keys: KeyDirectory, clock: () => number) {
    this.#keys = keys;
    this.#clock = clock;
    const { wrongKeysBurst, wrongKeysPerSecond, wrongKeyAddresses } = API_LIMITS;
    const limits = {
      burst: wrongKeysBurst.value,
      perSecond: wrongKeysPerSecond.value,
      addresses: wrongKeyAddresses.value,
    };
    this.#wrongKeys = new WrongKeys(limits, clock);
  }

  /**
   * The merchant named in the path, if the request's key belongs to that merchant.
   *
   * @param address whom an unknown key is charged to
   * @throws Problem 401, 403, 429, 503
   */
  async merchant(
    request: FastifyRequest,
    address: string,
    refused: (reason: LookupRefusal) => void,
  ): Promise<MerchantId> {
    const [, token] = /^Bearer +([\w~+/.=-]+)$/i.exec(request.headers.authorization ?? '') ?? [];
    if (token === undefined) throw new Problem(401, 'send the API key as "Authorization: Bearer KEY"');
    const key = await this.#key(createHash('sha256').update(token).digest('hex'), address, refused);
    if (key === null || key.revokedAt !== null) throw new Problem(401, 'the API key is not known');
    const { merchant } = request.params as { merchant?: string };
    if (!isId(merchant) || merchant !== key.merchant) throw new Problem(403, 'the API key belongs to another merchant');
    return key.merchant;
  }

  /** Unknown keys are looked up each time, so a new key works at once. */
  async #key(hash: string, address: string, refused: (reason: LookupRefusal) => void): Promise<ApiKey | null> {
    const known = this.#cache.get(hash);
    if (known !== undefined) return known.until > this.#clock() ? known.key : this.#lookUp(this.#known, hash, refused);
    if (!this.#wrongKeys.take(address)) {
      refused('wrong-keys');
      throw new Problem(429, 'too many unknown keys came from this address: correct the key, then ask again', {
        retryAfterS: Math.ceil(1 / API_LIMITS.wrongKeysPerSecond.value),
      });
    }
    let wrong = false;
    try {
      const key = await this.#lookUp(this.#unknown, hash, refused);
      wrong = key === null;
      return key;
    } finally {
      // A key that could not be looked up is not known to be wrong.
      if (!wrong) this.#wrongKeys.giveBack(address);
    }
  }

  #lookUp(lookups: Lookups, hash: string, refused: (reason: LookupRefusal) => void): Promise<ApiKey | null> {
    const running = lookups.get(hash);
    if (running !== undefined) return running;
    if (lookups.size >= API_LIMITS.keyLookups.value) {
      refused('key-lookups');
      throw new Problem(503, 'too many keys are being looked up: ask again in a second', { retryAfterS: 1 });
    }
    const lookup = this.#ask(hash).finally(() => lookups.delete(hash));
    lookups.set(hash, lookup);
    return lookup;
  }

  async #ask(hash: string): Promise<ApiKey | null> {
    const key = await this.#keys.apiKey(hash);
    this.#cache.delete(hash);
    if (key === null) return null;
    if (this.#cache.size >= API_LIMITS.keysCached.value) this.#cache.delete(this.#cache.keys().next().value!);
    this.#cache.set(hash, { key, until: this.#clock() + CACHE_MS });
    return key;
  }
}

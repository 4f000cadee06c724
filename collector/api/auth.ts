/** Authentication of API requests: a merchant's API key, looked up by its hash. */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isId, type MerchantId } from '../../shared/ids.ts';
import type { ApiKey } from '../store/control.ts';
import { Problem } from './query/problem.ts';

/** A revoked key may be accepted for this much longer. */
const CACHE_MS = 10_000;
const MAX_CACHED = 10_000;

declare module 'fastify' {
  interface FastifyRequest {
    merchant: MerchantId | null;
  }
}

/** The merchant whose figures a request of a guarded route asks for. */
export function merchantOf({ merchant }: FastifyRequest): MerchantId {
  if (merchant === null) throw new Error('the route is not guarded');
  return merchant;
}

export interface KeyDirectory {
  apiKey(hash: string): Promise<ApiKey | null>;
}

export class Auth {
  readonly #keys: KeyDirectory;
  readonly #clock: () => number;
  readonly #cache = new Map<string, { key: ApiKey; until: number }>();

  /** @param clock monotonic, milliseconds */
  constructor(keys: KeyDirectory, clock: () => number) {
    this.#keys = keys;
    this.#clock = clock;
  }

  /** Makes every route of `app` authenticate the request before it answers; see `merchantOf`. */
  guard(app: FastifyInstance): void {
    app.decorateRequest('merchant', null);
    app.addHook('onRequest', async (request) => {
      request.merchant = await this.#merchant(request);
    });
  }

  /**
   * The merchant named in the path, if the request's key belongs to that merchant.
   *
   * @throws Problem 401, 403
   */
  async #merchant(request: FastifyRequest): Promise<MerchantId> {
    const [, token] = /^Bearer +([\w~+/.=-]+)$/i.exec(request.headers.authorization ?? '') ?? [];
    if (token === undefined) throw new Problem(401, 'send the API key as "Authorization: Bearer KEY"');
    const key = await this.#key(createHash('sha256').update(token).digest('hex'));
    if (key === null || key.revokedAt !== null) throw new Problem(401, 'the API key is not known');
    const { merchant } = request.params as { merchant?: string };
    if (!isId(merchant) || merchant !== key.merchant) throw new Problem(403, 'the API key belongs to another merchant');
    return key.merchant;
  }

  /** Unknown keys are looked up each time, so a new key works at once. */
  async #key(hash: string): Promise<ApiKey | null> {
    const known = this.#cache.get(hash);
    if (known !== undefined && known.until > this.#clock()) return known.key;
    this.#cache.delete(hash);
    const key = await this.#keys.apiKey(hash);
    if (key !== null) {
      if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
      this.#cache.set(hash, { key, until: this.#clock() + CACHE_MS });
    }
    return key;
  }
}

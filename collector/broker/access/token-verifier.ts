/**
 * Verifies a terminal's token against its registration in the store.
 *
 * A recently read registration answers for the tokens that it names; any other token is looked up
 * again, so a new terminal or token works at once. An unavailable store says nothing about a token:
 * that is never a refusal.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import type { Registration, TokenRecord } from '../../store/terminals.ts';

export interface Registry {
  registration(merchant: MerchantId, terminal: TerminalId): Promise<Registration | null>;
}

export interface TokenVerifierOptions {
  readonly registry: Registry;
  /** Milliseconds since 1970, for the expiry of tokens. */
  readonly now: () => number;
  /** Monotonic milliseconds, for the age of a cached registration. */
  readonly clock: () => number;
  /** How long a registration is used without being read again. */
  readonly cacheMs: number;
  readonly maxCached: number;
  /** A lookup that the store has not answered by then counts as unavailable. */
  readonly deadlineMs: number;
  /** Lookups in parallel; beyond, no till is accepted. */
  readonly maxLookups: number;
}

export type Verdict =
  | {
      readonly kind: 'accepted';
      /** SHA-256 of the token, hex; null: authenticated by a client certificate. */
      readonly hash: string | null;
      /** When the registration behind this verdict was read, monotonic milliseconds. */
      readonly asOf: number;
    }
  | { readonly kind: 'wrong'; readonly reason: 'unknown' | 'token' }
  /** The token was valid once. */
  | { readonly kind: 'ended'; readonly reason: 'expired' | 'revoked' }
  | { readonly kind: 'unavailable'; readonly cause: Error };

interface Read {
  readonly registration: Registration | null;
  /** Monotonic milliseconds. */
  readonly at: number;
}

export const tokenHash = (token: Uint8Array): string => createHash('sha256').update(token).digest('hex');

export class TokenVerifier {
  readonly #options: TokenVerifierOptions;
  /** The oldest read first. */
  readonly #cache = new Map<string, Read>();
  #lookups = 0;

  constructor(options: TokenVerifierOptions) {
    this.#options = options;
  }

  /**
   * Never rejects, and answers within the deadline.
   *
   * @param token null: a client certificate proves the identity; the registration still decides
   *   whether the till is accepted
   */
  async verify(merchant: MerchantId, terminal: TerminalId, token: Uint8Array | null): Promise<Verdict> {
    const hash = token === null ? null : tokenHash(token);
    const { now, clock, cacheMs } = this.#options;
    const known = this.#cache.get(nameOf(merchant, terminal));
    if (known !== undefined && clock() - known.at < cacheMs) {
      const verdict = judge(known, hash, now());
      if (verdict.kind === 'accepted') return verdict;
    }
    return this.verifyHash(merchant, terminal, hash);
  }

  /** Like `verify`, by a token's hash, and always from the store: for a running session. */
  async verifyHash(merchant: MerchantId, terminal: TerminalId, hash: string | null): Promise<Verdict> {
    try {
      const read = await this.#read(merchant, terminal);
      return judge(read, hash, this.#options.now());
    } catch (cause) {
      return { kind: 'unavailable', cause: cause as Error };
    }
  }

  async #read(merchant: MerchantId, terminal: TerminalId): Promise<Read> {
    const { registry, clock, deadlineMs, maxLookups } = this.#options;
    if (this.#lookups >= maxLookups) throw new Error(`${maxLookups} lookups wait for the store`);
    this.#lookups++;
    // A token that expires during the lookup may still be accepted, so the result is dated at its
    // start.
    const at = clock();
    const deadline = Promise.withResolvers<never>();
    const timer = setTimeout(() => deadline.reject(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs);
    try {
      const registration = await Promise.race([registry.registration(merchant, terminal), deadline.promise]);
      const read = { registration, at };
      this.#store(nameOf(merchant, terminal), read);
      return read;
    } finally {
      clearTimeout(timer);
      this.#lookups--;
    }
  }

  #store(name: string, read: Read): void {
    this.#cache.delete(name);
    if (read.registration === null) return;
    this.#cache.set(name, read);
    if (this.#cache.size <= this.#options.maxCached) return;
    for (const oldest of this.#cache.keys()) {
      this.#cache.delete(oldest);
      break;
    }
  }
}

const nameOf = (merchant: MerchantId, terminal: TerminalId): string => `${merchant}/${terminal}`;

function judge({ registration, at }: Read, hash: string | null, now: number): Verdict {
  if (registration === null) return { kind: 'wrong', reason: 'unknown' };
  if (hash === null) {
    return registration.state !== 'active'
      ? { kind: 'ended', reason: 'revoked' }
      : { kind: 'accepted', hash, asOf: at };
  }
  // All are compared, so that the duration does not reveal which one matched.
  const matching = registration.tokens.filter((token) => sameHash(token, hash));
  if (matching.length === 0) return { kind: 'wrong', reason: 'token' };
  if (registration.state !== 'active') return { kind: 'ended', reason: 'revoked' };
  if (!matching.some(({ expiresAt }) => expiresAt === null || now < expiresAt))
    return { kind: 'ended', reason: 'expired' };
  return { kind: 'accepted', hash, asOf: at };
}

const sameHash = (token: TokenRecord, hash: string): boolean => {
  const held = Buffer.from(token.hash, 'hex');
  const given = Buffer.from(hash, 'hex');
  return held.length === given.length && timingSafeEqual(held, given);
};

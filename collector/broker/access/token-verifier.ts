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
import { type StrangerLimits, StrangerLookups, type Turn } from './stranger-lookups.ts';

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
  /** Lookups in parallel of tills whose token was accepted lately; beyond, none is accepted. */
  readonly maxLookups: number;
  readonly strangers: StrangerLimits;
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
  readonly #strangers: StrangerLookups;
  #lookups = 0;

  constructor(options: TokenVerifierOptions) {
    this.#options = options;
    this.#strangers = new StrangerLookups(options.strangers);
  }

  /**
   * Never rejects, and answers within the deadline.
   *
   * @param token null: a client certificate proves the identity; the registration still decides
   *   whether the till is accepted
   * @param address whom a lookup is charged to, unless the token was accepted before
   */
  async verify(
    merchant: MerchantId,
    terminal: TerminalId,
    token: Uint8Array | null,
    address: string,
  ): Promise<Verdict> {
    const hash = token === null ? null : tokenHash(token);
    const { now, clock, cacheMs } = this.#options;
    const known = this.#cache.get(nameOf(merchant, terminal));
    const verdict = known === undefined ? null : judge(known, hash, now());
    if (known === undefined || verdict?.kind !== 'accepted') return this.#lookUp(merchant, terminal, hash, address);
    return clock() - known.at < cacheMs ? verdict : this.verifyHash(merchant, terminal, hash);
  }

  /** Like `verify`, by a token's hash, and always from the store: for a running session. */
  verifyHash(merchant: MerchantId, terminal: TerminalId, hash: string | null): Promise<Verdict> {
    return this.#lookUp(merchant, terminal, hash, null);
  }

  /** @param stranger the address of one whose token has not been accepted here */
  async #lookUp(
    merchant: MerchantId,
    terminal: TerminalId,
    hash: string | null,
    stranger: string | null,
  ): Promise<Verdict> {
    try {
      const read = await this.#withinDeadline(stranger, () => this.#read(merchant, terminal));
      this.#store(nameOf(merchant, terminal), read);
      return judge(read, hash, this.#options.now());
    } catch (cause) {
      return { kind: 'unavailable', cause: cause as Error };
    }
  }

  /** Waits for the stranger's turn, then looks up; rejects when that takes too long. */
  async #withinDeadline(stranger: string | null, read: () => Promise<Read>): Promise<Read> {
    const { deadlineMs } = this.#options;
    const turn = stranger === null ? this.#turnOfKnown() : this.#strangers.enter(stranger);
    const deadline = Promise.withResolvers<never>();
    const timer = setTimeout(() => deadline.reject(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs);
    try {
      await Promise.race([turn.granted, deadline.promise]);
      return await Promise.race([read(), deadline.promise]);
    } finally {
      clearTimeout(timer);
      turn.leave();
    }
  }

  #turnOfKnown(): Turn {
    const { maxLookups } = this.#options;
    if (this.#lookups >= maxLookups) throw new Error(`${maxLookups} lookups wait for the store`);
    this.#lookups++;
    return { granted: Promise.resolve(), leave: () => void this.#lookups-- };
  }

  async #read(merchant: MerchantId, terminal: TerminalId): Promise<Read> {
    const { registry, clock } = this.#options;
    // A token that expires during the lookup may still be accepted, so the result is dated at its
    // start.
    const at = clock();
    return { registration: await registry.registration(merchant, terminal), at };
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

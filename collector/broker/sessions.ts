/**
 * The sessions of the tills connected here. A session begins when its token is accepted and ends
 * with its connection.
 *
 * Invariants:
 * - One session per client id: a newer connection ends the older one [MQTT-3.1.4-2]. Client ids
 *   contain the merchant, so two merchants' ids never collide.
 * - A terminal has at most `maxPerTerminal` sessions: a newer one ends the oldest.
 * - There are at most `maxSessions`. When all are taken, a merchant below its share gets one of the
 *   merchant that exceeds its share by most; while there is room, shares bind nobody.
 * - A session's evidence (its terminal's registration) was read less than `recheckMs` ago, or the
 *   next sweep reads it again: a revoked or expired token loses its session, while an unavailable
 *   store ends none.
 */
import type { Client } from 'aedes';
import type { Topics } from './access/authorization.ts';
import type { EndReason } from './access/metrics.ts';
import type { Verdict } from './access/token-verifier.ts';
import type { AckBatcher } from './ack-batcher.ts';
import type { Sender } from './port.ts';
import { SessionGroups } from './session-groups.ts';
import type { FramingGate } from './transport/framing-gate.ts';

export interface Session {
  /** The client id as aedes knows it: `{merchant}/{terminal}.{epoch}`. */
  readonly id: string;
  readonly sender: Sender;
  readonly topics: Topics;
  readonly client: Client;
  readonly gate: FramingGate;
  readonly outbox: AckBatcher;
  /** SHA-256 of its token, hex; null: authenticated by a client certificate. */
  readonly tokenHash: string | null;
  /** When the registration that accepts it was read, monotonic milliseconds. */
  verifiedAt: number;
  /** The store's generation as the session is told it; null before its first status. */
  storeGen: string | null;
}

export interface SessionLimits {
  readonly maxSessions: number;
  readonly maxPerTerminal: number;
  /** Of the sessions, what a merchant keeps when all are taken: above 0, at most 1. */
  readonly merchantShare: number;
}

export interface SessionsOptions {
  readonly limits: SessionLimits;
  readonly verify: (session: Session) => Promise<Verdict>;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly recheckMs: number;
  /** Sessions rechecked in parallel. */
  readonly maxRechecks: number;
  readonly onEnd: (session: Session, reason: EndReason) => void;
}

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #byId = new Map<string, Session>();
  readonly #byClient = new Map<Client, Session>();
  /** The oldest first, in both. */
  readonly #byTerminal = new SessionGroups<Session>(({ sender }) => terminalName(sender));
  readonly #byMerchant = new SessionGroups<Session>(({ sender }) => sender.merchant);
  #sweeping = false;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get all(): Iterable<Session> {
    return this.#byClient.values();
  }

  of(client: Client | null): Session | undefined {
    return client === null ? undefined : this.#byClient.get(client);
  }

  /** @returns false: all sessions are taken */
  enter(session: Session): boolean {
    const before = this.#byId.get(session.id);
    if (before !== undefined) this.end(before, 'taken-over');
    const same = this.#byTerminal.of(session);
    if (same.size >= this.#options.limits.maxPerTerminal) this.end(first(same)!, 'terminal-sessions');
    if (!this.#makeRoom(session)) return false;
    this.#byId.set(session.id, session);
    this.#byClient.set(session.client, session);
    this.#byTerminal.add(session);
    this.#byMerchant.add(session);
    return true;
  }

  leave(client: Client): void {
    const session = this.#byClient.get(client);
    if (session === undefined) return;
    this.#byClient.delete(client);
    this.#byTerminal.delete(session);
    this.#byMerchant.delete(session);
    if (this.#byId.get(session.id) === session) this.#byId.delete(session.id);
  }

  end(session: Session, reason: EndReason): void {
    this.#options.onEnd(session, reason);
    this.leave(session.client);
    session.gate.destroy();
  }

  /**
   * Rechecks the sessions whose registration was read too long ago. Returns at once while another
   * sweep is running.
   */
  async sweep(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    const { clock, recheckMs, maxRechecks } = this.#options;
    const stale = [...this.#byClient.values()].filter(({ verifiedAt }) => clock() - verifiedAt >= recheckMs);
    const worker = async (): Promise<void> => {
      for (let session = stale.pop(); session !== undefined; session = stale.pop()) await this.#recheck(session);
    };
    await Promise.all(Array.from({ length: maxRechecks }, worker));
    this.#sweeping = false;
  }

  #makeRoom(session: Session): boolean {
    const { maxSessions, merchantShare } = this.#options.limits;
    if (this.#byClient.size < maxSessions) return true;
    const share = Math.max(1, Math.floor(maxSessions * merchantShare));
    const most = this.#byMerchant.largest();
    if (most.size <= share || this.#byMerchant.of(session).size >= share) return false;
    this.end(first(most)!, 'merchant-share');
    return true;
  }

  async #recheck(session: Session): Promise<void> {
    const verdict = await this.#options.verify(session);
    if (verdict.kind === 'accepted') session.verifiedAt = verdict.asOf;
    else if (verdict.kind !== 'unavailable' && this.#byClient.has(session.client)) this.end(session, 'token-ended');
  }
}

export const terminalName = ({ merchant, terminal }: Sender): string => `${merchant}/${terminal}`;

function first(sessions: ReadonlySet<Session>): Session | undefined {
  for (const session of sessions) return session;
  return undefined;
}

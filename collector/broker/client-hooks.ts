/**
 * The hooks of aedes: authenticate clients, authorize what they publish and subscribe, and pass
 * their messages to the inbox and the acks back.
 */
import type { AedesOptions, AuthenticateError, Client } from 'aedes';
import { streamId } from '../../shared/ids.ts';
import { type Ack, encodeAcks } from '../../shared/wire/messages.ts';
import { type Authentication, authenticate } from './access/authentication.ts';
import {
  authorizeConnect,
  authorizePublish,
  authorizeSubscribe,
  CONNACK,
  type ConnackCode,
  type ConnectVerdict,
  topicsOf,
} from './access/authorization.ts';
import type { BrokerMetrics, EndReason } from './access/metrics.ts';
import type { TokenVerifier } from './access/token-verifier.ts';
import { AckBatcher } from './ack-batcher.ts';
import type { BrokerLog } from './budget/limited-log.ts';
import { TerminalBudgets, type TerminalRates } from './budget/terminal-budgets.ts';
import { ForbiddenPublish } from './disconnect-reason.ts';
import type { Inbox } from './port.ts';
import { type Session, type SessionLimits, Sessions, terminalName } from './sessions.ts';
import type { FramingGate } from './transport/framing-gate.ts';

export interface ClientHooksOptions {
  readonly tokenVerifier: TokenVerifier;
  readonly inbox: Inbox;
  /** What tills are told, milliseconds since 1970; 0: unknown. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** The store's generation; no till is accepted before it is known (null). */
  readonly storeGen: () => string | null;
  /** Maximum age of the registration that a session was accepted by, before it is read again. */
  readonly recheckMs: number;
  /** Longest keep-alive of a connection. */
  readonly keepAliveMs: number;
  readonly sessions: SessionLimits;
  readonly terminals: TerminalRates;
  readonly metrics: BrokerMetrics;
  readonly log: BrokerLog;
}

/** aedes refuses it with CONNACK 1, as it does any version that is not 3 or 4. */
const NO_VERSION = 0;
const MQTT_3_1_1 = 4;
/** Registrations read in parallel by a sweep. */
const MAX_RECHECKS = 8;

type Hooks = Pick<AedesOptions, 'preConnect' | 'authenticate' | 'authorizePublish' | 'authorizeSubscribe'>;

export class ClientHooks {
  readonly sessions: Sessions;
  readonly #options: ClientHooksOptions;
  /**
   * Filled between CONNECT and authentication: aedes passes the packet to one hook only, and the
   * token to the other.
   */
  readonly #connects = new WeakMap<Client, ConnectVerdict>();

  readonly #budgets: TerminalBudgets;

  /** @param onEnd called when a session is ended from here */
  constructor(options: ClientHooksOptions, onEnd: (session: Session, reason: EndReason) => void) {
    this.#options = options;
    const { tokenVerifier, clock, recheckMs, sessions, terminals } = options;
    this.#budgets = new TerminalBudgets(terminals, clock);
    this.sessions = new Sessions({
      verify: ({ sender, tokenHash }) => tokenVerifier.verifyHash(sender.merchant, sender.terminal, tokenHash),
      ...{ limits: sessions, clock, recheckMs, maxRechecks: MAX_RECHECKS, onEnd },
    });
  }

  /** Runs every few seconds. */
  async sweep(): Promise<void> {
    this.#budgets.prune();
    await this.sessions.sweep();
  }

  aedesHooks(): Required<Hooks> {
    return {
      preConnect: (client, packet, callback) => {
        const gate = client.conn as FramingGate;
        this.#connects.set(client, authorizeConnect(packet, gate.certified));
        const maxKeepAlive = Math.floor(this.#options.keepAliveMs / 1000);
        gate.keepAliveSeconds = Math.min(packet.keepalive || maxKeepAlive, maxKeepAlive);
        // The gate sees to it.
        packet.keepalive = 0;
        // MQTT 3.1, and 5: tills speak 3.1.1.
        if (packet.protocolVersion !== MQTT_3_1_1) {
          this.#options.metrics.connected('form');
          (packet as { protocolVersion: number }).protocolVersion = NO_VERSION;
        }
        callback(null, true);
      },
      authenticate: (client, _username, _password, callback) => {
        this.#authenticate(client).then(
          (code) => (code === null ? callback(null, true) : callback(refusal(code), null)),
          (error: Error) => {
            this.#options.log.error({ err: error }, 'a CONNECT could not be checked');
            callback(refusal(CONNACK.serverUnavailable), null);
          },
        );
      },
      authorizePublish: (client, packet, callback) => {
        // Wills and aedes' own messages come without a session.
        const session = this.sessions.of(client);
        if (session === undefined) return callback(new Error('no session: nothing may be published'));
        const verdict = authorizePublish(session.topics, packet);
        if (!verdict.ok) return callback(new ForbiddenPublish(verdict.reason));
        this.#onPublish(session, verdict.channel, packet.payload as Buffer);
        callback(null);
      },
      authorizeSubscribe: (client, subscription, callback) => {
        const session = this.sessions.of(client);
        if (session !== undefined && authorizeSubscribe(session.topics, subscription))
          return callback(null, subscription);
        this.#options.metrics.subscriptionRefused();
        // Becomes 0x80, failure [MQTT-3.9.3-2].
        callback(null, null);
      },
    };
  }

  /** @returns null when the till is accepted, else the CONNACK code */
  async #authenticate(client: Client): Promise<ConnackCode | null> {
    const { tokenVerifier, storeGen, metrics, log } = this.#options;
    const connect = this.#connects.get(client);
    if (connect === undefined) throw new Error('aedes authenticates a client that sent no CONNECT');
    const authentication = await authenticate(connect, tokenVerifier, addressOf(client), storeGen() !== null);
    if (client.closed) return CONNACK.serverUnavailable;
    if (authentication.kind === 'refused') {
      const { code, outcome, reason } = authentication;
      metrics.connected(outcome);
      const who = connect.ok ? { merchant: connect.claim.merchant, terminal: connect.claim.terminal } : {};
      log.info({ ...who, code, reason }, 'till refused');
      return code;
    }
    const outcome = this.#beginSession(client, authentication);
    metrics.connected(outcome);
    if (outcome === 'accepted') return null;
    const { merchant, terminal } = authentication.claim;
    log.info({ merchant, terminal, code: CONNACK.serverUnavailable, reason: outcome }, 'till refused');
    return CONNACK.serverUnavailable;
  }

  #beginSession(
    client: Client,
    { claim, hash, asOf }: Authentication & { kind: 'accepted' },
  ): 'accepted' | 'too-often' | 'full' {
    if (!this.#budgets.take(terminalName(claim), 'connects')) return 'too-often';
    const { merchant, terminal, epoch } = claim;
    // aedes identifies clients by this id alone and disconnects an older client with the same id,
    // so two merchants' ids must never be equal.
    client.id = `${merchant}/${streamId(terminal, epoch)}`;
    const topics = topicsOf(merchant, terminal);
    const entered = this.sessions.enter({
      id: client.id,
      sender: { merchant, terminal, epoch },
      topics,
      client,
      gate: client.conn as FramingGate,
      outbox: new AckBatcher((acks, done) => this.#send(client, topics.ack, acks, done)),
      tokenHash: hash,
      verifiedAt: asOf,
      storeGen: null,
    });
    return entered ? 'accepted' : 'full';
  }

  #onPublish(session: Session, channel: 'batch' | 'status', payload: Buffer): void {
    const { inbox, metrics } = this.#options;
    const release = session.gate.claim();
    metrics.received(channel, payload.length);
    if (channel === 'status') {
      if (!this.#budgets.take(terminalName(session.sender), 'statuses')) {
        this.sessions.end(session, 'status-budget');
        return;
      }
      inbox.onStatus(session.sender, payload).then(
        (generation) => {
          if (generation !== null && (session.storeGen === null || generation.lacks))
            session.storeGen = generation.storeGen;
          // Without an answer to its greeting a till connects again; a wrong generation would make
          // it send again what it keeps.
          if (session.storeGen === null) release();
          else session.outbox.add(null, release);
        },
        (error: Error) => this.#fault(session, error),
      );
    } else {
      inbox.onBatch(session.sender, payload).then(
        (ack) => session.outbox.add(ack, release),
        (error: Error) => this.#fault(session, error),
      );
    }
  }

  /**
   * The inbox rejects only because of a bug of this program: that must cost its sender the
   * connection, not every till the process.
   */
  #fault(session: Session, error: Error): void {
    const { merchant, terminal } = session.sender;
    this.#options.log.error({ err: error, merchant, terminal }, 'a batch could not be handled');
    this.sessions.end(session, 'fault');
  }

  #send(client: Client, topic: string, acks: Ack[], done: () => void): void {
    const session = this.sessions.of(client);
    if (client.closed || session === undefined) {
      done();
      return;
    }
    const { inbox, now, storeGen } = this.#options;
    const envelope = {
      acks,
      credit: inbox.credit(session.sender),
      serverTime: now(),
      storeGen: session.storeGen ?? storeGen() ?? '',
    };
    const payload = Buffer.from(encodeAcks(envelope));
    (client.conn as FramingGate).published();
    client.publish({ cmd: 'publish', topic, payload, qos: 1, dup: false, retain: false }, done);
  }
}

const addressOf = (client: Client): string => (client.conn as FramingGate).address;

const refusal = (code: ConnackCode): AuthenticateError =>
  Object.assign(new Error(`refused with ${code}`), { returnCode: code as number }) as AuthenticateError;

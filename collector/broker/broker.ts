/**
 * The embedded MQTT broker: aedes 1.2 behind a framing gate, open to registered tills only.
 *
 * The path of a batch: socket → gate (counts it) → aedes → client hooks (authorization) → inbox,
 * which answers once it is durable → an ack message to the client that sent it → the gate releases
 * it. MQTT's PUBACK is sent before all that and means nothing. Nothing is ever routed from one
 * client to another.
 */
import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { Aedes, type Client } from 'aedes';
import type { Rate } from '../../shared/token-bucket.ts';
import type { EndReason } from './access/metrics.ts';
import { LimitedLog } from './budget/limited-log.ts';
import { ClientHooks, type ClientHooksOptions } from './client-hooks.ts';
import { disconnectReason } from './disconnect-reason.ts';
import { Admission, type AdmissionLimits, type Admitted } from './transport/admission.ts';
import { BEGUN, FramingGate, type GateLimits } from './transport/framing-gate.ts';
import {
  type Connected,
  Listener,
  type ListenerOptions,
  type ListenerRefusal,
  type ListenerTls,
} from './transport/listener.ts';
import { ReceiveMemory } from './transport/receive-memory.ts';
import type { WebSocketLimits } from './transport/web-socket.ts';

type ListenAt = Pick<ListenerOptions, 'host' | 'port' | 'tls'>;

export interface BrokerOptions extends ClientHooksOptions {
  readonly listen: ListenAt;
  /** A second port, for MQTT over WebSocket; null: none. */
  readonly websocket: ListenAt | null;
  readonly admission: AdmissionLimits;
  readonly gate: GateLimits;
  readonly webSocketLimits: WebSocketLimits;
  /** Bytes of unfinished packets, of all connections. */
  readonly maxPartialBytes: number;
  /** How long answers may wait for a client that does not read. */
  readonly unreadMs: number;
  /** Log lines of one message. */
  readonly logLines: Rate;
}

const SWEEP_EVERY_MS = 5_000;
const DRAIN_POLL_MS = 10;
/** At a stop: time for the last acks to be sent. */
const CUT_AFTER_MS = 1_000;

export class Broker {
  readonly #options: BrokerOptions;
  readonly #listeners: readonly Listener[];
  readonly #hooks: ClientHooks;
  readonly #gates = new Map<FramingGate, Admitted>();
  /** An ending counts once, however often it shows. */
  readonly #counted = new WeakSet<Duplex>();
  readonly #memory: ReceiveMemory;
  readonly #log: LimitedLog;
  readonly #aedes: Aedes;
  #sweeper: NodeJS.Timeout | null = null;

  private constructor(options: BrokerOptions) {
    this.#options = options;
    const { metrics, logLines, clock, admission, gate, webSocketLimits } = options;
    this.#log = new LimitedLog(options.log, logLines, clock);
    this.#memory = new ReceiveMemory(options.maxPartialBytes);
    this.#hooks = new ClientHooks({ ...options, log: this.#log }, (session, reason) =>
      this.#countEnd(session.gate, reason),
    );
    this.#aedes = new Aedes({ ...this.#hooks.aedesHooks(), drainTimeout: options.unreadMs });
    const shared = {
      ...{ handshakeMs: gate.handshakeMs, webSocket: webSocketLimits, memory: this.#memory },
      admission: new Admission(admission, (reason) => metrics.ended(reason)),
      onConnection: (connected: Connected) => this.#connect(connected),
      onRefused: (reason: ListenerRefusal) => metrics.ended(reason),
    };
    const listener = (at: ListenAt, framing: ListenerOptions['framing']): Listener =>
      new Listener({ ...shared, ...at, framing });
    this.#listeners = [
      listener(options.listen, 'mqtt'),
      ...(options.websocket === null ? [] : [listener(options.websocket, 'websocket')]),
    ];
  }

  /** Listens when it resolves. Rejects when an address is not free. */
  static async start(options: BrokerOptions): Promise<Broker> {
    const broker = new Broker(options);
    broker.#observe();
    await broker.#aedes.listen();
    const listening: Listener[] = [];
    try {
      for (const listener of broker.#listeners) {
        await listener.listen();
        listening.push(listener);
      }
    } catch (error) {
      await Promise.all(listening.map((listener) => listener.close()));
      await broker.#closeAedes();
      throw error;
    }
    broker.#sweeper = setInterval(() => void broker.sweep(), SWEEP_EVERY_MS);
    return broker;
  }

  get port(): number {
    return this.#listeners[0]!.port;
  }

  /** The port of MQTT over WebSocket; null without. */
  get websocketPort(): number | null {
    return this.#listeners[1]?.port ?? null;
  }

  /** What new connections get on the ports that have TLS; sessions go on. */
  setTls(tls: ListenerTls): void {
    for (const listener of this.#listeners) listener.setTls(tls);
  }

  /**
   * Ends the sessions whose token was revoked or expired since the last check. Runs every few
   * seconds.
   */
  sweep(): Promise<void> {
    this.#log.flush();
    return this.#hooks.sweep();
  }

  /**
   * Accepts no new connection and no new message, then waits until the batches in flight are
   * answered, at most `drainMs`, and closes.
   */
  async stop(drainMs: number): Promise<void> {
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    const closed = Promise.all(this.#listeners.map((listener) => listener.close()));
    for (const gate of this.#gates.keys()) gate.hold();
    const { clock } = this.#options;
    const deadline = clock() + drainMs;
    const busy = () => [...this.#gates.keys()].some((gate) => gate.unreleased > 0);
    while (busy() && clock() < deadline) await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    for (const gate of this.#gates.keys()) gate.destroy();
    const cut = setTimeout(() => {
      for (const listener of this.#listeners) listener.cut();
    }, CUT_AFTER_MS);
    await this.#closeAedes();
    await closed;
    clearTimeout(cut);
  }

  #closeAedes(): Promise<void> {
    return new Promise((resolve) => this.#aedes.close(resolve));
  }

  #connect({ stream, certified, admitted, received }: Connected): void {
    const { metrics, clock, gate: limits } = this.#options;
    const { address } = admitted;
    const gate = new FramingGate(stream, { limits, memory: this.#memory, clock, certified, address, received });
    this.#gates.set(gate, admitted);
    metrics.connections(this.#gates.size);
    let client: Client | null = null;
    // A client of aedes is large: who sends nothing gets none.
    gate.once(BEGUN, () => {
      admitted.progressed();
      client = this.#aedes.handle(gate);
    });
    gate.on('error', (error) => this.#ended(gate, error));
    gate.once('close', () => {
      this.#gates.delete(gate);
      if (client !== null) this.#hooks.sessions.leave(client);
      metrics.connections(this.#gates.size);
    });
  }

  #ended(gate: Duplex, error: Error): void {
    const reason = disconnectReason(error);
    if (this.#countEnd(gate, reason)) this.#log.debug({ reason, err: error }, 'connection ended');
  }

  /** @returns false: this connection's ending was counted before */
  #countEnd(gate: Duplex, reason: EndReason | null): boolean {
    if (this.#counted.has(gate)) return false;
    this.#counted.add(gate);
    if (reason !== null) this.#options.metrics.ended(reason);
    return true;
  }

  #observe(): void {
    const { log } = this.#options;
    const ended = (client: Client, error: Error): void => this.#ended(client.conn as FramingGate, error);
    this.#aedes.on('clientReady', (client) => {
      const gate = client.conn as FramingGate;
      this.#gates.get(gate)?.done();
      gate.accept();
    });
    this.#aedes.on('clientError', ended);
    this.#aedes.on('connectionError', ended);
    const emitter: EventEmitter = this.#aedes;
    emitter.on('error', (error: Error) => log.error({ err: error }, 'aedes failed'));
  }
}

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
import { ClientHooks, type ClientHooksOptions } from './client-hooks.ts';
import { disconnectReason } from './disconnect-reason.ts';
import { FramingGate, type GateLimits } from './transport/framing-gate.ts';
import { Listener, type ListenerOptions } from './transport/listener.ts';

type ListenAt = Omit<ListenerOptions, 'framing' | 'onConnection' | 'onRefused'>;

export interface BrokerOptions extends ClientHooksOptions {
  readonly listen: ListenAt;
  /** A second port, for MQTT over WebSocket; null: none. */
  readonly websocket: ListenAt | null;
  readonly gate: GateLimits;
}

const SWEEP_EVERY_MS = 5_000;
const DRAIN_POLL_MS = 10;
/** At a stop: time for the last acks to be sent. */
const CUT_AFTER_MS = 1_000;

export class Broker {
  readonly #options: BrokerOptions;
  readonly #listeners: readonly Listener[];
  readonly #hooks: ClientHooks;
  readonly #gates = new Set<FramingGate>();
  readonly #aedes: Aedes;
  #sweeper: NodeJS.Timeout | null = null;

  private constructor(options: BrokerOptions) {
    this.#options = options;
    this.#hooks = new ClientHooks(options);
    this.#aedes = new Aedes(this.#hooks.aedesHooks());
    const listener = (at: ListenAt, framing: ListenerOptions['framing']): Listener =>
      new Listener({
        ...at,
        framing,
        onConnection: (stream, certified) => this.#connect(stream, certified),
        onRefused: (reason) => options.metrics.ended(reason),
      });
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

  /**
   * Ends the sessions whose token was revoked or expired since the last check. Runs every few
   * seconds.
   */
  sweep(): Promise<void> {
    return this.#hooks.sessions.sweep();
  }

  /**
   * Accepts no new connection and no new message, then waits until the batches in flight are
   * answered, at most `drainMs`, and closes.
   */
  async stop(drainMs: number): Promise<void> {
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    const closed = Promise.all(this.#listeners.map((listener) => listener.close()));
    for (const gate of this.#gates) gate.hold();
    const { clock } = this.#options;
    const deadline = clock() + drainMs;
    const busy = () => [...this.#gates].some((gate) => gate.unreleased > 0);
    while (busy() && clock() < deadline) await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    for (const gate of this.#gates) gate.destroy();
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

  #connect(stream: Duplex, certified: string | null): void {
    const { metrics } = this.#options;
    const gate = new FramingGate(stream, this.#options.gate, certified);
    this.#gates.add(gate);
    metrics.connections(this.#gates.size);
    const client = this.#aedes.handle(gate);
    gate.once('close', () => {
      this.#gates.delete(gate);
      this.#hooks.sessions.leave(client);
      metrics.connections(this.#gates.size);
    });
  }

  #observe(): void {
    const { metrics, log } = this.#options;
    const ended = (client: Client, error: Error): void => {
      const reason = disconnectReason(error);
      if (reason !== null) metrics.ended(reason);
      log.debug({ client: client.id, reason, err: error }, 'connection ended');
    };
    this.#aedes.on('clientReady', (client) => (client.conn as FramingGate).accept());
    this.#aedes.on('keepaliveTimeout', () => metrics.ended('keep-alive'));
    this.#aedes.on('clientError', ended);
    this.#aedes.on('connectionError', ended);
    const emitter: EventEmitter = this.#aedes;
    emitter.on('error', (error: Error) => log.error({ err: error }, 'aedes failed'));
  }
}

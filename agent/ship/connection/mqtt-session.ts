/**
 * One MQTT connection, from CONNECT to its end. mqtt.js runs without its own reconnecting and
 * queues, because the buffer is the only queue.
 *
 * MQTT 3.1.1, clean session, QoS 1. PUBACK times the line; only the collector's ack settles.
 */
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { MqttClient } from 'mqtt';
import type { Timers } from '../../port/timers.ts';
import type { Address, Credentials } from './endpoint.ts';
import { refusedCertificate } from './explain-error.ts';
import { StepTimeout } from './step-timeout.ts';
import { TrafficWatch } from './traffic-watch.ts';
import { openTransport, type Transport } from './transport.ts';

/** From CONNECT to CONNACK; `StepTimeout` ends it before where the line is silent. */
const CONNACK_MS = 60_000;
/** How long a graceful end waits for data that is still being sent. */
const END_MS = 1_000;

export interface SessionOptions {
  readonly address: Address;
  readonly clientId: string;
  readonly username: string;
  readonly credentials: Credentials;
  readonly topics: readonly string[];
  /** Seconds; the session asks for a ping after so long. */
  readonly keepAlive: number;
  /**
   * Seconds; the broker cuts when it has got no whole packet for half as long again. At least
   * `keepAlive`; more where a packet takes longer.
   */
  readonly announced: number;
  readonly timers: Timers;
  /** Called with each address of the collector, or of the proxy, that is tried. */
  readonly onAttempt: (address: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface Session {
  /** Delivers messages of the subscribed topics from now on. */
  receive(handler: (topic: string, payload: Buffer) => void): void;
  /** @param arrived called when the broker has it (PUBACK) */
  publish(topic: string, payload: Uint8Array, arrived: () => void): void;
  /** Calls back when it is time for a ping. */
  onIdle(ping: () => void): void;
  /** @param answered called when the broker answered */
  ping(answered: () => void): void;
  readonly traffic: Pick<TrafficWatch, 'idleMs' | 'idleBeforeSilenceMs'>;
  /** Whether this side cut it. */
  readonly aborted: boolean;
  /** When the collector's certificate expires, milliseconds since 1970; infinite if it has none. */
  readonly certificateEnds: number;
  /** Resolves with the reason when the connection is closed. */
  readonly closed: Promise<Error>;
  /** Cuts the connection. */
  abort(reason: Error): void;
  /** Sends DISCONNECT after everything published; bounded in time. */
  end(): Promise<void>;
}

/** CONNACK 4 or 5. */
const isUnauthorized = (error: Error & { code?: unknown }): boolean => error.code === 4 || error.code === 5;

/** Whether the collector refused the connection (CONNACK), which asks the agent to wait. */
export function isRefusal(error: unknown): boolean {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return typeof code === 'number' || (cause instanceof Error && isRefusal(cause));
}

function mqttOn(stream: Duplex, { clientId, username, credentials, announced }: SessionOptions): MqttClient {
  const client = new MqttClient(() => stream as MqttClient['stream'], {
    protocolVersion: 4,
    clientId,
    username,
    ...(credentials.token === null ? {} : { password: credentials.token }),
    clean: true,
    reconnectPeriod: 0,
    queueQoSZero: false,
    resubscribe: false,
    keepalive: announced,
    connectTimeout: CONNACK_MS,
    // Otherwise mqtt.js allocates a Buffer for each two-byte number in advance: 65,536, 7 MiB.
    writeCache: false,
  });
  // CONNECT is written, and names the interval. From here on the session pings: mqtt.js would take
  // a slow line for a dead one when the answer waits behind what is under way.
  client.options.keepalive = 0;
  return client;
}

/** Sends DISCONNECT after everything published, and cuts the connection after `END_MS`. */
const endGracefully = (client: MqttClient, closed: Promise<Error>): Promise<void> =>
  new Promise((resolve) => {
    const cut = setTimeout(() => client.end(true), END_MS);
    void closed.then(() => {
      clearTimeout(cut);
      resolve();
    });
    client.end(false);
  });

async function subscribed(client: MqttClient, topics: readonly string[]): Promise<void> {
  await new Promise((resolve) => client.once('connect', resolve));
  await client.subscribeAsync([...topics], { qos: 1 });
}

/** CONNACK does not say that it was the certificate. */
const explained = (cause: Error, { credentials, now }: SessionOptions): Error =>
  credentials.token === null && isUnauthorized(cause)
    ? new Error(refusedCertificate(credentials, now()), { cause })
    : cause;

type Pings = Pick<Session, 'onIdle' | 'ping'> & { readonly traffic: TrafficWatch };

function watchPings(client: MqttClient, { timers, keepAlive }: SessionOptions): Pings {
  let onIdle = (): void => {};
  const traffic = new TrafficWatch(timers, keepAlive * 1_000, () => onIdle());
  const pings: (() => void)[] = [];
  client.on('packetsend', () => traffic.sent());
  client.on('packetreceive', ({ cmd }) => {
    traffic.received();
    if (cmd === 'pingresp') pings.shift()?.();
  });
  return {
    traffic,
    onIdle(ping) {
      onIdle = ping;
    },
    ping(answered) {
      pings.push(answered);
      client.sendPing();
    },
  };
}

const publishOn =
  (client: MqttClient): Session['publish'] =>
  (topic, payload, arrived) => {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    client.publish(topic, bytes, { qos: 1 }, (error) => {
      if (error === undefined || error === null) arrived();
    });
  };

/**
 * Connects and subscribes (SUBACK).
 *
 * @throws the reason of a failure; immediately when `signal` aborts
 */
export async function openSession(options: SessionOptions, signal: AbortSignal): Promise<Session> {
  signal.throwIfAborted();
  const timeout = new StepTimeout(options.timers);
  const ending = AbortSignal.any([signal, timeout.signal]);
  try {
    const transport = await openTransport({ ...options, signal: ending, onStep: (socket) => timeout.next(socket) });
    return await beginSession(transport, options, ending);
  } catch (error) {
    throw explained(error as Error, options);
  } finally {
    timeout.clear();
  }
}

async function beginSession(transport: Transport, options: SessionOptions, signal: AbortSignal): Promise<Session> {
  const client = mqttOn(transport.stream, options);
  const pings = watchPings(client, options);
  let aborted = false;
  let reason: Error | null = null;
  const abort = (error: Error): void => {
    pings.traffic.end();
    reason ??= error;
    client.end(true);
  };
  const closed = new Promise<Error>((resolve) => {
    // 'close' follows each 'error' of the connection; a second `end` does nothing.
    client.on('close', () => {
      pings.traffic.end();
      client.end(true);
      resolve(reason ?? new Error('the collector closed the connection'));
    });
  });
  client.on('error', abort);
  // mqtt.js passes on only some stream errors.
  client.stream.on('error', abort);
  const stop = (): void => abort(signal.reason as Error);
  signal.addEventListener('abort', stop, { once: true });
  const failed = closed.then((error) => {
    throw error;
  });
  try {
    await Promise.race([subscribed(client, options.topics), failed]);
  } catch (error) {
    abort(error as Error);
    throw reason ?? error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  return {
    receive: (handler) => void client.on('message', (topic, payload) => handler(topic, payload)),
    publish: publishOn(client),
    ...pings,
    get aborted() {
      return aborted;
    },
    certificateEnds: transport.certificateEnds,
    closed,
    abort(error) {
      aborted ||= reason === null;
      // What the system still holds would take the line from the next connection.
      transport.reset();
      abort(error);
    },
    end: () => endGracefully(client, closed),
  };
}

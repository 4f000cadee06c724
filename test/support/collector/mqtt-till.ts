/** A till as the wire sees it: mqtt.js with nothing of the agent's. */
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { type Ack, type AckEnvelope, decodeAcks, encodeStatus } from '../../../shared/wire/messages.ts';

export interface TillOptions {
  readonly port: number;
  readonly merchant: string;
  readonly terminal: string;
  readonly token: string;
  readonly epoch?: string;
  /** What differs from what an honest till does. */
  readonly more?: Partial<IClientOptions>;
}

export const EPOCH = '00000000000000aa';

/** Why a connection attempt ended: the CONNACK's code, or null when it was closed without one. */
export class Refused extends Error {
  readonly code: number | null;
  constructor(code: number | null, cause: unknown) {
    super(`refused with ${code}`, { cause });
    this.code = code;
  }
}

export class MqttTill implements AsyncDisposable {
  readonly client: MqttClient;
  readonly prefix: string;
  readonly envelopes: AckEnvelope[] = [];
  readonly #listeners = new Set<() => void>();
  closed = false;

  private constructor(client: MqttClient, prefix: string) {
    this.client = client;
    this.prefix = prefix;
    client.on('message', (_topic, payload) => {
      const envelope = decodeAcks(payload);
      if (envelope === null) throw new Error('what came is not an ack envelope');
      this.envelopes.push(envelope);
      this.#changed();
    });
    client.on('close', () => {
      this.closed = true;
      this.#changed();
    });
    client.on('error', () => undefined);
  }

  /** @throws Refused */
  static async connect({ port, merchant, terminal, token, epoch = EPOCH, more = {} }: TillOptions): Promise<MqttTill> {
    const client = connect({
      host: '127.0.0.1',
      port,
      protocol: 'mqtt',
      username: `${merchant}/${terminal}`,
      password: token,
      clientId: `${terminal}.${epoch}`,
      protocolVersion: 4,
      clean: true,
      reconnectPeriod: 0,
      queueQoSZero: false,
      ...more,
    });
    const till = new MqttTill(client, `till/1/${merchant}/${terminal}`);
    const faults: { code?: number | string }[] = [];
    client.on('error', (error) => faults.push(error as { code?: number | string }));
    const connected = await new Promise<boolean>((resolve) => {
      client.once('connect', () => resolve(true));
      client.once('close', () => resolve(false));
    });
    if (connected) return till;
    const code = faults.map((fault) => fault.code).find((found) => typeof found === 'number');
    throw new Refused(typeof code === 'number' ? code : null, faults[0]);
  }

  get acks(): Ack[] {
    return this.envelopes.flatMap(({ acks }) => acks);
  }

  send(batch: Uint8Array): void {
    this.client.publish(`${this.prefix}/batch`, Buffer.from(batch), { qos: 1 }, () => undefined);
  }

  sendStatus(status: Partial<Parameters<typeof encodeStatus>[0]> = {}): void {
    const bytes = encodeStatus({
      ...{ version: '0.1.0', epochs: [], clearThrough: 0, losses: 0, bufferBytes: 0, clockOffsetMs: null },
      ...status,
    });
    this.client.publish(`${this.prefix}/status`, Buffer.from(bytes), { qos: 1 }, () => undefined);
  }

  /** Until the condition holds, checked whenever something arrived or the connection closed. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        const look = (): void => {
          this.#listeners.delete(look);
          resolve();
        };
        this.#listeners.add(look);
      });
    }
  }

  untilClosed(): Promise<void> {
    return this.until(() => this.closed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.endAsync(true);
  }

  #changed(): void {
    for (const look of [...this.#listeners]) look();
  }
}

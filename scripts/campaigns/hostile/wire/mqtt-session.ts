/** A till's MQTT session as the wire sees it. It keeps to no window: its user decides. */
import { randomBytes } from 'node:crypto';
import type { WireBatch } from '../../../../shared/wire/batch.ts';
import { type Ack, decodeAcks } from '../../../../shared/wire/messages.ts';
import {
  CONNACK,
  type Connect,
  connectPacket,
  PacketReader,
  PUBLISH,
  pubackPacket,
  publishPacket,
  readPublish,
  SUBACK,
  subscribePacket,
} from './mqtt-packets.ts';
import type { Line } from './network.ts';

export interface Credentials {
  readonly merchant: string;
  readonly terminal: string;
  readonly token: string;
}

export type Opened =
  | { readonly kind: 'open'; readonly session: MqttSession }
  /** The CONNACK's code; null: closed without one. */
  | { readonly kind: 'refused'; readonly code: number | null };

const MAX_PACKET_ID = 65_535;

export const randomEpoch = (): string => randomBytes(8).toString('hex');

export const connectOf = ({ merchant, terminal, token }: Credentials, epoch: string): Connect => ({
  clientId: `${terminal}.${epoch}`,
  userName: `${merchant}/${terminal}`,
  password: token,
});

/** Names a batch in its ack. */
const nameOf = ({ stream, first, sum }: Pick<Ack, 'stream' | 'first' | 'sum'>): string =>
  `${stream.split('.').at(-1)}/${first}/${sum}`;

export class MqttSession {
  readonly line: Line;
  readonly epoch: string;
  readonly #prefix: string;
  readonly #waiting = new Map<string, (ack: Ack | null) => void>();
  #lastId = 0;

  private constructor(line: Line, { merchant, terminal }: Credentials, epoch: string) {
    this.line = line;
    this.epoch = epoch;
    this.#prefix = `till/1/${merchant}/${terminal}`;
    void line.closed.then(() => {
      for (const answer of this.#waiting.values()) answer(null);
      this.#waiting.clear();
    });
  }

  /** CONNECT and SUBSCRIBE, each answered. */
  static async open(line: Line, who: Credentials, epoch = randomEpoch()): Promise<Opened> {
    const session = new MqttSession(line, who, epoch);
    const opened = Promise.withResolvers<Opened>();
    const reader = new PacketReader();
    line.onData((chunk) => {
      for (const packet of reader.push(chunk)) {
        if (packet.type === CONNACK) {
          const code = packet.body[1] ?? null;
          if (code !== 0) opened.resolve({ kind: 'refused', code });
          else void line.write(subscribePacket(session.nextId(), session.topic('ack')));
        } else if (packet.type === SUBACK) opened.resolve({ kind: 'open', session });
        else if (packet.type === PUBLISH) session.#receive(readPublish(packet));
      }
    });
    void line.write(connectPacket(connectOf(who, epoch)));
    return Promise.race([opened.promise, line.closed.then((): Opened => ({ kind: 'refused', code: null }))]);
  }

  topic(channel: 'batch' | 'status' | 'ack'): string {
    return `${this.#prefix}/${channel}`;
  }

  nextId(): number {
    this.#lastId = (this.#lastId % MAX_PACKET_ID) + 1;
    return this.#lastId;
  }

  publish(channel: 'batch' | 'status', payload: Uint8Array): Promise<boolean> {
    return this.line.write(publishPacket(this.nextId(), this.topic(channel), payload));
  }

  /** @returns null when the connection ended before the ack */
  send({ bytes, header }: WireBatch): Promise<Ack | null> {
    if (this.line.isClosed) return Promise.resolve(null);
    const { epoch, firstSeq, bodyCrc } = header;
    const answer = new Promise<Ack | null>((resolve) => {
      this.#waiting.set(nameOf({ stream: epoch, first: firstSeq, sum: bodyCrc }), resolve);
    });
    void this.publish('batch', bytes);
    return answer;
  }

  #receive({ id, payload }: ReturnType<typeof readPublish>): void {
    if (id !== null) void this.line.write(pubackPacket(id));
    for (const ack of decodeAcks(payload)?.acks ?? []) {
      const name = nameOf(ack);
      this.#waiting.get(name)?.(ack);
      this.#waiting.delete(name);
    }
  }
}

/** MQTT 3.1.1 packets by hand: what a client library would refuse to send can be sent. */
import { Buffer } from 'node:buffer';

export const CONNACK = 2;
export const PUBLISH = 3;
export const SUBACK = 9;

export const PINGREQ = Buffer.of(0xc0, 0);
export const DISCONNECT = Buffer.of(0xe0, 0);

export interface Packet {
  readonly type: number;
  readonly flags: number;
  /** What follows the fixed header. */
  readonly body: Buffer;
}

const MAX_LENGTH_BYTES = 4;

/** @param first the first byte: type and flags */
function packet(first: number, ...parts: readonly Uint8Array[]): Buffer {
  const head = [first];
  let left = parts.reduce((sum, part) => sum + part.length, 0);
  do {
    const byte = left % 128;
    left = Math.floor(left / 128);
    head.push(left > 0 ? byte | 0x80 : byte);
  } while (left > 0);
  return Buffer.concat([Buffer.from(head), ...parts]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint16(bytes.length), bytes]);
}

function uint16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff);
}

export interface Connect {
  readonly clientId: string;
  readonly userName: string;
  readonly password: string;
  readonly protocol?: '3.1.1' | '3.1';
}

const KEEP_ALIVE_SECONDS = 600;
/** User name, password, clean session. */
const CONNECT_FLAGS = 0xc2;

export function connectPacket({ clientId, userName, password, protocol = '3.1.1' }: Connect): Buffer {
  const [name, level] = protocol === '3.1' ? (['MQIsdp', 3] as const) : (['MQTT', 4] as const);
  const variable = [text(name), Buffer.of(level, CONNECT_FLAGS), uint16(KEEP_ALIVE_SECONDS)];
  return packet(0x10, ...variable, text(clientId), text(userName), text(password));
}

/** With QoS 1. */
export const subscribePacket = (id: number, topic: string): Buffer =>
  packet(0x82, uint16(id), text(topic), Buffer.of(1));

/** With QoS 1. */
export const publishPacket = (id: number, topic: string, payload: Uint8Array): Buffer =>
  packet(0x32, text(topic), uint16(id), payload);

export const pubackPacket = (id: number): Buffer => packet(0x40, uint16(id));

/** Splits a PUBLISH. */
export function readPublish({ flags, body }: Packet): { readonly id: number | null; readonly payload: Buffer } {
  const afterTopic = 2 + body.readUInt16BE(0);
  const hasId = (flags & 0x06) !== 0;
  return {
    id: hasId ? body.readUInt16BE(afterTopic) : null,
    payload: body.subarray(afterTopic + (hasId ? 2 : 0)),
  };
}

/** Cuts a stream of bytes into packets. */
export class PacketReader {
  #held: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Packet[] {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const packets: Packet[] = [];
    for (let found = this.#next(); found !== null; found = this.#next()) packets.push(found);
    return packets;
  }

  #next(): Packet | null {
    let length = 0;
    for (let at = 1; at <= MAX_LENGTH_BYTES && at < this.#held.length; at++) {
      const byte = this.#held[at]!;
      length += (byte & 0x7f) * 128 ** (at - 1);
      if (byte & 0x80) continue;
      const end = at + 1 + length;
      if (this.#held.length < end) return null;
      const first = this.#held[0]!;
      const body = this.#held.subarray(at + 1, end);
      this.#held = this.#held.subarray(end);
      return { type: first >> 4, flags: first & 0x0f, body };
    }
    return null;
  }
}

/** Packets of MQTT 3.1.1, made by hand: the bodies mean nothing, the fixed headers are right. */
import { Buffer } from 'node:buffer';

export function packet(type: number, bodyBytes: number, fill = 0x2a): Buffer {
  const head = [type << 4];
  let left = bodyBytes;
  do {
    const byte = left % 128;
    left = Math.floor(left / 128);
    head.push(left > 0 ? byte | 0x80 : byte);
  } while (left > 0);
  return Buffer.concat([Buffer.from(head), Buffer.alloc(bodyBytes, fill)]);
}

export const connect = (bodyBytes = 20): Buffer => packet(1, bodyBytes);
export const publish = (bodyBytes: number): Buffer => packet(3, bodyBytes);
export const pingreq = (): Buffer => packet(12, 0);

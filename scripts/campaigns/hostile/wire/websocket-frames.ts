/** The client's side of WebSocket, by hand: RFC 6455 with a mask of zeros. */
import { Buffer } from 'node:buffer';
import type { Line, Network } from './network.ts';

export const CONTINUATION = 0;
export const BINARY = 2;
export const PING = 9;

const UPGRADE = Buffer.from(
  [
    'GET / HTTP/1.1',
    'Host: till',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: mqtt',
    '',
    '',
  ].join('\r\n'),
);

/** Payloads from this length on have a length field of 2 bytes. */
const LONG = 126;

/** @param payload at most 64 KiB */
export function frame(opcode: number, payload: Uint8Array, final = true): Buffer {
  const { length } = payload;
  const first = (final ? 0x80 : 0) | opcode;
  const head = length < LONG ? [first, 0x80 | length] : [first, 0x80 | LONG, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), Buffer.alloc(4), payload]);
}

/** Resolves when the upgrade was answered; the line is closed if it was not. */
export async function openWebSocket(network: Network, port: number): Promise<Line> {
  const line = await network.open(port);
  const answered = new Promise<void>((resolve) => line.onData(() => resolve()));
  void line.write(UPGRADE);
  await Promise.race([answered, line.closed]);
  return line;
}

/** What counts as a sign of life of a till, on a slow line. */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import { createWebSocketStream, WebSocket } from 'ws';
import { ShapedLine } from '../../../scripts/simulate/shaped-line.ts';
import { brokerAndIngest } from '../../support/collector/broker-and-ingest.ts';
import { packet } from '../../support/collector/mqtt-packets.ts';

const KEEP_ALIVE_S = 1;
/** Of one TLS record, and one WebSocket message: over this line it takes 3 s. */
const PACKET_BYTES = 12_000;
const BYTES_PER_SECOND = 4_000;
const CONNACK = Buffer.from([0x20, 2, 0, 0]);
const PUBACK = Buffer.from([0x40, 2, 0, 7]);

const pem = (name: string) => readFileSync(new URL(`../../support/tls/${name}.pem`, import.meta.url), 'utf8');
const text = (value: string): Buffer => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)]);

/** The CONNECT of acme/till-1. */
function connectBytes(): Buffer {
  const head = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 0xc2, 0, KEEP_ALIVE_S]);
  const body = Buffer.concat([head, ...['till-1.00000000000000aa', 'acme/till-1', 'token of acme/till-1'].map(text)]);
  return Buffer.concat([Buffer.from([0x10, body.length]), body]);
}

/** A PUBLISH with packet id 7. */
function publishBytes(): Buffer {
  const bytes = packet(3, PACKET_BYTES);
  bytes[0] = 0x32;
  const body = Buffer.concat([text('till/1/acme/till-1/batch'), Buffer.from([0, 7])]);
  // The fixed header has three bytes.
  Buffer.concat([body, randomBytes(PACKET_BYTES - body.length)]).copy(bytes, 3);
  return bytes;
}

const TRANSPORTS = {
  tcp: (port: number): Duplex => connectTcp(port, '127.0.0.1'),
  tls: (port: number): Duplex => connectTls({ port, host: '127.0.0.1', ca: pem('ca') }),
  websocket: (port: number): Duplex => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, ['mqtt']);
    const stream = createWebSocketStream(socket);
    socket.on('close', () => stream.destroy());
    return stream;
  },
} as const;

/** A till that is connected over a slow line. */
async function connected(t: Test, transport: keyof typeof TRANSPORTS) {
  const tls = transport === 'tls' ? { key: pem('collector-key'), cert: pem('collector'), ca: null } : null;
  const websocket = { host: '127.0.0.1', port: 0, tls: null };
  const region = await brokerAndIngest(t, { listen: { tls }, broker: { websocket } });
  await region.register('acme', 'till-1');
  const port = transport === 'websocket' ? region.broker.websocketPort! : region.port;
  const shape = { bytesPerSecond: BYTES_PER_SECOND, rttMs: 20, queueBytes: 65_536, loss: 0, idleCutMs: null };
  const line = await ShapedLine.open(0, { host: '127.0.0.1', port }, { ...shape, random: Math.random });
  const till = TRANSPORTS[transport](line.port);
  t.teardown(() => {
    till.destroy();
    line.close();
  });
  till.on('error', () => undefined);
  const closed = new Promise<null>((resolve) => till.once('close', () => resolve(null)));
  let heard: Buffer = Buffer.alloc(0);
  till.on('data', (bytes: Buffer) => {
    heard = Buffer.concat([heard, bytes]);
  });
  /** Everything so far, once it has so many bytes, or the connection is closed. */
  const answers = async (bytes: number): Promise<Buffer> => {
    while (heard.length < bytes && (await Promise.race([once(till, 'data'), closed])) !== null) {}
    return heard;
  };
  till.write(connectBytes());
  t.strictSame(await answers(CONNACK.length), CONNACK);
  return { till, closed, answers, counts: region.counts };
}

for (const transport of ['tcp', 'tls', 'websocket'] as const)
  t.test(`a packet that takes three keep-alives on its line arrives (${transport})`, async (t) => {
    const { till, closed, answers, counts } = await connected(t, transport);
    till.write(publishBytes());
    t.strictSame(await answers(CONNACK.length + PUBACK.length), Buffer.concat([CONNACK, PUBACK]));
    t.equal(counts.of('ended keep-alive'), 0);
    await closed;
    t.equal(counts.of('ended keep-alive'), 1, 'and then it is silent');
  });

/** Bytes for raw connections: requests with invalid heads or chunks, or no HTTP at all. */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { pick } from '../../simulate/random.ts';
import { below, mutated, type Random } from './mutation.ts';
import { randomBody } from './random-bodies.ts';

const METHODS = ['POST', 'POST', 'POST', 'GET', 'HEAD', 'PUT', 'OPTIONS', 'CONNECT', 'TRACE', 'PRI', 'post', '\0'];
const TARGETS = [
  ...[
    '/v1/events',
    '/v1/events',
    '/v1/events?x=1',
    '/v1/status',
    '/metrics',
    '/healthz',
    '/',
    '*',
    '//',
    '/%00',
    '/__proto__',
  ],
  ...['http://evil.example/v1/events', '/v1/events#x', '/..%2f..', `/${'a'.repeat(9_000)}`, 'evil.example:80', '/é'],
];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/1.1 x', ''];
const HEADERS = [
  ...['Host: localhost', 'Host: 127.0.0.1:7070', 'Host: evil.example', 'Host:', 'Host: localhost\r\nHost: localhost'],
  ...[
    'Origin: null',
    'Connection: close',
    'Connection: upgrade\r\nUpgrade: websocket',
    'Expect: 100-continue',
    'Expect: pigs',
  ],
  ...[
    'Content-Length: 10',
    'Content-Length: -1',
    'Content-Length: 99999999999999999999',
    'Content-Length: 9007199254740993',
  ],
  ...[
    'Content-Length: 5\r\nContent-Length: 6',
    'Content-Length: 8388609',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: gzip, chunked',
  ],
  ...[
    'Transfer-Encoding: chunked\r\nContent-Length: 3',
    'Content-Encoding: gzip',
    'Content-Type: application/json',
    ' folded: x',
  ],
  ...[
    'X: \0',
    'X : y',
    ': y',
    'X',
    `X: ${'y'.repeat(20_000)}`,
    'Trailer: X',
    'Cookie: 4111111111111111',
    'X: \xff\xfe',
  ],
];
const CHUNK_SIZES = [
  '5',
  '0',
  'ffffffffffffffff',
  '-1',
  'g',
  '5;ext="',
  '05',
  '5 ',
  '',
  '7fffffff',
  `${'0'.repeat(5_000)}5`,
];

/** The bytes of one connection. */
export function randomRequest(random: Random): Buffer {
  if (random() < 0.05) return randomBytes(below(random, 2_000));
  if (random() < 0.05) return Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'latin1');
  const requests = Array.from({ length: 1 + below(random, 3) }, () => oneRequest(random));
  const whole = Buffer.concat(requests);
  return random() < 0.3 ? mutated(random, whole) : whole;
}

function oneRequest(random: Random): Buffer {
  const body = randomBody(random).bytes;
  const headers = Array.from({ length: below(random, 5) }, () => pick(random, HEADERS));
  if (random() < 0.7) headers.unshift('Host: localhost');
  if (random() < 0.5) headers.push(`Content-Length: ${body.length}`);
  const line = `${pick(random, METHODS)} ${pick(random, TARGETS)} ${pick(random, VERSIONS)}`;
  const head = Buffer.from(
    `${[line, ...headers].join(pick(random, ['\r\n', '\r\n', '\r\n', '\n', '\r']))}\r\n\r\n`,
    'latin1',
  );
  return Buffer.concat([head, random() < 0.3 ? chunks(random, body) : body]);
}

function chunks(random: Random, body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const size = 1 + below(random, 500);
    const stated = random() < 0.1 ? pick(random, CHUNK_SIZES) : Math.min(size, body.length - at).toString(16);
    parts.push(
      Buffer.from(`${stated}\r\n`),
      body.subarray(at, at + size),
      Buffer.from(random() < 0.05 ? '\n' : '\r\n'),
    );
    at += size;
  }
  if (random() < 0.8) parts.push(Buffer.from('0\r\n\r\n'));
  return Buffer.concat(parts);
}

/**
 * How long a client that has sent everything waits for an answer: many requests are incomplete and
 * get none.
 */
const ANSWER_TIMEOUT_MS = 150;

/** Sends it in one or two parts, then ends, cuts or waits. @returns the answer */
export function exchange(port: number, sent: Buffer, random: Random): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let received = '';
    const timer = setTimeout(() => socket.destroy(), ANSWER_TIMEOUT_MS);
    socket
      .setEncoding('latin1')
      .on('data', (chunk: string) => {
        received += chunk;
      })
      .on('error', () => {})
      .on('close', () => {
        clearTimeout(timer);
        resolve(received);
      });
    const half = below(random, sent.length + 1);
    socket.write(sent.subarray(0, half));
    setImmediate(() => {
      socket.write(sent.subarray(half));
      const end = random();
      if (end < 0.6) socket.end();
      else if (end < 0.7) socket.destroy();
      else if (end < 0.8) socket.resetAndDestroy();
    });
  });
}

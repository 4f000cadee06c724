/** The WebSocket port, spoken to by hand. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import t, { type Test } from 'tap';
import { Admission } from '../../../../../collector/broker/transport/admission.ts';
import { type Connected, Listener, type ListenerOptions } from '../../../../../collector/broker/transport/listener.ts';
import { ReceiveMemory } from '../../../../../collector/broker/transport/receive-memory.ts';

const HANDSHAKE_MS = 300;
const UPGRADE = [
  'GET / HTTP/1.1',
  'Host: collector',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Protocol: mqtt',
  '',
  '',
].join('\r\n');
const ADMISSION = { maxHandshakes: 10, maxHandshakesPerAddress: 10, loadBalancers: [] };
const [TEXT, BINARY] = [1, 2];

/** A short, final frame under a mask of zeros (RFC 6455, section 5.2). */
const frame = (type: number, text: string): Buffer =>
  Buffer.concat([Buffer.from([0x80 | type, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);

interface Listening {
  readonly port: number;
  /** The first connection that began. */
  readonly stream: Promise<Duplex>;
  readonly connected: Promise<Connected>;
}

async function listening(t: Test, options: Partial<ListenerOptions> = {}): Promise<Listening> {
  const connected = Promise.withResolvers<Connected>();
  const listener = new Listener({
    host: '127.0.0.1',
    port: 0,
    tls: null,
    framing: 'websocket',
    handshakeMs: HANDSHAKE_MS,
    webSocket: { maxMessageBytes: 1_000, maxFragments: 4, maxPongs: 2, maxHandshakeBytes: 500 },
    admission: new Admission(ADMISSION, () => undefined),
    memory: new ReceiveMemory(1_000_000),
    onConnection: connected.resolve,
    onRefused: () => {},
    ...options,
  });
  await listener.listen();
  t.teardown(() => {
    listener.cut();
    return listener.close();
  });
  const { promise } = connected;
  return { port: listener.port, connected: promise, stream: promise.then(({ stream }) => stream) };
}

async function dialled(t: Test, port: number, words: string): Promise<{ socket: Socket; closed: Promise<string> }> {
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  let heard = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    heard += chunk;
  });
  socket.on('error', () => {});
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(heard)));
  await once(socket, 'connect');
  socket.write(words);
  return { socket, closed };
}

t.test('bytes pass in binary frames', async (t) => {
  const { port, stream } = await listening(t);
  const { socket } = await dialled(t, port, UPGRADE);
  socket.write(frame(BINARY, 'mqtt'));
  t.equal(String((await once(await stream, 'data'))[0]), 'mqtt');
});

t.test('a text frame ends the connection, and nothing of it passes', async (t) => {
  const { port, stream } = await listening(t);
  const { socket, closed } = await dialled(t, port, UPGRADE);
  const passed: Buffer[] = [];
  (await stream).on('data', (chunk: Buffer) => passed.push(chunk));
  socket.write(frame(TEXT, 'mqtt'));
  await closed;
  t.same(passed, []);
});

t.test('who never asks for an upgrade is cut within the time of a handshake', async (t) => {
  const { port } = await listening(t);
  const start = performance.now();
  const silent = await dialled(t, port, '');
  const slow = await dialled(t, port, 'GET / HTTP/1.1\r\nHost: x\r\n');
  await Promise.all([silent.closed, slow.closed]);
  t.ok(performance.now() - start < 20 * HANDSHAKE_MS);
});

t.test('a request for a page is answered once, and the connection closed', async (t) => {
  const { port } = await listening(t);
  const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
  const { closed } = await dialled(t, port, request + request);
  const heard = await closed;
  t.match(heard, /^HTTP\/1\.1 426 .*\r\nupgrade: websocket\r\n/s);
  t.equal(heard.match(/HTTP\/1\.1 426/g)?.length, 1);
});

t.test('what a stranger sent is freed with his connection, what a till sent is not', async (t) => {
  for (const isTill of [false, true]) {
    const { port, connected } = await listening(t, { framing: 'mqtt' });
    const { socket, closed } = await dialled(t, port, 'x'.repeat(20_000));
    const { stream, admitted } = await connected;
    const [read] = (await once(stream, 'data')) as [Buffer];
    if (isTill) admitted.done();
    stream.destroy();
    socket.resume();
    await closed;
    for (let at = 0; at < 3; at++) await new Promise((resolve) => setImmediate(resolve));
    t.equal((read.buffer as ArrayBuffer).detached, !isTill, isTill ? 'a till' : 'a stranger');
  }
});

t.test('a WebSocket takes few bytes before its CONNECT is accepted, however they are framed', async (t) => {
  for (const isTill of [false, true]) {
    const { port, connected } = await listening(t);
    const { socket } = await dialled(t, port, UPGRADE);
    const { stream, admitted } = await connected;
    if (isTill) admitted.done();
    const ending = new Promise<string>((resolve) => {
      stream.once('error', ({ message }) => resolve(message));
      stream.once('data', ({ length }: Buffer) => resolve(`${length} bytes`));
    });
    const head = Buffer.from([0x80 | BINARY, 0x80 | 126, 900 >> 8, 900 & 0xff, 0, 0, 0, 0]);
    socket.write(Buffer.concat([head, Buffer.alloc(900)]));
    t.match(await ending, isTill ? '900 bytes' : 'more than 500 bytes before the CONNECT');
  }
});

t.test('too many bytes end a handshake before their frames are looked at', async (t) => {
  const { port, stream } = await listening(t);
  const { socket } = await dialled(t, port, UPGRADE);
  const opened = await stream;
  socket.write(Buffer.concat(Array.from({ length: 100 }, () => Buffer.from([0, 0x81, 0, 0, 0, 0, 0xff]))));
  t.match(await once(opened, 'error'), [{ fault: 'early-bytes' }]);
});

t.test('what comes behind the request of an upgrade is bounded and freed', async (t) => {
  const refused: string[] = [];
  const { port } = await listening(t, { onRefused: (reason) => refused.push(reason) });
  const { closed } = await dialled(t, port, UPGRADE + 'x'.repeat(20_000));
  t.equal(await closed, '', 'it gets no answer');
  t.same(refused, ['early-bytes']);
});

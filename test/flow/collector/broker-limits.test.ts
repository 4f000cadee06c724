/**
 * One hostile till, one stranger: what they may cause at most at the broker, and that nobody else
 * pays for it.
 */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { connect as connectSocket, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { batchOf } from '../../support/collector/batches.ts';
import { brokerAndIngest, type Options } from '../../support/collector/broker-and-ingest.ts';
import { packet, pingreq } from '../../support/collector/mqtt-packets.ts';
import { type MqttTill, Refused } from '../../support/collector/mqtt-till.ts';

const WEBSOCKET = { host: '127.0.0.1', port: 0, tls: null };
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
const [CONTINUATION, BINARY, PING] = [0, 2, 9];

/** A frame under a mask of zeros (RFC 6455, section 5.2). */
const frame = (type: number, bytes: Buffer, final = true): Buffer =>
  Buffer.concat([Buffer.from([(final ? 0x80 : 0) | type, 0x80 | bytes.length, 0, 0, 0, 0]), bytes]);
const times = (count: number, bytes: Buffer): Buffer => Buffer.concat(Array.from({ length: count }, () => bytes));

/** Bytes past mqtt.js, into its connection. */
const raw = (till: MqttTill, bytes: Buffer): void => {
  till.client.stream.on('error', () => undefined);
  till.client.stream.write(bytes);
};

async function standing(t: Test, options: Options = {}) {
  const region = await brokerAndIngest(t, options);
  await region.register('acme', 'till-1');
  return region;
}

/** A socket that is closed at the test's end, and whether it was closed before. */
function dialled(t: Test, port: number): { socket: Socket; closed: Promise<void>; isClosed: () => boolean } {
  const socket = connectSocket(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.resume();
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { socket, closed, isClosed: () => socket.destroyed };
}

const text = (value: string): Buffer => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)]);

/** The CONNECT of acme/till-1, as bytes. */
function connectBytes(): Buffer {
  const head = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 0xc2, 0, 60]);
  const body = Buffer.concat([head, ...['till-1.00000000000000aa', 'acme/till-1', 'token of acme/till-1'].map(text)]);
  return Buffer.concat([Buffer.from([0x10, body.length]), body]);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function codeOf(attempt: Promise<MqttTill>): Promise<number | null> {
  try {
    await using till = await attempt;
    throw new Error(`${till.prefix} was let in`);
  } catch (error) {
    if (error instanceof Refused) return error.code;
    throw error;
  }
}

t.test('a flood of packets that carry no batch ends its connection, which counts once', async (t) => {
  const floods: [string, Buffer][] = [
    ['PINGREQ', pingreq()],
    ['PUBACK of unknown ids', packet(4, 2)],
    ['empty PUBLISH', Buffer.concat([Buffer.from([0x30, 26, 0, 24]), Buffer.from('till/1/acme/till-1/batch')])],
    [
      'SUBSCRIBE without an end',
      Buffer.concat([Buffer.from([0x82, 0xa2, 0x1f, 0, 7]), times(1000, Buffer.of(0, 1, 0x78, 0))]),
    ],
    ['UNSUBSCRIBE', Buffer.from([0xa2, 5, 0, 7, 0, 1, 0x78])],
    ['PUBREL', Buffer.from([0x62, 2, 0, 7])],
  ];
  for (const [name, bytes] of floods) {
    const region = await standing(t);
    await region.register('acme', 'till-2');
    await using honest = await region.connect('acme', 'till-2');
    await using till = await region.connect('acme', 'till-1');
    raw(till, times(2_000, bytes));
    await till.untilClosed();
    honest.send(batchOf(1, 1).bytes);
    await honest.until(() => honest.acks.length === 1);
    t.equal(region.counts.of('ended control-budget') + region.counts.of('ended publish-topic'), 1, name);
    t.equal(region.counts.of('ended protocol'), 0, `${name}: nothing else is counted`);
    t.ok(region.counts.of('subscriptions refused') < 100, `${region.counts.of('subscriptions refused')} refused`);
  }
});

t.test('a thousand batches with as many PUBACKs cost nothing of that budget', async (t) => {
  const region = await standing(t, { gate: { control: { burst: 5, perSecond: 0 } } });
  await using till = await region.connect('acme', 'till-1');
  await till.client.subscribeAsync(`${till.prefix}/ack`, { qos: 1 });
  for (let seq = 1; seq <= 1_000; seq++) till.send(batchOf(seq, seq).bytes);
  await till.until(() => till.acks.length === 1_000);
  t.notOk(till.closed);
});

t.test('a flood of answers that nobody reads counts as one ending', async (t) => {
  const region = await standing(t, { gate: { control: { burst: 1e6, perSecond: 1e6 } } });
  await using till = await region.connect('acme', 'till-1');
  till.client.stream.pause();
  raw(till, times(60_000, pingreq()));
  await until(() => region.connections.open === 1);
  raw(till, packet(3, 100));
  till.client.stream.destroy();
  await until(() => region.connections.open === 0);
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  const ends = ['protocol', 'unread', 'publish-topic'].map((reason) => region.counts.of(`ended ${reason}`));
  t.ok(ends.reduce((sum, count) => sum + count) <= 1, `${ends}`);
});

t.test('who never reads his answers is ended', async (t) => {
  const region = await standing(t, {
    broker: { unreadMs: 100 },
    gate: { control: { burst: 1e7, perSecond: 1e7 } },
  });
  await using till = await region.connect('acme', 'till-1');
  till.client.stream.pause();
  const flood = setInterval(() => raw(till, times(10_000, pingreq())), 1);
  t.teardown(() => clearInterval(flood));
  await until(() => region.counts.of('ended unread') === 1);
  await until(() => region.connections.open === 0);
  t.equal(region.counts.of('ended protocol'), 0);
});

t.test('status messages have a budget that a new connection does not fill', async (t) => {
  const terminals = { connects: { burst: 100, perSecond: 0 }, statuses: { burst: 3, perSecond: 0 } };
  const region = await standing(t, { broker: { terminals } });
  await region.register('acme', 'till-2');
  await using first = await region.connect('acme', 'till-1');
  for (let i = 0; i < 5; i++) first.sendStatus();
  await first.untilClosed();
  t.equal(region.counts.of('ended status-budget'), 1);
  t.equal(region.counts.of('received status'), 4);
  await using second = await region.connect('acme', 'till-1');
  second.sendStatus();
  await second.untilClosed();
  t.equal(region.counts.of('ended status-budget'), 2);
  await using other = await region.connect('acme', 'till-2');
  other.sendStatus();
  await other.until(() => other.envelopes.length === 1);
});

t.test('a till that connects too often is asked to come back; a wrong token costs it nothing', async (t) => {
  const terminals = { connects: { burst: 3, perSecond: 0 }, statuses: { burst: 3, perSecond: 0 } };
  const region = await standing(t, { broker: { terminals } });
  for (let i = 0; i < 10; i++) t.equal(await codeOf(region.connect('acme', 'till-1', { token: 'wrong' })), 4);
  for (let i = 0; i < 3; i++) await (await region.connect('acme', 'till-1')).client.endAsync(true);
  t.equal(await codeOf(region.connect('acme', 'till-1')), 3);
  t.equal(region.counts.of('connects too-often'), 1);
});

t.test('half-open sockets keep no honest till out: the oldest is ended', async (t) => {
  const region = await standing(t, { admission: { maxHandshakes: 8, maxHandshakesPerAddress: 4 } });
  const sockets = Array.from({ length: 50 }, () => dialled(t, region.port));
  await using till = await region.connect('acme', 'till-1');
  t.ok(till.client.connected);
  await until(() => region.counts.of('ended address-handshakes') >= 46);
  const open = sockets.filter(({ isClosed }) => !isClosed());
  t.ok(open.length <= 4 + 1, `${open.length} are open`);
  till.send(batchOf(1, 1).bytes);
  await till.until(() => till.acks.length === 1);
});

t.test('half a CONNECT is as good as none', async (t) => {
  const region = await standing(t, { admission: { maxHandshakes: 4 } });
  for (let i = 0; i < 20; i++) dialled(t, region.port).socket.write(Buffer.from([0x10, 100, 0, 4]));
  await until(() => region.counts.of('ended handshakes') >= 10);
  await using till = await region.connect('acme', 'till-1');
  t.ok(till.client.connected);
});

t.test('one token has few sessions, whatever epochs it invents: the oldest is ended', async (t) => {
  const region = await standing(t, { sessions: { maxPerTerminal: 3 } });
  const tills: MqttTill[] = [];
  for (let i = 0; i < 8; i++) tills.push(await region.connect('acme', 'till-1', { epoch: `00000000000000a${i}` }));
  await until(() => region.connections.open === 3);
  t.equal(region.counts.of('ended terminal-sessions'), 5);
  for (const till of tills.slice(0, 5)) await till.untilClosed();
  t.same(
    tills.map(({ closed }) => closed),
    [true, true, true, true, true, false, false, false],
  );
  for (const till of tills) await till.client.endAsync(true);
});

t.test('a merchant that holds all sessions makes room for another, not for itself', async (t) => {
  const region = await standing(t, { sessions: { maxSessions: 4, merchantShare: 0.5 } });
  const tills: MqttTill[] = [];
  for (let i = 2; i < 6; i++) {
    await region.register('big', `till-${i}`);
    tills.push(await region.connect('big', `till-${i}`));
  }
  await region.register('big', 'till-9');
  t.equal(await codeOf(region.connect('big', 'till-9')), 3);
  await using till = await region.connect('acme', 'till-1');
  await tills[0]!.untilClosed();
  t.equal(region.counts.of('ended merchant-share'), 1);
  await region.register('acme', 'till-2');
  await using second = await region.connect('acme', 'till-2');
  await region.register('acme', 'till-3');
  t.equal(await codeOf(region.connect('acme', 'till-3')), 3, 'a merchant with its share takes nobody’s');
  t.notOk(till.closed || second.closed);
  for (const one of tills) await one.client.endAsync(true);
});

t.test('MQTT 3.1 is refused with 1', async (t) => {
  const region = await standing(t);
  t.equal(await codeOf(region.connect('acme', 'till-1', { more: { protocolId: 'MQIsdp', protocolVersion: 3 } })), 1);
  t.equal(region.counts.of('connects form'), 1);
});

t.test('refused CONNECTs write few lines, and the last ones’ number', async (t) => {
  const lines: object[] = [];
  const region = await standing(t, {
    broker: {
      logLines: { burst: 3, perSecond: 1e3 },
      log: { error: () => undefined, info: (fields) => lines.push(fields), debug: () => undefined },
    },
  });
  const limited = await standing(t, {
    broker: {
      logLines: { burst: 3, perSecond: 0 },
      log: { error: () => undefined, info: (fields) => lines.push(fields), debug: () => undefined },
    },
  });
  for (let i = 0; i < 10; i++) await codeOf(limited.connect('acme', 'till-1', { token: 'wrong' }));
  t.equal(lines.length, 3);
  t.equal(limited.counts.of('connects wrong'), 10);
  await codeOf(region.connect('acme', 'till-1', { token: 'wrong' }));
  t.match(lines[3], { merchant: 'acme', terminal: 'till-1', code: 4, reason: 'token' });
});

t.test('over WebSocket a till ships like over TCP', async (t) => {
  const region = await standing(t, { broker: { websocket: WEBSOCKET } });
  const port = region.broker.websocketPort!;
  await using till = await region.connect('acme', 'till-1', { port, more: { protocol: 'ws' } });
  for (let seq = 1; seq <= 500; seq++) till.send(batchOf(seq, seq).bytes);
  await till.until(() => till.acks.length === 500);
  t.notOk(till.closed);
});

t.test('one-byte fragments without a token end their connection, and hold no memory', async (t) => {
  const region = await standing(t, { broker: { websocket: WEBSOCKET } });
  const { socket, closed } = dialled(t, region.broker.websocketPort!);
  socket.write(UPGRADE);
  socket.write(frame(BINARY, Buffer.of(0x10), false));
  socket.write(times(16_000, frame(CONTINUATION, Buffer.of(0xff), false)));
  await closed;
  await until(() => region.connections.open === 0);
  t.equal(region.counts.of('ended early-bytes') + region.counts.of('ended pieces'), 1);
});

t.test('fragments without an end are not taken from a till either', async (t) => {
  const region = await standing(t, { broker: { websocket: WEBSOCKET } });
  const { socket, closed } = dialled(t, region.broker.websocketPort!);
  socket.write(UPGRADE);
  socket.write(frame(BINARY, connectBytes()));
  await until(() => region.counts.of('connects accepted') === 1);
  socket.write(frame(BINARY, Buffer.of(0x30), false));
  socket.write(times(1_000, frame(CONTINUATION, Buffer.of(0x7f), false)));
  await closed;
  await until(() => region.counts.of('ended pieces') === 1);
  t.equal(region.counts.of('ended protocol'), 0);
});

t.test('more bytes than a CONNECT needs are not taken over WebSocket, however they are framed', async (t) => {
  const region = await standing(t, { broker: { websocket: WEBSOCKET } });
  const { socket, closed } = dialled(t, region.broker.websocketPort!);
  socket.write(UPGRADE);
  const head = Buffer.from([0x80 | BINARY, 0x80 | 127, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0]);
  socket.write(Buffer.concat([head, Buffer.alloc(100_000)]));
  await closed;
  await until(() => region.connections.open === 0);
  t.equal(region.counts.of('ended early-bytes'), 1);
});

t.test('frames without data have the budget of packets without a batch', async (t) => {
  for (const bytes of [frame(PING, Buffer.alloc(125)), frame(BINARY, Buffer.alloc(0))]) {
    const region = await standing(t, { broker: { websocket: WEBSOCKET } });
    const { socket, closed } = dialled(t, region.broker.websocketPort!);
    socket.write(UPGRADE);
    socket.write(frame(BINARY, connectBytes()));
    await until(() => region.counts.of('connects accepted') === 1);
    socket.write(times(100, bytes));
    await closed;
    await until(() => region.connections.open === 0);
    t.equal(region.counts.of('ended control-budget'), 1);
  }
});

t.test('pongs that nobody reads end their connection', async (t) => {
  const region = await standing(t, {
    broker: { websocket: WEBSOCKET },
    gate: { control: { burst: 1e7, perSecond: 1e7 } },
  });
  const { socket } = dialled(t, region.broker.websocketPort!);
  socket.write(UPGRADE);
  socket.write(frame(BINARY, connectBytes()));
  await until(() => region.counts.of('connects accepted') === 1);
  socket.pause();
  const flood = setInterval(() => socket.write(times(1_000, frame(PING, Buffer.alloc(125)))), 1);
  t.teardown(() => clearInterval(flood));
  await until(() => region.connections.open === 0);
  t.equal(region.counts.of('connects accepted'), 1);
});

t.test('who breaks the framing is cut, and nothing more of it is read', async (t) => {
  const region = await standing(t, { broker: { websocket: WEBSOCKET } });
  const { socket, closed } = dialled(t, region.broker.websocketPort!);
  socket.write(UPGRADE);
  socket.write(Buffer.from([0xff, 0xff]));
  const flood = setInterval(() => socket.write(Buffer.alloc(100_000)), 1);
  t.teardown(() => clearInterval(flood));
  await closed;
  await until(() => region.connections.open === 0);
  t.ok(socket.bytesWritten < 50_000_000, `${socket.bytesWritten} bytes`);
});

t.test('after its DISCONNECT a client is read no further than a little', async (t) => {
  const region = await standing(t);
  const { socket, closed } = dialled(t, region.port);
  socket.write(connectBytes());
  await until(() => region.counts.of('connects accepted') === 1);
  const flood = setInterval(() => socket.write(Buffer.alloc(100_000, 0xe0)), 1);
  socket.write(Buffer.of(0xe0, 0));
  t.teardown(() => clearInterval(flood));
  await closed;
  t.ok(socket.bytesWritten < 50_000_000, `${socket.bytesWritten} bytes`);
});

t.test('tills that come together over TLS, also in WebSockets, all get in', async (t) => {
  const pem = (name: string) => readFileSync(new URL(`../../support/tls/${name}.pem`, import.meta.url), 'utf8');
  const tls = { key: pem('key'), cert: pem('cert'), ca: null };
  const region = await standing(t, {
    listen: { tls },
    broker: { websocket: { ...WEBSOCKET, tls } },
  });
  const names = Array.from({ length: 8 }, (_, i) => `till-${i}`);
  for (const name of names) await region.register('acme', name);
  const tills = await Promise.all(
    names.map((name, i) =>
      i % 2 === 0
        ? region.connect('acme', name, { more: { protocol: 'mqtts', ca: pem('cert') } })
        : region.connect('acme', name, {
            port: region.broker.websocketPort!,
            more: { protocol: 'wss', ca: pem('cert') },
          }),
    ),
  );
  for (const till of tills) till.send(batchOf(1, 1).bytes);
  for (const till of tills) await till.until(() => till.acks.length === 1);
  t.equal(region.connections.open, 8);
  for (const till of tills) await till.client.endAsync(true);
});

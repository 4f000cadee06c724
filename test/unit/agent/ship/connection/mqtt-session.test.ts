import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createWebServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Aedes } from 'aedes';
import t, { type Test } from 'tap';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { systemTimers } from '../../../../../agent/runtime/system-timers.ts';
import type { Credentials } from '../../../../../agent/ship/connection/endpoint.ts';
import { explainError } from '../../../../../agent/ship/connection/explain-error.ts';
import { openSession, type SessionOptions } from '../../../../../agent/ship/connection/mqtt-session.ts';
import { CERTIFICATE, EXPIRED_CERTIFICATE, KEY } from '../../../../support/agent/certificates.ts';
import { FakeTimers } from '../../../../support/agent/fake-timers.ts';

const NOBODY: Credentials = { token: 'secret', ca: null, cert: null, key: null };

async function broker(
  t: Test,
  certificate: string | null,
  host = '127.0.0.1',
): Promise<{ port: number; aedes: Aedes }> {
  const aedes = await Aedes.createBroker();
  const server =
    certificate === null
      ? createTcpServer((socket) => void aedes.handle(socket))
      : createTlsServer({ cert: certificate, key: KEY }, (socket) => void aedes.handle(socket));
  server.listen(0, host);
  await once(server, 'listening');
  t.teardown(async () => {
    await new Promise<void>((resolve) => aedes.close(resolve));
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, aedes };
}

const options = (port: number, more: Partial<SessionOptions> = {}): SessionOptions => ({
  address: { protocol: 'mqtts', host: '127.0.0.1', port, path: null },
  clientId: 'till-1.0123456789abcdef',
  username: 'acme/till-1',
  credentials: NOBODY,
  topics: ['till/1/acme/till-1/ack'],
  keepAlive: 45,
  announced: 45,
  onAttempt: () => {},
  timers: systemTimers,
  now: Date.now,
  ...more,
});

/** Why no session came about, in words. */
async function refusal(given: SessionOptions, signal = new AbortController().signal): Promise<string> {
  try {
    await (await openSession(given, signal)).end();
    return 'none';
  } catch (error) {
    return explainError(error, given.address);
  }
}

t.test('TLS', async (t) => {
  t.test('with the certificate authority that is given connects', async (t) => {
    const { port } = await broker(t, CERTIFICATE);
    t.equal(await refusal(options(port, { credentials: { ...NOBODY, ca: Buffer.from(CERTIFICATE) } })), 'none');
  });
  t.test('says when the certificate ends that is shown', async (t) => {
    const { port } = await broker(t, CERTIFICATE);
    const given = options(port, { credentials: { ...NOBODY, ca: Buffer.from(CERTIFICATE) } });
    const session = await openSession(given, new AbortController().signal);
    t.equal(session.certificateEnds, new X509Certificate(CERTIFICATE).validToDate.getTime());
    await session.end();
  });
  t.test('says so in a WebSocket, too', async (t) => {
    const { aedes } = await broker(t, null);
    const server = createWebServer({ cert: CERTIFICATE, key: KEY }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    new WebSocketServer({ server }).on('connection', (socket) => void aedes.handle(createWebSocketStream(socket)));
    const { port } = server.address() as AddressInfo;
    const given = options(port, { credentials: { ...NOBODY, ca: Buffer.from(CERTIFICATE) } });
    const address = { ...given.address, protocol: 'wss', path: '/mqtt' } as const;
    const session = await openSession({ ...given, address }, new AbortController().signal);
    t.equal(session.certificateEnds, new X509Certificate(CERTIFICATE).validToDate.getTime());
    await session.end();
  });
  t.test('for another name is refused', async (t) => {
    const { port } = await broker(t, CERTIFICATE, '127.0.0.2');
    const given = options(port, { credentials: { ...NOBODY, ca: Buffer.from(CERTIFICATE) } });
    t.match(
      await refusal({ ...given, address: { ...given.address, host: '127.0.0.2' } }),
      /TLS: the certificate is for another name/,
    );
  });
  t.test('without it says what to do', async (t) => {
    const { port } = await broker(t, CERTIFICATE);
    t.match(await refusal(options(port)), /TLS: certificate of an unknown authority: set collector\.tls\.ca/);
  });
  t.test('with an expired certificate says so', async (t) => {
    const { port } = await broker(t, EXPIRED_CERTIFICATE);
    t.match(
      await refusal(options(port, { credentials: { ...NOBODY, ca: Buffer.from(EXPIRED_CERTIFICATE) } })),
      /TLS: certificate expired/,
    );
  });
});

t.test('a topic that is not granted ends the session', async (t) => {
  const { port, aedes } = await broker(t, null);
  aedes.authorizeSubscribe = (_client, _subscription, done) => done(null, null);
  t.not(await refusal(options(port, { address: { protocol: 'mqtt', host: '127.0.0.1', port, path: null } })), 'none');
});

t.test('a server that never grants the topics is given up', async (t) => {
  const { port, aedes } = await broker(t, null);
  const asked = new Promise<void>((resolve) => {
    aedes.authorizeSubscribe = () => resolve();
  });
  const timers = new FakeTimers();
  const refused = refusal(
    options(port, { address: { protocol: 'mqtt', host: '127.0.0.1', port, path: null }, timers }),
  );
  await asked;
  // The CONNACK came within the first 20 s.
  timers.advance(40_000);
  t.match(await refused, /^no answer/);
  t.same(timers.waiting, []);
});

t.test('a server that says nothing can be given up at once', async (t) => {
  const silent = createTcpServer(() => {}).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  const stopping = new AbortController();
  const refused = refusal(
    options(port, { address: { protocol: 'mqtt', host: '127.0.0.1', port, path: null } }),
    stopping.signal,
  );
  await once(silent, 'connection');
  stopping.abort(new Error('the agent stops'));
  t.match(await refused, /the agent stops/);
});

t.test('what speaks something else than MQTT is told in words', async (t) => {
  for (const greeting of [
    'HTTP/1.1 400 Bad Request\r\n\r\n',
    'SSH-2.0-OpenSSH_9.6\r\n',
    '\x15\x03\x01\x00\x02\x02\x32',
  ]) {
    const server = createTcpServer((socket) => void socket.on('error', () => {}).end(greeting, 'latin1'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const words = await refusal(options(port, { address: { protocol: 'mqtt', host: '127.0.0.1', port, path: null } }));
    t.equal(words, `the server there does not speak MQTT: is the port right? (127.0.0.1 port ${port})`);
    server.close();
  }
});

t.test('faults are told in words', async (t) => {
  const address = { protocol: 'mqtts', host: 'c.example', port: 8883, path: null } as const;
  t.equal(
    explainError(Object.assign(new Error('x'), { code: 5 }), address),
    'the collector refuses the token (c.example port 8883)',
  );
  t.equal(
    explainError(Object.assign(new Error('x'), { code: 3 }), address),
    'the collector is not ready: it cannot read its store (c.example port 8883)',
  );
  t.match(explainError(Object.assign(new Error('x'), { code: 'ENETUNREACH' }), address), /^no route/);
  t.match(
    explainError(Object.assign(new Error('x'), { code: 'EAI_AGAIN' }), address),
    /^the host name of the collector cannot be resolved/,
  );
  t.match(explainError(new Error('connack timeout'), address), /^no answer/);
  t.match(explainError(new Error('something else'), address), /^something else/);
});

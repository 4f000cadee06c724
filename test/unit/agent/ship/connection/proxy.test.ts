/** `wss` through a forward proxy, as shops have them. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createWebServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { Aedes } from 'aedes';
import t, { type Test } from 'tap';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { parseConfig } from '../../../../../agent/config/agent-config.ts';
import { systemTimers } from '../../../../../agent/runtime/system-timers.ts';
import type { Address } from '../../../../../agent/ship/connection/endpoint.ts';
import { explainError } from '../../../../../agent/ship/connection/explain-error.ts';
import { openSession } from '../../../../../agent/ship/connection/mqtt-session.ts';
import { CERTIFICATE, KEY } from '../../../../support/agent/certificates.ts';

async function collector(t: Test): Promise<number> {
  const aedes = await Aedes.createBroker();
  const server = createWebServer({ cert: CERTIFICATE, key: KEY }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  new WebSocketServer({ server }).on('connection', (socket) => void aedes.handle(createWebSocketStream(socket)));
  t.teardown(() => {
    server.close();
    aedes.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A small proxy. @param status that it answers; 200: it connects */
async function proxy(t: Test, status: number, user: string | null = null) {
  const asked: string[] = [];
  const server = createHttpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.on('connect', (request, near) => {
    asked.push(request.url!);
    const basic = user === null ? undefined : `Basic ${Buffer.from(user).toString('base64')}`;
    const given = request.headers['proxy-authorization'] === basic ? status : 407;
    near.on('error', () => near.destroy());
    if (given !== 200) {
      near.end(`HTTP/1.1 ${given} No\r\n\r\n`);
      return;
    }
    const far = connect(Number(request.url!.split(':')[1]), '127.0.0.1', () => {
      near.write('HTTP/1.1 200 Connection established\r\n\r\n');
      far.pipe(near).pipe(far);
    });
    far.on('error', () => near.destroy()).on('close', () => near.destroy());
    near.on('close', () => far.destroy());
  });
  t.teardown(() => server.close());
  return { port: (server.address() as AddressInfo).port, asked };
}

async function words(address: Address): Promise<string> {
  const options = {
    address,
    clientId: 'till-1.0123456789abcdef',
    username: 'acme/till-1',
    credentials: { token: 'secret', ca: Buffer.from(CERTIFICATE), cert: null, key: null },
    topics: ['till/1/acme/till-1/ack'],
    keepAlive: 45,
    announced: 45,
    onAttempt: () => {},
    timers: systemTimers,
    now: Date.now,
  };
  try {
    await (await openSession(options, new AbortController().signal)).end();
    return 'none';
  } catch (error) {
    return explainError(error, address);
  }
}

const through = (port: number, proxyPort: number, credentials: string | null = null): Address => ({
  protocol: 'wss',
  host: '127.0.0.1',
  port,
  path: '/mqtt',
  proxy: { host: '127.0.0.1', port: proxyPort, credentials },
});

t.test('a collector is reached through the proxy, and verified', async (t) => {
  const port = await collector(t);
  const { port: proxyPort, asked } = await proxy(t, 200);
  t.equal(await words(through(port, proxyPort)), 'none');
  t.same(asked, [`127.0.0.1:${port}`]);
});

t.test('user name and password are shown to the proxy', async (t) => {
  const port = await collector(t);
  const { port: proxyPort } = await proxy(t, 200, 'till:pa ss');
  t.equal(await words(through(port, proxyPort, 'till:pa ss')), 'none');
  t.match(await words(through(port, proxyPort)), /the proxy wants a user name and password/);
});

t.test('what the proxy answers is explained', async (t) => {
  for (const [status, text] of [
    [403, /^the proxy does not allow a connection to the collector/],
    [502, /^the proxy cannot reach the collector \(HTTP 502\)/],
  ] as const) {
    const { port } = await proxy(t, status);
    t.match(await words(through(9, port)), text);
    t.match(await words(through(9, port)), `127.0.0.1 port 9, through the proxy 127.0.0.1 port ${port}`);
  }
});

t.test('comes from collector.proxy, else from HTTPS_PROXY unless NO_PROXY names the host, for wss only', async (t) => {
  const config = (more: object, environment = {}) => {
    const urls = ['wss://c.example/mqtt', 'mqtts://c.example:8883'];
    const input = {
      merchant: 'acme',
      terminal: 'till-1',
      collector: { urls, token: 'x', ...more },
      buffer: { path: 'b' },
    };
    const parsed = parseConfig(input, environment);
    return parsed.ok ? parsed.config.collector.addresses.map(({ proxy }) => proxy) : parsed.faults;
  };
  const known = { host: 'proxy.example', port: 3128, credentials: null };
  t.same(config({}), [undefined, undefined]);
  t.same(config({ proxy: 'http://proxy.example:3128' }), [known, undefined]);
  t.same(config({}, { HTTPS_PROXY: 'http://proxy.example:3128' }), [known, undefined]);
  t.same(config({}, { https_proxy: 'http://u:p%20w@proxy.example:3128' }), [
    { ...known, credentials: 'u:p w' },
    undefined,
  ]);
  for (const NO_PROXY of ['c.example', 'x,.example', '*.example', '*'])
    t.same(config({}, { HTTPS_PROXY: 'http://proxy.example:3128', NO_PROXY }), [undefined, undefined], NO_PROXY);
  t.same(config({}, { HTTPS_PROXY: 'http://proxy.example:3128', NO_PROXY: 'ample' })[0], known);
  t.match(config({ proxy: 'socks5://x' }), [{ pointer: '/collector/proxy', detail: /give http:\/\/HOST:PORT/ }]);
});

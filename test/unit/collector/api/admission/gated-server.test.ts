/** The HTTP server before its routes, spoken to by hand over real sockets. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Registry } from 'prom-client';
import t, { type Test } from 'tap';
import { TrustedProxies } from '../../../../../collector/api/admission/addresses.ts';
import { createGatedServer, type ServerLimits } from '../../../../../collector/api/admission/gated-server.ts';
import { admissionMetrics } from '../../../../../collector/api/admission/metrics.ts';
import { Turns } from '../../../../../collector/api/admission/turns.ts';

const LIMITS: ServerLimits = {
  connections: 100,
  connectionsPerAddress: 100,
  headerBytes: 2_048,
  headerMs: 400,
  keepAliveMs: 60_000,
  requestsPerConnection: 1_000,
  pipelinedBytes: 1_024,
  writeMs: 60_000,
};

const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: collector\r\n${more}\r\n`;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Answers with the path, at once. */
const echo: Handler = (request, response) => void response.end(request.url);

interface Serving {
  readonly dial: () => Promise<Peer>;
  readonly refused: () => Promise<Record<string, number>>;
}

async function serving(
  t: Test,
  handler: Handler,
  limits: Partial<ServerLimits> = {},
  proxies: readonly string[] = [],
): Promise<Serving> {
  const registry = new Registry();
  const server = createGatedServer(handler, {
    limits: { ...LIMITS, ...limits },
    turns: new Turns(),
    proxies: new TrustedProxies(proxies),
    metrics: admissionMetrics(registry),
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return {
    dial: () => Peer.connected(t, port),
    refused: async () => {
      const { values } = await registry.getSingleMetric('tillstream_http_refused_total')!.get();
      return Object.fromEntries(values.map(({ labels, value }) => [String(labels.reason), value]));
    },
  };
}

class Peer {
  readonly socket: Socket;
  heard = '';
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      this.heard += chunk;
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  static async connected(t: Test, port: number): Promise<Peer> {
    const socket = connect(port, '127.0.0.1');
    t.teardown(() => socket.destroy());
    const peer = new Peer(socket);
    await once(socket, 'connect');
    return peer;
  }

  /** Resolves when so many answers have come. */
  async answers(count: number): Promise<string[]> {
    for (;;) {
      const bodies = [...this.heard.matchAll(/\r\n\r\n(\/[^H]*)(?=HTTP|$)/g)].map(([, body]) => body!);
      if (bodies.length >= count) return bodies;
      await once(this.socket, 'data');
    }
  }
}

t.test('pipelined requests are answered one after the other, in order', async (t) => {
  let [running, most] = [0, 0];
  const { dial } = await serving(t, (request, response) => {
    most = Math.max(most, ++running);
    setImmediate(() => {
      running--;
      echo(request, response);
    });
  });
  const peer = await dial();
  const paths = Array.from({ length: 500 }, (_, at) => `/${at}`);
  peer.socket.write(paths.map((path) => get(path)).join(''));
  t.strictSame(await peer.answers(500), paths);
  t.equal(most, 1);
});

t.test('a request is recognised wherever its bytes are cut', async (t) => {
  const { dial } = await serving(t, echo);
  const peer = await dial();
  peer.socket.setNoDelay(true);
  for (const byte of `\r\n${get('/a')}${get('/b')}`) {
    peer.socket.write(byte);
    await new Promise(setImmediate);
  }
  t.strictSame(await peer.answers(2), ['/a', '/b']);
});

t.test('other connections have their turns between the requests of one', async (t) => {
  const begun: string[] = [];
  const { dial } = await serving(t, (request, response) => {
    begun.push(request.url!);
    echo(request, response);
  });
  const [flood, other] = [await dial(), await dial()];
  flood.socket.write(get('/flood').repeat(60));
  other.socket.write(get('/other'));
  await Promise.all([flood.answers(60), other.answers(1)]);
  t.ok(begun.indexOf('/other') < 30, 'did not wait for all of them');
});

t.test('what a client sends ahead of its answers is not read', async (t) => {
  const { dial } = await serving(t, () => {});
  const peer = await dial();
  peer.socket.write(get('/never'));
  const chunk = get('/more').repeat(1_000);
  // The buffers of the system take some MiB.
  for (let at = 0; at < 400 && peer.socket.writableLength < 1024 * 1024; at++) {
    peer.socket.write(chunk);
    await new Promise(setImmediate);
  }
  t.ok(peer.socket.writableLength > 0, 'the client has to wait');
});

t.test('an answer that nobody reads ends its connection', async (t) => {
  const { dial, refused } = await serving(
    t,
    (_request, response) => void response.end(Buffer.alloc(64 * 1024 * 1024)),
    { writeMs: 200 },
  );
  const peer = await dial();
  peer.socket.pause();
  peer.socket.write(get('/large'));
  await new Promise<void>((resolve) => {
    const poll = setInterval(async () => {
      if ((await refused())['slow-reader'] === undefined) return;
      clearInterval(poll);
      resolve();
    }, 20);
  });
  peer.socket.resume();
  await peer.closed;
  t.ok(peer.heard.length < 64 * 1024 * 1024);
});

t.test('an answer that is read slowly, but read, arrives', async (t) => {
  const { dial, refused } = await serving(t, (_request, response) => void response.end(Buffer.alloc(8 * 1024 * 1024)), {
    writeMs: 5_000,
  });
  const peer = await dial();
  peer.socket.on('data', () => {
    peer.socket.pause();
    setImmediate(() => peer.socket.resume());
  });
  peer.socket.write(get('/large', 'Connection: close\r\n'));
  await peer.closed;
  t.ok(peer.heard.length > 8 * 1024 * 1024);
  t.strictSame(await refused(), {});
});

t.test('a client that leaves is noticed while its answer is under way', async (t) => {
  const closed = Promise.withResolvers<void>();
  const { dial } = await serving(t, (_request, response) => response.once('close', closed.resolve));
  const peer = await dial();
  peer.socket.write(get('/'));
  peer.socket.end();
  await closed.promise;
  t.equal(peer.heard, '');
});

t.test('a request with a body is refused, and the connection ends', async (t) => {
  for (const more of [
    'Content-Length: 5\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Expect: 100-continue\r\nContent-Length: 9\r\n',
  ]) {
    const { dial, refused } = await serving(t, echo);
    const peer = await dial();
    peer.socket.write(get('/', more) + 'x'.repeat(100_000));
    await peer.closed;
    t.match(peer.heard, /^HTTP\/1\.1 413 .*application\/problem\+json.*"detail":"send no body/s, more.trim());
    t.strictSame(await refused(), { body: 1 });
  }
});

t.test('an expectation without a body is no obstacle', async (t) => {
  const { dial } = await serving(t, echo);
  const peer = await dial();
  peer.socket.write(get('/a', 'Expect: the-unexpected\r\n') + get('/b'));
  t.strictSame(await peer.answers(2), ['/a', '/b']);
});

t.test('a head that is too large, or takes too long, ends its connection', async (t) => {
  const { dial } = await serving(t, echo);
  const [large, late] = [await dial(), await dial()];
  large.socket.write(`GET /${'x'.repeat(3_000)} HTTP/1.1\r\n`);
  late.socket.write('GET / HTTP/1.1\r\n');
  await Promise.all([large.closed, late.closed]);
  t.match(large.heard, /^HTTP\/1\.1 431 /);
  t.match(late.heard, /^HTTP\/1\.1 408 /);
});

t.test('a connection has its number of requests, and says so with the last answer', async (t) => {
  const { dial } = await serving(t, echo, { requestsPerConnection: 3 });
  const peer = await dial();
  peer.socket.write(get('/').repeat(5));
  await peer.closed;
  const heads = peer.heard.match(/connection: [\w-]+/gi);
  t.strictSame(
    heads?.map((head) => head.toLowerCase()),
    ['connection: keep-alive', 'connection: keep-alive', 'connection: close'],
  );
});

t.test('at the bound of an address the connection that was idle longest makes room', async (t) => {
  const { dial, refused } = await serving(t, echo, { connectionsPerAddress: 3 });
  const [first, second, third] = [await dial(), await dial(), await dial()];
  first.socket.write(get('/1'));
  await first.answers(1);
  const fourth = await dial();
  await second.closed;
  fourth.socket.write(get('/4'));
  await fourth.answers(1);
  third.socket.write(get('/3'));
  await third.answers(1);
  t.strictSame(await refused(), {});
});

t.test('where all are busy a further connection is refused; a trusted proxy has more', async (t) => {
  for (const [proxies, more] of [
    [[], false],
    [['127.0.0.0/8'], true],
  ] as const) {
    const begun = Promise.withResolvers<void>();
    let count = 0;
    const { dial, refused } = await serving(
      t,
      (request, response) => {
        if (request.url === '/ok') echo(request, response);
        else if (++count === 2) begun.resolve();
      },
      { connectionsPerAddress: 2 },
      proxies,
    );
    for (const peer of [await dial(), await dial()]) peer.socket.write(get('/busy'));
    await begun.promise;
    const peer = await dial();
    peer.socket.write(get('/ok'));
    if (more) await peer.answers(1);
    else await peer.closed;
    t.strictSame(await refused(), more ? {} : { 'connections-address': 1 });
  }
});

t.test('health is answered while clients that do not read hold every place', async (t) => {
  // More than any kernel buffers for a client (tcp_rmem may allow 32 MiB).
  const large = Buffer.alloc(64 * 1024 * 1024);
  let stalled = 0;
  const { dial } = await serving(
    t,
    (request, response) => {
      if (request.url === '/livez') return echo(request, response);
      stalled++;
      response.end(large);
    },
    // Filling the kernel's buffers takes a slow machine longer than a request may usually take.
    { connections: 10, headerMs: 60_000 },
  );
  for (let at = 0; at < 10; at++) {
    const peer = await dial();
    peer.socket.pause();
    peer.socket.write(get('/large'));
  }
  while (stalled < 10) await new Promise(setImmediate);
  const probe = await dial();
  probe.socket.write(get('/livez'));
  t.strictSame(await probe.answers(1), ['/livez']);
});

t.test('health is answered while connections of strangers hold every place', async (t) => {
  const { dial } = await serving(t, echo, { connections: 50, connectionsPerAddress: 1_000 });
  for (let at = 0; at < 200; at++) {
    const peer = await dial();
    if (at % 2 === 0) peer.socket.write('GET / HT');
  }
  const probe = await dial();
  probe.socket.write(get('/livez'));
  t.strictSame(await probe.answers(1), ['/livez']);
});

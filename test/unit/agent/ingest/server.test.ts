import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { BodyReader, MAX_BODY_BYTES } from '../../../../agent/ingest/http/body-reader.ts';
import { LargeRequestQueue } from '../../../../agent/ingest/http/large-request-queue.ts';
import { InFlightRequests } from '../../../../agent/ingest/in-flight-requests.ts';
import { type IngestCounters, zeroIngestCounters } from '../../../../agent/ingest/post-events.ts';
import type { AgentPages } from '../../../../agent/ingest/router.ts';
import { type IngestServer, type IngestServerOptions, startIngestServer } from '../../../../agent/ingest/server.ts';
import type { Accepted, Intake } from '../../../../agent/port/intake.ts';
import { NOW, sale } from '../../../support/agent/events.ts';
import { scratchBuffer } from '../../../support/agent/temp-buffer.ts';

interface Fixture {
  readonly server: IngestServer;
  readonly url: string;
  readonly counters: IngestCounters;
  readonly uncommitted: InFlightRequests;
  readonly faults: unknown[];
  readonly notices: string[];
  post(body: unknown, headers?: Record<string, string>): Promise<Response>;
}

const PAGES: AgentPages = {
  status: () => ({ fine: true }),
  metrics: async () => ({ contentType: 'text/plain', body: 'up 1\n' }),
  page: async () => ({ headers: { 'content-security-policy': "default-src 'none'" }, body: '<!doctype html>' }),
  inspect: async () => ({ state: 'fine' }),
};

async function fixture(t: Test, options: Partial<IngestServerOptions> = {}): Promise<Fixture> {
  const buffer = scratchBuffer(t.testdir()).open();
  const counters = zeroIngestCounters();
  const uncommitted = new InFlightRequests();
  const faults: unknown[] = [];
  const notices: string[] = [];
  const server = await startIngestServer({
    host: '127.0.0.1',
    port: 0,
    allowedHosts: [],
    allowedOrigins: [],
    token: null,
    intake: buffer,
    bodies: new BodyReader(),
    large: new LargeRequestQueue(),
    uncommitted,
    now: () => NOW,
    wrongClock: () => undefined,
    store: null,
    cardData: 'mask',
    counters,
    fault: (error) => faults.push(error),
    notice: (message) => notices.push(message),
    pages: PAGES,
    ...options,
  });
  t.teardown(async () => {
    await server.stop();
    buffer.close();
  });
  const url = `http://127.0.0.1:${server.port}`;
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${url}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return { server, url, counters, uncommitted, faults, notices, post };
}

/** A connection that speaks HTTP by hand. */
async function raw(
  t: Test,
  { server }: Fixture,
  head: string,
): Promise<{ socket: Socket; until: (text: string) => Promise<string>; closed: Promise<unknown> }> {
  const socket = connect(server.port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  let received = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    received += chunk;
  });
  socket.write(head);
  const until = async (text: string) => {
    while (!received.includes(text))
      await Promise.race([
        once(socket, 'data'),
        closed.then(() => Promise.reject(new Error(`closed after ${received}`))),
      ]);
    return received;
  };
  return { socket, until, closed };
}

const head = (more: string) =>
  `POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${more}\r\n\r\n`;

t.test('POST /v1/events', async (t) => {
  t.test('answers 201 with the stream and the seqs', async (t) => {
    const { post, counters } = await fixture(t);
    const answer = await post([sale('a'), sale('b'), sale('a')]);
    t.equal(answer.status, 201);
    t.match(answer.headers.get('content-type'), 'application/json');
    const body = (await answer.json()) as { stream: string };
    t.match(body.stream, /^till-1\.[0-9a-f]{16}$/);
    t.strictSame(body, {
      accepted: 2,
      stream: body.stream,
      firstSeq: 1,
      lastSeq: 2,
      duplicates: [{ index: 2, stream: body.stream, seq: 1 }],
    });
    t.match(counters, { requestsStored: 1, eventsAccepted: 2, duplicates: 1 });
  });

  t.test('answers 200 when all were duplicates', async (t) => {
    const { post } = await fixture(t);
    const { stream } = (await (await post(sale('a'))).json()) as { stream: string };
    const again = await post(sale('a'));
    t.equal(again.status, 200);
    t.strictSame(await again.json(), {
      accepted: 0,
      stream,
      firstSeq: null,
      lastSeq: null,
      duplicates: [{ index: 0, stream, seq: 1 }],
    });
  });

  t.test('takes NDJSON and tells duplicates by their line', async (t) => {
    const { post } = await fixture(t);
    const body = `${JSON.stringify(sale('a'))}\n\n${JSON.stringify(sale('a'))}\n`;
    const answer = await post(body, { 'content-type': 'application/x-ndjson; charset=utf-8' });
    t.equal(answer.status, 201);
    t.match(await answer.json(), { accepted: 1, duplicates: [{ index: 2, seq: 1 }] });
  });

  t.test('stores nothing when one event is wrong, and says which', async (t) => {
    const { post, counters } = await fixture(t);
    const answer = await post([sale('a'), sale('b', { amount: -1 })]);
    t.equal(answer.status, 400);
    t.match(answer.headers.get('content-type'), 'application/problem+json');
    t.match(await answer.json(), {
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      errors: [{ pointer: '/1/amount' }],
    });
    t.match(await (await post(sale('a'))).json(), { accepted: 1, firstSeq: 1 });
    t.match(counters, { requestsRefused: 1, requestsStored: 1 });
  });

  t.test('takes a body in chunks, and after Expect: 100-continue', async (t) => {
    const agent = await fixture(t);
    const body = JSON.stringify(sale('a'));
    const chunked = await raw(t, agent, head('transfer-encoding: chunked'));
    for (const part of [body.slice(0, 9), body.slice(9)])
      chunked.socket.write(`${part.length.toString(16)}\r\n${part}\r\n`);
    chunked.socket.write('0\r\n\r\n');
    t.match(await chunked.until('\r\n\r\n'), /^HTTP\/1.1 201/);
    const expecting = await raw(t, agent, head(`content-length: ${body.length}\r\nexpect: 100-continue`));
    await expecting.until('HTTP/1.1 100 Continue\r\n\r\n');
    expecting.socket.write(body);
    t.match(await expecting.until('duplicates'), /HTTP\/1.1 200/);
  });

  t.test('refuses more than 8 MiB by its stated length, without asking for the body', async (t) => {
    const agent = await fixture(t);
    const { until } = await raw(t, agent, head(`content-length: ${MAX_BODY_BYTES + 1}\r\nexpect: 100-continue`));
    const answer = await until('problem+json');
    t.match(answer, /^HTTP\/1.1 413/);
    t.match(answer, /connection: close/i);
    t.notMatch(answer, /100 Continue/);
  });

  t.test('refuses more than 8 MiB that come in chunks, and cuts a client that goes on for ever', async (t) => {
    const agent = await fixture(t);
    const { socket, until, closed } = await raw(t, agent, head('transfer-encoding: chunked'));
    const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`;
    const send = (error?: Error | null): void => {
      if (!error) socket.write(chunk, send);
    };
    send();
    t.match(await until('problem+json'), /^HTTP\/1.1 413/);
    await closed;
  });

  t.test('takes exactly 8 MiB', async (t) => {
    const { post } = await fixture(t);
    const one = JSON.stringify(sale('a'));
    const answer = await post(`[${one}${' '.repeat(MAX_BODY_BYTES - one.length - 2)}]`);
    t.equal(answer.status, 413, 'the element itself is too large, not the body');
    t.match(await answer.json(), { errors: [{ pointer: '/0' }] });
  });

  t.test('stamps no time that the clock no longer shows once the events are read', async (t) => {
    let asked = 0;
    const seen: number[] = [];
    const intake: Intake = {
      accept: (events) => {
        seen.push(...events.map(({ ts }) => ts));
        return Promise.resolve({ kind: 'full', detail: 'no matter' });
      },
    };
    const { post } = await fixture(t, {
      intake,
      // At the arrival and before the events are read; then the clock is set.
      now: () => (++asked <= 2 ? NOW : NOW + 3_600_000),
    });
    await post([sale('a'), sale('b', { ts: NOW - 5 })]);
    t.same(seen, [NOW + 3_600_000, NOW - 5]);
  });

  t.test('works on large requests one after the other, while small ones pass', async (t) => {
    const waiting: (() => void)[] = [];
    const sizes: number[] = [];
    const intake: Intake = {
      accept: (events) => {
        sizes.push(events.length);
        const answer: Accepted = { kind: 'full', detail: 'no matter' };
        return events.length === 1
          ? Promise.resolve(answer)
          : new Promise((resolve) => waiting.push(() => resolve(answer)));
      },
    };
    const { post } = await fixture(t, { intake });
    const large = Array.from({ length: 5_000 }, (_, at) => sale(`r-${at}`));
    const answers = [post(large), post(large)];
    while (waiting.length === 0) await post(sale('small'));
    for (let times = 0; times < 3; times++) await post(sale('small'));
    t.equal(waiting.length, 1);
    waiting.shift()!();
    while (waiting.length === 0) await post(sale('small'));
    waiting.shift()!();
    for (const answer of answers) t.equal((await answer).status, 507);
    t.equal(sizes.filter((size) => size === 5_000).length, 2);
  });

  t.test('refuses an encoding that it does not know', async (t) => {
    const { post } = await fixture(t);
    t.equal((await post(sale('a'), { 'content-encoding': 'gzip' })).status, 415);
  });

  t.test('is quick to refuse a client that says nothing more', async (t) => {
    const agent = await fixture(t);
    const { socket } = await raw(t, agent, head('content-length: 100'));
    t.not(agent.uncommitted.oldest(), undefined);
    socket.destroy();
    while (agent.uncommitted.oldest() !== null) await new Promise(setImmediate);
    t.match(agent.counters, zeroIngestCounters(), 'a request that was never read is counted nowhere');
  });
});

t.test('the buffer', async (t) => {
  const answering = (answer: () => Promise<Accepted>): Intake => ({ accept: answer });

  t.test('that is full makes 507, and nothing is counted as accepted', async (t) => {
    const { post, counters } = await fixture(t, {
      intake: answering(async () => ({ kind: 'full', detail: 'the disk has no space left' })),
    });
    const answer = await post(sale('a'));
    t.equal(answer.status, 507);
    t.ok(answer.headers.get('retry-after'));
    t.match(await answer.json(), { status: 507, detail: /the disk has no space left/ });
    t.match(counters, { requestsFull: 1, eventsAccepted: 0 });
  });

  t.test('that is not there makes 503 with its reason, and no fault is told', async (t) => {
    const { post, counters, faults } = await fixture(t, {
      intake: answering(async () => ({ kind: 'unavailable', detail: 'the folder is gone' })),
    });
    const answer = await post(sale('a'));
    t.equal(answer.status, 503);
    t.ok(answer.headers.get('retry-after'));
    t.match(await answer.json(), { status: 503, detail: /no buffer to write to.*the folder is gone/ });
    t.match(counters, { requestsFailed: 1, requestsFull: 0, eventsAccepted: 0 });
    t.strictSame(faults, []);
  });

  t.test('that fails makes 503, and the fault is told', async (t) => {
    const { post, faults } = await fixture(t, { intake: answering(() => Promise.reject(new Error('disk I/O error'))) });
    const answer = await post(sale('a'));
    t.equal(answer.status, 503);
    t.ok(answer.headers.get('retry-after'));
    t.match(await answer.json(), { detail: /disk I\/O error/ });
    t.equal(faults.length, 1);
  });

  t.test('holds the answer until it has committed, and the request counts as uncommitted so long', async (t) => {
    let commit = (): void => {};
    const committed = new Promise<Accepted>((resolve) => {
      commit = () =>
        resolve({
          kind: 'accepted',
          accepted: 1,
          stream: 'x' as never,
          firstSeq: 1,
          lastSeq: 1,
          duplicates: [],
          conflicts: [],
        });
    });
    const { post, uncommitted } = await fixture(t, { intake: answering(() => committed) });
    let answered = false;
    const answer = post(sale('a')).then((response) => {
      answered = true;
      return response.status;
    });
    while (uncommitted.oldest() === null) await new Promise(setImmediate);
    t.equal(uncommitted.oldest(), NOW);
    t.notOk(answered);
    commit();
    t.equal(await answer, 201);
    t.equal(uncommitted.oldest(), null);
  });
});

t.test('what is no request, behind one whose answer is to come, is not answered in its place', async (t) => {
  const never = new Promise<Accepted>(() => {});
  const at = await fixture(t, { intake: { accept: () => never } });
  const body = JSON.stringify(sale('a'));
  const { socket, closed } = await raw(t, at, `${head(`content-length: ${body.length}`)}${body}`);
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk;
  });
  while (at.uncommitted.oldest() === null) await new Promise(setImmediate);
  await new Promise(setImmediate);
  socket.write('\x16\x03garbage\r\n\r\n');
  await closed;
  t.equal(received, '', 'the till gets no answer, and repeats');
});

t.test('card data', async (t) => {
  const CARD = '4111111111111111';

  t.test('is masked before the buffer sees it', async (t) => {
    const seen: unknown[] = [];
    const { post, counters } = await fixture(t, {
      intake: {
        accept: async (events) => {
          seen.push(...events);
          return {
            kind: 'accepted',
            accepted: 1,
            stream: 'x' as never,
            firstSeq: 1,
            lastSeq: 1,
            duplicates: [],
            conflicts: [],
          };
        },
      },
    });
    t.equal((await post(sale(CARD, { attrs: { pan: CARD } }))).status, 201);
    t.match(seen, [{ ref: '************1111' }]);
    t.notMatch(JSON.stringify(seen), CARD);
    t.equal(counters.eventsMasked, 1);
  });

  t.test('under a ref of its own is known again, under a masked one never', async (t) => {
    const { post } = await fixture(t);
    const masked = sale('R-1', { attrs: { pan: CARD } });
    t.equal((await post(masked)).status, 201);
    t.equal((await post(masked)).status, 200, 'a till that tries again');
    t.equal((await post(sale(CARD))).status, 201);
    t.equal((await post(sale(CARD))).status, 201);
  });

  t.test('is refused where that is configured', async (t) => {
    const { post, counters } = await fixture(t, { cardData: 'refuse' });
    const answer = await post([sale('a'), sale(CARD)]);
    t.equal(answer.status, 400);
    t.match(await answer.json(), { errors: [{ pointer: '/1/ref', detail: /payment card/ }] });
    t.match(counters, { requestsRefused: 1, eventsMasked: 0 });
  });

  t.test('is in no answer', async (t) => {
    const { url, post } = await fixture(t);
    const track = '%B4111111111111111^DOE/JOHN^26122010000000000000?';
    for (const secret of [CARD, '4111 1111-1111 1111', track]) {
      const answers = [
        post(sale('a', { [secret]: 1 })),
        post(sale('a', { dims: { [secret]: 'x' }, type: secret, ts: secret, currency: secret, ref: [secret] })),
        post([sale('a', { attrs: secret, items: [{ sku: secret, qty: secret, price: secret, [secret]: 1 }] })]),
        post(`{"type":"sale","ref":"${secret}"`),
        post(`{${secret}`),
        post(sale('a'), { 'content-encoding': secret }),
        post(sale('a'), { 'content-type': secret }),
        fetch(`${url}/${secret}?c=${secret}`),
      ];
      for (const answer of await Promise.all(answers)) {
        const text = await answer.text();
        t.notMatch(text, secret, `${answer.status} ${text.slice(0, 60)}`);
        t.notMatch(text, /DOE|4111.{0,3}1111/);
      }
    }
  });
});

t.test('clients that hang', async (t) => {
  const MORE_THAN_THERE_IS_ROOM_FOR = 300;
  const hang = async (t: Test, agent: Fixture, sent: string) => {
    const sockets = await Promise.all(Array.from({ length: MORE_THAN_THERE_IS_ROOM_FOR }, () => raw(t, agent, sent)));
    return sockets.map(({ socket }) => socket);
  };
  for (const [what, sent] of Object.entries({
    'send nothing': '',
    'stop within the head': 'POST /v1/events HTTP/1.1\r\nhost: loc',
    'stop within the body': `${head('content-length: 100')}{"type"`,
  })) {
    t.test(`and ${what} keep no till out`, async (t) => {
      const agent = await fixture(t);
      await hang(t, agent, sent);
      for (const ref of ['a', 'b', 'c']) t.equal((await agent.post(sale(ref), { connection: 'close' })).status, 201);
    });
  }

  t.test('go before a till that keeps its connection, and one that waits for its answer never goes', async (t) => {
    let commit = (): void => {};
    const committed = new Promise<Accepted>((resolve) => {
      commit = () =>
        resolve({
          kind: 'accepted',
          accepted: 1,
          stream: 'x' as never,
          firstSeq: 1,
          lastSeq: 1,
          duplicates: [],
          conflicts: [],
        });
    });
    const agent = await fixture(t, { intake: { accept: () => committed } });
    const idle = await raw(t, agent, 'GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await idle.until('ok\n');
    const body = JSON.stringify(sale('a'));
    const waiting = await raw(t, agent, `${head(`content-length: ${body.length}`)}${body}`);
    while (agent.uncommitted.oldest() === null) await new Promise(setImmediate);
    await hang(t, agent, 'POST');
    commit();
    t.match(await waiting.until('firstSeq'), /201 Created/);
    idle.socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: 2\r\n\r\n');
    t.match(await idle.until('ok\nHTTP/1.1 200'), /200/);
  });
});

t.test('HTTP/1.0 without Host is answered, HTTP/1.1 without it is not', async (t) => {
  const agent = await fixture(t);
  const body = JSON.stringify(sale('a'));
  const old = await raw(t, agent, `POST /v1/events HTTP/1.0\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  t.match(await old.until('firstSeq'), /201 Created/);
  const broken = await raw(t, agent, 'GET /healthz HTTP/1.1\r\n\r\n');
  t.match(await broken.until('\r\n\r\n'), /400 Bad Request/);
});

t.test('requests of web pages are refused', async (t) => {
  const { post, url, server } = await fixture(t);
  t.equal((await post(sale('a'), { origin: 'http://evil.example' })).status, 403);
  const { until } = await raw(t, { server } as Fixture, 'GET /v1/status HTTP/1.1\r\nhost: evil.example\r\n\r\n');
  t.match(await until('problem+json'), /^HTTP\/1.1 403/);
  t.equal((await fetch(`${url}/healthz`, { headers: { origin: 'null' } })).status, 403);
});

t.test('other endpoints', async (t) => {
  const { url } = await fixture(t);
  t.test('answer', async (t) => {
    t.strictSame(await (await fetch(`${url}/v1/status?x=1`)).json(), { fine: true });
    t.equal(await (await fetch(`${url}/metrics`)).text(), 'up 1\n');
    t.equal((await fetch(`${url}/healthz`)).status, 200);
    t.equal(await (await fetch(`${url}/healthz`, { method: 'HEAD' })).text(), '');
  });
  t.test('that do not exist are 404', async (t) => {
    t.equal((await fetch(`${url}/v1/nothing`)).status, 404);
    t.equal((await fetch(`${url}/__proto__`)).status, 404);
  });
  t.test('by the wrong method are 405 with Allow', async (t) => {
    const get = await fetch(`${url}/v1/events`);
    t.equal(get.status, 405);
    t.equal(get.headers.get('allow'), 'POST');
    const post = await fetch(`${url}/healthz`, { method: 'POST', body: 'x'.repeat(100_000) });
    t.equal(post.status, 405);
    t.equal(post.headers.get('allow'), 'GET, HEAD');
  });
});

t.test('listening', async (t) => {
  t.test('is on both loopback addresses', async (t) => {
    const { server, notices } = await fixture(t);
    if (notices.length > 0) t.match(notices[0], /IPv4 only/);
    else t.equal((await fetch(`http://[::1]:${server.port}/healthz`)).status, 200);
  });

  t.test('on a port in use is a clear error', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    t.teardown(() => taken.close());
    const { port } = taken.address() as { port: number };
    await t.rejects(fixture(t, { port }), {
      name: 'ListenError',
      message: /cannot listen on 127\.0\.0\.1 port \d+: the port is in use/,
    });
  });

  t.test('on an address of another machine is a clear error', async (t) => {
    await t.rejects(fixture(t, { host: '192.0.2.1' }), {
      name: 'ListenError',
      message: /not an address of this machine/,
    });
  });
});

t.test('stopping answers what was asked, then accepts nothing more', async (t) => {
  let commit = (): void => {};
  const committed = new Promise<Accepted>((resolve) => {
    commit = () =>
      resolve({
        kind: 'accepted',
        accepted: 1,
        stream: 'x' as never,
        firstSeq: 1,
        lastSeq: 1,
        duplicates: [],
        conflicts: [],
      });
  });
  const agent = await fixture(t, { intake: { accept: () => committed } });
  const answer = agent.post(sale('a'));
  while (agent.uncommitted.oldest() === null) await new Promise(setImmediate);
  const stopped = agent.server.stop();
  await t.rejects(agent.post(sale('b')));
  commit();
  t.equal((await answer).headers.get('connection'), 'close');
  t.equal((await answer).status, 201);
  await stopped;
});

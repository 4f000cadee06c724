/** What one merchant, one address or a stranger may ask of the server at most. */
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import { Agent, request } from 'undici';
import { API_LIMITS } from '../../../collector/api/limits.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { newKey, openServer } from '../../support/region/api.ts';
import { freshMerchant } from '../../support/region/fresh.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';

const DAY = 'from=2011-03-27&to=2011-03-28';

/** A store whose scans of rollups wait while it is held. */
class HeldStore {
  readonly tables: Tables;
  underWay = 0;
  most = 0;
  made = 0;
  #held = Promise.resolve();
  release: () => void = () => undefined;

  constructor(tables: Tables) {
    this.tables = new HookedTables(tables, async ({ operation, table }, make) => {
      if (operation !== 'scan' || table !== 'rollups') return make();
      this.made++;
      this.most = Math.max(this.most, ++this.underWay);
      await this.#held;
      this.underWay--;
      return make();
    });
  }

  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    this.release = resolve;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise(setImmediate);
  }
}

interface Asker {
  readonly path: string;
  readonly key: string;
}

class Listening {
  readonly #agent = new Agent({ connections: 200, pipelining: 1 });
  readonly #server: FastifyInstance;
  readonly #tables: Tables;

  private constructor(server: FastifyInstance, tables: Tables) {
    this.#server = server;
    this.#tables = tables;
  }

  static async on(t: Test, tables: Tables, clock: () => number = () => 0): Promise<Listening> {
    const server = await openServer(tables, { now: () => 0, clock });
    await server.listen({ host: '127.0.0.1', port: 0 });
    const listening = new Listening(server, tables);
    t.teardown(async () => {
      await listening.#agent.destroy();
      server.server.closeAllConnections();
      await server.close();
    });
    return listening;
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  async asker(): Promise<Asker> {
    const merchant = freshMerchant();
    return { path: `/v1/merchants/${merchant}/metrics?${DAY}`, key: await newKey(this.#tables, merchant) };
  }

  async ask({ path, key }: { path: string; key?: string }) {
    const answer = await request(`http://127.0.0.1:${this.port}${path}`, {
      dispatcher: this.#agent,
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    });
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
  }

  connections(): Promise<number> {
    return new Promise((resolve) => this.#server.server.getConnections((_error, count) => resolve(count)));
  }

  async dial(t: Test): Promise<Socket> {
    const socket = connect(this.port, '127.0.0.1').setEncoding('latin1');
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  }
}

const written = ({ path, key }: Asker): string =>
  `GET ${path} HTTP/1.1\r\nHost: collector\r\nAuthorization: Bearer ${key}\r\n\r\n`;

export async function admissionContract(t: Test, tables: Tables): Promise<void> {
  await t.test('questions that are pipelined on one connection are answered one at a time', async (t) => {
    const store = new HeldStore(tables);
    const server = await Listening.on(t, store.tables);
    const socket = await server.dial(t);
    let heard = '';
    socket.on('data', (text) => {
      heard += text;
    });
    socket.write(written(await server.asker()).repeat(50));
    while ((heard.match(/HTTP\/1\.1 200/g) ?? []).length < 50) await once(socket, 'data');
    t.equal(store.most, 1);
  });

  await t.test('a large answer arrives whole, also to a client that pauses', async (t) => {
    const server = await Listening.on(t, tables);
    const { path, key } = await server.asker();
    const quarters = path.replace(DAY, 'interval=15m&from=2011-01-01&to=2011-04-01&metrics=sales.count');
    const { text, headers } = await server.ask({ path: quarters, key });
    t.equal(headers['transfer-encoding'], 'chunked', 'in pieces');
    const [series] = JSON.parse(text).series;
    t.equal(series.points.length, 90 * 96);
    t.match(series.points[0], { t: '2011-01-01T00:00:00+00:00', status: 'open', 'sales.count': 0 });
    const socket = await server.dial(t);
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk;
      socket.pause();
      setTimeout(() => socket.resume(), 1);
    });
    socket.write(written({ path: quarters, key }).replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    await once(socket, 'close');
    t.match(heard, /^HTTP\/1\.1 200 /);
    t.ok(heard.length > text.length);
    t.ok(heard.endsWith('0\r\n\r\n'));
  });

  await t.test('a dashboard that asks ten things at once is answered, two at a time', async (t) => {
    const store = new HeldStore(tables);
    const server = await Listening.on(t, store.tables);
    const asker = await server.asker();
    store.hold();
    const answers = Array.from({ length: 10 }, () => server.ask(asker));
    await store.until(() => store.underWay === API_LIMITS.answersPerMerchant.value);
    for (let at = 0; at < 20; at++) await server.ask({ path: '/livez' });
    store.release();
    for (const answer of answers) t.match(await answer, { status: 200 });
    t.equal(store.most, API_LIMITS.answersPerMerchant.value);
  });

  await t.test('a merchant who asks too much is told so; others and health go on', async (t) => {
    const store = new HeldStore(tables);
    const server = await Listening.on(t, store.tables);
    const [greedy, honest] = [await server.asker(), await server.asker()];
    store.hold();
    const most = API_LIMITS.answersPerMerchant.value + API_LIMITS.answersWaitingPerMerchant.value;
    let refused = 0;
    const answers = Array.from({ length: most + 10 }, async () => {
      const answer = await server.ask(greedy);
      if (answer.status === 429) refused++;
      return answer;
    });
    await store.until(() => refused === 10);
    t.match(await server.ask({ path: '/livez' }), { status: 200, text: 'ok\n' });
    t.match(await server.ask({ path: '/readyz' }), { status: 200 });
    const asked = server.ask(honest);
    await store.until(() => store.underWay === API_LIMITS.answersPerMerchant.value + 1);
    store.release();
    t.match(await asked, { status: 200 });
    const all = await Promise.all(answers);
    t.equal(all.filter(({ status }) => status === 200).length, most);
    t.match(
      all.find(({ status }) => status === 429),
      {
        headers: { 'retry-after': '2', 'content-type': 'application/problem+json' },
        text: /"title":"Too Many Requests","status":429,"detail":"[^"]*ask again in a few seconds/,
      },
    );
    const { text } = await server.ask({ path: '/metrics' });
    t.match(text, /tillstream_http_refused_total\{reason="answers-merchant"\} 10/);
  });

  await t.test('an answer that nobody waits for is not looked for any more', async (t) => {
    const store = new HeldStore(tables);
    const server = await Listening.on(t, store.tables);
    const [leaver, other] = [await server.asker(), await server.asker()];
    store.hold();
    const sockets = await Promise.all(Array.from({ length: 5 }, () => server.dial(t)));
    for (const socket of sockets) socket.write(written(leaver));
    await store.until(() => store.underWay === API_LIMITS.answersPerMerchant.value);
    for (const socket of sockets) socket.destroy();
    while ((await server.connections()) > 0) await new Promise(setImmediate);
    const begun = store.made;
    store.release();
    t.match(await server.ask(other), { status: 200 });
    t.match(await server.ask(leaver), { status: 200 }, 'its places are free again');
    t.equal(store.made, begun + 2, 'a scan for each of these, and none for those who left');
  });

  await t.test('wrong keys of one address cost the store little; right ones go on', async (t) => {
    let clock = 0;
    let looked = 0;
    const counting = new HookedTables(tables, ({ operation, table }, make) => {
      if (operation === 'get' && table === 'control') looked++;
      return make();
    });
    const server = await Listening.on(t, counting, () => clock);
    const known = await server.asker();
    t.match(await server.ask(known), { status: 200 });
    looked = 0;
    const burst = API_LIMITS.wrongKeysBurst.value;
    const statuses: number[] = [];
    for (let at = 0; at < burst + 40; at++) statuses.push((await server.ask({ ...known, key: `wrong-${at}` })).status);
    t.strictSame(statuses, [...Array(burst).fill(401), ...Array(40).fill(429)]);
    t.equal(looked, burst);
    clock += 20;
    t.match(await server.ask(known), { status: 200 }, 'remembered');
    clock += 10_000;
    for (let at = 0; at < burst; at++) await server.ask({ ...known, key: `wrong-${at}` });
    t.match(await server.ask(known), { status: 200 }, 'asked for again, though the address has no wrong key left');
    const { text } = await server.ask({ path: '/metrics' });
    t.match(text, /tillstream_http_refused_total\{reason="wrong-keys"\}/);
  });

  await t.test('metrics are rendered once a second, however often they are asked for', async (t) => {
    let clock = 0;
    const server = await openServer(tables, { now: () => 0, clock: () => clock });
    const livez = async (): Promise<number> => {
      const { body } = await server.inject('/metrics');
      return Number(/duration_seconds_count\{route="\/livez"[^}]*\} (\d+)/.exec(body)?.[1] ?? 0);
    };
    t.equal(await livez(), 0);
    await server.inject('/livez');
    clock += 999;
    t.equal(await livez(), 0, 'as it was rendered');
    clock += 1;
    t.equal(await livez(), 1);
    await server.close();
  });
}

/** Agents and a collector as processes, with TLS between them: MQTT directly and in WebSockets, tokens and client certificates. */
import { copyFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { CollectorProcess } from '../../../scripts/processes/collector.ts';
import { freePorts } from '../../../scripts/processes/ports.ts';
import { until } from '../../../scripts/processes/wait-until.ts';
import { startAgentProcess, writeConfig } from '../../support/agent/agent-process.ts';
import { CERTIFICATE, KEY } from '../../support/agent/certificates.ts';

const PEM = (name: string) => new URL(`../../support/tls/${name}.pem`, import.meta.url).pathname;
const START_MS = 30_000;
const RETRY = { reconnectMaxMs: 1_000 };

interface Shown {
  readonly buffer: { readonly pending: number; readonly acked: number };
  readonly connection: { readonly words: string };
}

/** @param folder of its own */
async function till(t: Test, folder: string, more: Record<string, unknown>) {
  const agent = await startAgentProcess(t, writeConfig(folder, { ship: RETRY, ...more }));
  const status = async () => (await (await fetch(`${agent.url}/v1/status`)).json()) as Shown;
  return {
    async sell(): Promise<number> {
      const body = JSON.stringify({ type: 'sale' });
      return (await fetch(`${agent.url}/v1/events`, { method: 'POST', body })).status;
    },
    stored: (count: number) =>
      until(async () => (await status()).buffer.acked === count, { what: `${count} stored`, deadlineMs: START_MS }),
    says: (words: RegExp) =>
      until(async () => words.test((await status()).connection.words), {
        what: `${words}`,
        deadlineMs: START_MS,
      }).catch(async (error: Error) => {
        throw new Error(`${error.message}; it says: ${(await status()).connection.words}`);
      }),
  };
}

async function region(t: Test, folder: string, certificate: string) {
  const [httpPort, mqttPort, port] = (await freePorts(3)) as [number, number, number];
  const tls = { key: join(folder, 'collector-key.pem'), cert: join(folder, 'collector.pem'), ca: PEM('ca') };
  const present = (name: string) => {
    copyFileSync(PEM(`${name}-key`), tls.key);
    copyFileSync(PEM(name), tls.cert);
  };
  present(certificate);
  const mqtt = { host: '127.0.0.1', port: mqttPort, tls, websocket: { port } };
  const collector = new CollectorProcess({ folder, httpPort, mqttPort, more: { mqtt } });
  await collector.init();
  const token = await collector.addTerminal('acme', 'till-1');
  await collector.start(START_MS);
  t.teardown(() => collector.child.stop(START_MS));
  return { collector, token, present, mqtts: `mqtts://127.0.0.1:${mqttPort}`, wss: `wss://127.0.0.1:${port}` };
}

t.test('a sale goes over TLS with a token, and in a WebSocket with a client certificate', async (t) => {
  const folder = t.testdir({ one: {}, other: {} });
  const { mqtts, wss, token } = await region(t, folder, 'collector');
  await t.test('mqtts and a token', async (t) => {
    const shop = await till(t, join(folder, 'one'), { collector: { urls: [mqtts], token, tls: { ca: PEM('ca') } } });
    t.equal(await shop.sell(), 201);
    await shop.stored(1);
  });
  await t.test('wss and a certificate', async (t) => {
    const tls = { ca: PEM('ca'), cert: PEM('till'), key: PEM('till-key') };
    const shop = await till(t, join(folder, 'other'), { collector: { urls: [wss], tls } });
    t.equal(await shop.sell(), 201);
    await shop.stored(1);
  });
});

t.test(
  'a certificate for another till, or one that ended, stops shipping only; a new file is taken without a restart',
  async (t) => {
    const folder = t.testdir({ till: {} });
    const { wss } = await region(t, folder, 'collector');
    const tls = { ca: PEM('ca'), cert: join(folder, 'till.pem'), key: join(folder, 'till-key.pem') };
    const hold = (name: string) => {
      copyFileSync(PEM(`${name}-key`), tls.key);
      copyFileSync(PEM(name), tls.cert);
    };
    hold('stranger');
    const shop = await till(t, join(folder, 'till'), { collector: { urls: [wss], tls } });
    await shop.says(
      /the collector refuses the till's certificate \(collector\.tls\.cert: URI:tillstream:acme\/till-2\)/,
    );
    t.equal(await shop.sell(), 201);
    hold('expired-till');
    await shop.says(/TLS: certificate expired: .*expired on 2020-02-01/);
    t.equal(await shop.sell(), 201);
    hold('till');
    await shop.stored(2);
  },
);

t.test(
  "an ended certificate of the collector's stops shipping only, until the collector shows a good one",
  async (t) => {
    const folder = t.testdir({ till: {} });
    const { collector, mqtts, token, present } = await region(t, folder, 'expired-collector');
    const shop = await till(t, join(folder, 'till'), { collector: { urls: [mqtts], token, tls: { ca: PEM('ca') } } });
    await shop.says(/TLS: certificate expired/);
    t.equal(await shop.sell(), 201);
    await collector.child.stop(START_MS);
    present('collector');
    await collector.start(START_MS);
    await shop.stored(1);
  },
);

t.test(
  'a web server where the collector should be, and files that are no certificates, are told in words',
  async (t) => {
    const server = createServer({ key: KEY, cert: CERTIFICATE }, (_request, response) => response.writeHead(404).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => server.close());
    const { port } = server.address() as AddressInfo;
    const folder = t.testdir({ 'ca.pem': CERTIFICATE });
    const urls = [`wss://127.0.0.1:${port}`];
    const web = await till(t, folder, { collector: { urls, token: 'secret', tls: { ca: join(folder, 'ca.pem') } } });
    await web.says(/a web server answers there \(HTTP 404\), not the collector/);
    t.equal(await web.sell(), 201);
  },
);

t.test('TLS files that are none or gone are told in words', async (t) => {
  const folder = t.testdir({ 'none.pem': 'nothing', one: {}, other: {} });
  const [none, gone] = [join(folder, 'none.pem'), join(folder, 'gone.pem')];
  const urls = ['mqtts://127.0.0.1:1'];
  const broken = await till(t, join(folder, 'one'), { collector: { urls, tls: { cert: none, key: none } } });
  await broken.says(/no PEM|not PEM|PEM/);
  const absent = await till(t, join(folder, 'other'), { collector: { urls, tls: { cert: gone, key: gone } } });
  await absent.says(/gone\.pem: collector\.tls\.cert cannot be read/);
  t.equal(await absent.sell(), 201);
});

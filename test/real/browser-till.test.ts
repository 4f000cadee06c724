/** A till whose software is a web page of another origin, in Chromium, beside a real agent; and pages that are no tills. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { freePorts } from '../../scripts/processes/ports.ts';
import { until } from '../../scripts/processes/wait-until.ts';
import { type AgentProcess, startAgentProcess, writeConfig } from '../support/agent/agent-process.ts';
import { missingBrowser, startBrowser } from '../support/real/chromium.ts';
import { testDir } from '../support/system/test-dir.ts';

const TILL = 'https://till.example';
const TLS = new URL('../support/tls/', import.meta.url);

/** Serves an empty page under every name. */
async function pages(): Promise<{ server: Server; port: number }> {
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => readFileSync(new URL(name, TLS)));
  const server = createServer({ key, cert }, (_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>till</title>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

/** What a page's script gets for a post. */
type Got = { readonly status: number; readonly body: string } | { readonly error: string };

function postFrom(page: Page, url: string, init: Record<string, unknown> = {}): Promise<Got> {
  const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"type":"sale"}', ...init };
  return page.evaluate(
    async ([url, request]) => {
      try {
        const answer = await fetch(url as string, request as RequestInit);
        return { status: answer.status, body: await answer.text() };
      } catch (error) {
        return { error: String(error) };
      }
    },
    [url, request] as const,
  );
}

const accepted = async ({ url }: AgentProcess, headers = {}): Promise<number> => {
  const metrics = await (await fetch(`${url}/metrics`, { headers })).text();
  return Number(/events_accepted(?:_total)? ([0-9]+)/.exec(metrics)![1]);
};

async function open(t: Test, browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  t.teardown(() => context.close());
  await context.grantPermissions(['local-network-access']).catch(() => {});
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

if (missingBrowser) t.test('a till in Chromium', { skip: missingBrowser }, async () => {});
else {
  const { server, port } = await pages();
  const [agentPort] = (await freePorts(1)) as [number];
  const rules = [
    ...['till.example', 'evil.example'].map((name) => `MAP ${name}:443 127.0.0.1:${port}`),
    'MAP rebind.example 127.0.0.1',
    'MAP till-1.shop.lan 127.0.0.1',
  ].join(',');
  const resolver = `--host-resolver-rules=${rules}`;
  const browser = await startBrowser([resolver]);
  /** Its pages come from the internet, so that a request to this machine crosses into a private network. */
  const outside = await startBrowser([resolver, `--ip-address-space-overrides=127.0.0.1:${port}=public`]);
  t.teardown(async () => {
    await Promise.all([browser.close(), outside.close()]);
    server.close();
  });
  const start = (t: Test, ingest: Record<string, unknown>) =>
    startAgentProcess(t, writeConfig(testDir(t), { ingest: { port: agentPort, ...ingest } }));

  t.test('a page of an allowed origin posts, after a preflight, and reads the answer', async (t) => {
    const agent = await start(t, { allowedOrigins: [TILL] });
    for (const [where, from] of [
      ['of this machine', browser],
      ['of the internet', outside],
    ] as const) {
      const before = await accepted(agent);
      const page = await open(t, from, TILL);
      t.match(await postFrom(page, `${agent.url}/v1/events`), { status: 201, body: /"accepted":1/ }, where);
      t.match(
        await postFrom(page, `${agent.url}/v1/events`, { body: '{"type":"Sale"}' }),
        { status: 400, body: /type/ },
        where,
      );
      t.equal(await accepted(agent), before + 1);
      t.match(await postFrom(page, `${agent.url}/v1/events`, { credentials: 'include' }), { status: 201 }, where);
      const isQueued = await page.evaluate((url) => {
        const { navigator } = globalThis as unknown as { navigator: { sendBeacon(url: string, body: Blob): boolean } };
        return navigator.sendBeacon(url, new Blob(['{"type":"sale"}'], { type: 'application/json' }));
      }, `${agent.url}/v1/events`);
      t.ok(isQueued);
      const arrived = async () => (await accepted(agent)) === before + 3;
      await until(arrived, { what: 'the beacon', deadlineMs: 30_000 });
    }
  });

  t.test('with a token, which the preflight does not bear', async (t) => {
    writeFileSync(join(testDir(t), 'token'), 'secret');
    const agent = await start(t, { allowedOrigins: [TILL], tokenFile: join(testDir(t), 'token') });
    const page = await open(t, browser, TILL);
    const headers = { 'content-type': 'application/json', authorization: 'Bearer secret' };
    t.match(await postFrom(page, `${agent.url}/v1/events`, { headers }), { status: 201 });
    t.match(await postFrom(page, `${agent.url}/v1/events`), { status: 401 });
  });

  t.test('over the LAN, by a name that is allowed', async (t) => {
    writeFileSync(join(testDir(t), 'token'), 'secret');
    const lan = { host: '0.0.0.0', tokenFile: join(testDir(t), 'token'), allowedHosts: ['till-1.shop.lan'] };
    const agent = await start(t, { ...lan, allowedOrigins: [`http://till-1.shop.lan:${agentPort}`] });
    const page = await open(t, browser, `http://till-1.shop.lan:${agentPort}/healthz`);
    const headers = { 'content-type': 'application/json', authorization: 'Bearer secret' };
    t.match(await postFrom(page, '/v1/events', { headers }), { status: 201 });
    t.equal(await accepted(agent, headers), 1);
  });

  t.test('a page of another origin gets nothing stored, and reads nothing', async (t) => {
    const agent = await start(t, { allowedOrigins: [TILL] });
    for (const from of [browser, outside]) {
      const page = await open(t, from, 'https://evil.example');
      for (const init of [
        {},
        { headers: {} },
        { headers: {}, mode: 'no-cors' },
        { headers: {}, credentials: 'include' },
      ])
        t.match(
          await postFrom(page, `${agent.url}/v1/events`, init),
          'mode' in init ? { status: 0 } : { error: /Failed to fetch/ },
          JSON.stringify(init),
        );
      t.match(await postFrom(page, `${agent.url}/v1/status`, { method: 'GET', headers: {}, body: undefined }), {
        error: /./,
      });
    }
    t.equal(await accepted(agent), 0);
  });

  t.test('a name that was rebound to this machine is refused, with and without tills of the LAN', async (t) => {
    writeFileSync(join(testDir(t), 'token'), 'secret');
    const lan = { host: '0.0.0.0', tokenFile: join(testDir(t), 'token'), allowedHosts: ['till-1.shop.lan'] };
    for (const ingest of [{}, { allowedOrigins: [TILL] }, lan]) {
      const agent = await start(t, ingest);
      const context = await browser.newContext();
      const page = await context.newPage();
      const shown = await page.goto(`http://rebind.example:${agentPort}/`);
      t.equal(shown!.status(), 403, JSON.stringify(ingest));
      t.match(await postFrom(page, '/v1/events'), { status: 403 });
      t.match(await postFrom(page, '/v1/status', { method: 'GET', body: undefined }), { status: 403 });
      await context.close();
      t.equal(await accepted(agent, { authorization: 'Bearer secret' }), 0);
      agent.child.kill('SIGTERM');
      await agent.ended;
    }
  });
}

/** Tablets on the LAN and tills in a browser can post; whoever is not named can not. */
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import t from 'tap';
import { freePorts } from '../../../scripts/processes/ports.ts';
import { until } from '../../../scripts/processes/wait-until.ts';
import { type AgentProcess, runAgent, startAgentProcess, writeConfig } from '../../support/agent/agent-process.ts';
import { testDir } from '../../support/system/test-dir.ts';

t.setTimeout(120_000);

const SALE = JSON.stringify({ type: 'sale' });
const TILL = 'https://till.example';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** As `fetch`, which cannot set Host. */
async function ask(
  { port }: AgentProcess,
  headers: Readonly<Record<string, string>>,
  { method = 'POST', path = '/v1/events' } = {},
): Promise<Answer> {
  const sent = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false });
  sent.end(method === 'POST' ? SALE : undefined);
  const [answer] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
  let body = '';
  for await (const chunk of answer) body += chunk;
  return { status: answer.statusCode!, headers: answer.headers, body };
}

t.test('an agent that others reach does not start without a token, and says so', async (t) => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1']) {
    const config = writeConfig(testDir(t), { ingest: { host, port: 0 } });
    t.match(await runAgent('run', '--config', config), {
      status: 2,
      stderr: /\/ingest\/host lets everybody on the network post sales: give ingest\.tokenFile, or set/,
    });
  }
  const tokenFile = join(testDir(t), 'missing');
  const config = writeConfig(testDir(t), { ingest: { host: '0.0.0.0', port: 0, tokenFile } });
  t.match(await runAgent('run', '--config', config), {
    status: 2,
    stderr: /missing: the token file \(ingest\.tokenFile\)/,
  });
  writeFileSync(tokenFile, ' \n');
  t.match(await runAgent('run', '--config', config), { status: 2, stderr: /\(ingest\.tokenFile\) is empty/ });
});

t.test('a tablet posts with the token, under a name that is allowed', async (t) => {
  const [port] = (await freePorts(1)) as [number];
  const tokenFile = join(testDir(t), 'token');
  writeFileSync(tokenFile, 'tablet-token\n');
  const ingest = { host: '0.0.0.0', port, tokenFile, allowedHosts: ['till-1.shop.lan'] };
  const config = writeConfig(testDir(t), { ingest });
  const agent = await startAgentProcess(t, config);
  const authorization = 'Bearer tablet-token';
  const host = `till-1.shop.lan:${port}`;
  t.match(await ask(agent, { host, authorization }), { status: 201 });
  t.match(await ask(agent, { host: `127.0.0.1:${port}`, authorization }), { status: 201 });
  t.match(await ask(agent, { host }), {
    status: 401,
    body: /Bearer TOKEN/,
    headers: { 'www-authenticate': /^Bearer/ },
  });
  t.match(await ask(agent, { host, authorization: 'Bearer wrong' }), { status: 401, body: /not that of/ });
  for (const rebound of ['evil.example', `evil.example:${port}`, 'till-1.shop.lan.evil.example'])
    t.match(await ask(agent, { host: rebound, authorization }), { status: 403, body: /allowedHosts/ }, rebound);
  t.match(await ask(agent, { host, authorization, origin: TILL }), { status: 403, body: /Origin/ });
  for (const path of ['/v1/status', '/metrics', '/', '/v1/inspect', '/nothing'])
    t.match(await ask(agent, { host }, { method: 'GET', path }), { status: 401 }, `${path} needs it too`);
  t.match(await ask(agent, { host }, { method: 'GET', path: '/healthz' }), { status: 200 });
  t.match(await runAgent('status', '--config', config, '--json'), { stdout: /"agent":\{/ }, 'support has the token');

  rmSync(tokenFile);
  t.match(await ask(agent, { host, authorization }), { status: 201 }, 'a token that is gone still counts');
  writeFileSync(tokenFile, 'another-token');
  const renewed = async () => (await ask(agent, { host, authorization: 'Bearer another-token' })).status === 201;
  await until(renewed, { what: 'the replaced token', deadlineMs: 30_000 });
  t.match(await ask(agent, { host, authorization }), { status: 401 });
  t.notMatch(agent.log(), /tablet-token|another-token/);
});

t.test('a network that is trusted does without, and the log says so', async (t) => {
  const ingest = { host: '0.0.0.0', port: 0, allowUnauthenticated: true, allowedHosts: ['till'] };
  const agent = await startAgentProcess(t, writeConfig(testDir(t), { ingest }));
  t.match(await ask(agent, { host: 'till' }), { status: 201 });
  t.match(await ask(agent, { host: 'evil.example' }), { status: 403 });
  t.match(agent.log(), /everybody who reaches 0\.0\.0\.0 can post sales/);
});

t.test('a till in a browser posts from an origin that is allowed, and reads the answer', async (t) => {
  const agent = await startAgentProcess(t, writeConfig(testDir(t), { ingest: { port: 0, allowedOrigins: [TILL] } }));
  const host = `localhost:${agent.port}`;
  const preflight = {
    ...{ host, origin: TILL, 'access-control-request-method': 'POST' },
    'access-control-request-headers': 'authorization,content-type',
  };
  t.match(await ask(agent, preflight, { method: 'OPTIONS' }), {
    status: 204,
    headers: {
      'access-control-allow-origin': TILL,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'authorization,content-type',
      'access-control-max-age': /^[0-9]+$/,
      vary: 'Origin',
    },
  });
  const asking = { ...preflight, 'access-control-request-private-network': 'true' };
  t.match(await ask(agent, asking, { method: 'OPTIONS' }), {
    headers: { 'access-control-allow-private-network': 'true' },
  });
  const readable = {
    headers: { 'access-control-allow-origin': TILL, 'access-control-allow-credentials': 'true', vary: 'Origin' },
  };
  t.match(await ask(agent, { host, origin: TILL }), { status: 201, ...readable });
  t.match(
    await ask(agent, { host, origin: TILL, 'content-encoding': 'gzip' }),
    { status: 415, ...readable },
    'errors too',
  );
  t.match(await ask(agent, { host, origin: TILL }, { method: 'GET', path: '/v1/status' }), {
    status: 200,
    ...readable,
  });
  for (const path of ['/', '/v1/inspect', '/metrics'])
    t.match(
      await ask(agent, { host, origin: TILL }, { method: 'GET', path }),
      { status: 403 },
      `${path} is not for pages`,
    );

  for (const origin of [
    'https://evil.example',
    'http://till.example',
    `${TILL}:8443`,
    'null',
    `${TILL}.evil.example`,
  ]) {
    const refused = await ask(agent, { ...preflight, origin }, { method: 'OPTIONS' });
    t.match(refused, { status: 403 }, origin);
    t.notOk('access-control-allow-origin' in refused.headers, `${origin} reads nothing`);
    t.match(await ask(agent, { host, origin }), { status: 403 }, origin);
  }
  t.match(
    await ask(agent, { host: 'evil.example', origin: TILL }),
    { status: 403, body: /Host/ },
    'the name counts too',
  );
  t.match(
    await ask(agent, { host }, { method: 'OPTIONS' }),
    { status: 204, headers: { allow: 'POST' } },
    'no preflight',
  );
});

t.test('a preflight bears no token, the post does', async (t) => {
  const tokenFile = join(testDir(t), 'token');
  writeFileSync(tokenFile, 'secret');
  const ingest = { port: 0, tokenFile, allowedOrigins: [TILL] };
  const agent = await startAgentProcess(t, writeConfig(testDir(t), { ingest }));
  const host = `127.0.0.1:${agent.port}`;
  const preflight = { host, origin: TILL, 'access-control-request-method': 'POST' };
  t.match(await ask(agent, preflight, { method: 'OPTIONS' }), { status: 204 });
  t.match(await ask(agent, { host, origin: TILL }), { status: 401, headers: { 'access-control-allow-origin': TILL } });
  t.match(await ask(agent, { host, origin: TILL, authorization: 'Bearer secret' }), { status: 201 });
  t.match(await ask(agent, { host }, { method: 'OPTIONS' }), { status: 401 }, 'what is no preflight needs it');
});

/** Agents that reach their collector only through a forward proxy: tinyproxy, as Debian has it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { CollectorProcess } from '../../scripts/processes/collector.ts';
import { freePorts } from '../../scripts/processes/ports.ts';
import { until } from '../../scripts/processes/wait-until.ts';
import { startAgentProcess, writeConfig } from '../support/agent/agent-process.ts';

const PROGRAM = '/usr/bin/tinyproxy';
const PEM = (name: string) => new URL(`../support/tls/${name}.pem`, import.meta.url).pathname;
const START_MS = 30_000;
const missing = existsSync(PROGRAM) ? false : 'tinyproxy is not installed';

interface Shown {
  readonly buffer: { readonly acked: number };
  readonly connection: { readonly words: string };
}

/** @param more lines of its configuration */
async function tinyproxy(t: Test, folder: string, more: string[]): Promise<{ port: number; log: () => string }> {
  const [port] = (await freePorts(1)) as [number];
  const log = join(folder, 'proxy.log');
  const lines = [`Port ${port}`, 'Listen 127.0.0.1', 'Allow 127.0.0.1', 'MaxClients 20', `LogFile "${log}"`];
  writeFileSync(join(folder, 'proxy.conf'), [...lines, 'LogLevel Connect', ...more, ''].join('\n'));
  const child: ChildProcess = spawn(PROGRAM, ['-d', '-c', join(folder, 'proxy.conf')], { stdio: 'ignore' });
  t.teardown(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  const read = () => (existsSync(log) ? readFileSync(log, 'utf8') : '');
  await until(() => listens(port), { what: 'the proxy', deadlineMs: START_MS });
  return { port, log: read };
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false)).on('connect', () => socket.destroy());
  });

async function collector(t: Test, folder: string) {
  const [httpPort, mqttPort, port] = (await freePorts(3)) as [number, number, number];
  const tls = { key: PEM('collector-key'), cert: PEM('collector'), ca: PEM('ca') };
  const mqtt = { host: '127.0.0.1', port: mqttPort, tls, websocket: { port } };
  const collector = new CollectorProcess({ folder, httpPort, mqttPort, more: { mqtt } });
  await collector.init();
  const token = await collector.addTerminal('acme', 'till-1');
  await collector.start(START_MS);
  t.teardown(() => collector.child.stop(START_MS));
  return { token, port, wss: `wss://127.0.0.1:${port}` };
}

async function till(t: Test, folder: string, more: object) {
  const agent = await startAgentProcess(t, writeConfig(folder, { ship: { reconnectMaxMs: 1_000 }, collector: more }));
  const status = async () => (await (await fetch(`${agent.url}/v1/status`)).json()) as Shown;
  const holds = (what: string, test: (shown: Shown) => boolean) =>
    until(async () => test(await status()), { what, deadlineMs: START_MS });
  return {
    sell: async () => (await fetch(`${agent.url}/v1/events`, { method: 'POST', body: '{"type":"sale"}' })).status,
    stored: (count: number) => holds(`${count} stored`, ({ buffer }) => buffer.acked === count),
    says: (words: RegExp) => holds(`${words}`, ({ connection }) => words.test(connection.words)),
  };
}

t.test('sales go through a proxy, and through one that wants a password', { skip: missing }, async (t) => {
  const folder = t.testdir({ open: {}, closed: {}, proxy: {}, other: {} });
  const { token, port, wss } = await collector(t, folder);
  const reached = { urls: [wss], token, tls: { ca: PEM('ca') } };
  const open = await tinyproxy(t, join(folder, 'proxy'), [`ConnectPort ${port}`]);
  const shop = await till(t, join(folder, 'open'), { ...reached, proxy: `http://127.0.0.1:${open.port}` });
  t.equal(await shop.sell(), 201);
  await shop.stored(1);
  t.match(open.log(), new RegExp(`CONNECT 127\\.0\\.0\\.1:${port} HTTP/1\\.1`), 'it went through the proxy');
  const closed = await tinyproxy(t, join(folder, 'other'), [`ConnectPort ${port}`, 'BasicAuth till secret']);
  const guest = await till(t, join(folder, 'closed'), {
    ...reached,
    proxy: `http://till:secret@127.0.0.1:${closed.port}`,
  });
  t.equal(await guest.sell(), 201);
  await guest.stored(1);
});

t.test('what the proxy refuses is told, and sales go on', { skip: missing }, async (t) => {
  const folder = t.testdir({ one: {}, two: {}, proxy: {}, other: {} });
  const reached = { urls: ['wss://127.0.0.1:9'], token: 'x', tls: { ca: PEM('ca') } };
  const strict = await tinyproxy(t, join(folder, 'proxy'), ['ConnectPort 443']);
  const shop = await till(t, join(folder, 'one'), { ...reached, proxy: `http://127.0.0.1:${strict.port}` });
  await shop.says(/the proxy does not allow a connection to the collector/);
  t.equal(await shop.sell(), 201);
  const closed = await tinyproxy(t, join(folder, 'other'), ['BasicAuth till secret']);
  const guest = await till(t, join(folder, 'two'), { ...reached, proxy: `http://127.0.0.1:${closed.port}` });
  await guest.says(/the proxy wants a user name and password/);
});

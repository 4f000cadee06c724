/** A whole collector within this process, on a SQLite store that can be switched off. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type OpenTables, ROLES, type Role, storesOn } from '../../../collector/app/context.ts';
import type { CollectorConfig } from '../../../collector/config/collector-config.ts';
import { parseConfig } from '../../../collector/config/collector-config.ts';
import { openTables, startCollector } from '../../../collector/main.ts';
import { StoreUnavailable } from '../../../collector/store/tables.ts';
import { merchantId, terminalId } from '../../../shared/ids.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { batchOf, HOUR } from '../../support/collector/batches.ts';
import { MqttTill } from '../../support/collector/mqtt-till.ts';
import { SwitchableTables } from '../../support/collector/switchable-tables.ts';
import { testDir } from '../../support/system/test-dir.ts';

const TOKEN = 'token';
const KEY = 'key';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

function configOf(t: Test, more: Record<string, unknown> = {}): CollectorConfig {
  const path = join(testDir(t), 'store.db');
  const free = { host: '127.0.0.1', port: 0 };
  const parsed = parseConfig({ store: { kind: 'sqlite', path }, mqtt: free, http: free, ...more });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.config;
}

/** A store with a terminal and a key, which refuses to be opened until it is there. */
async function storeOf(config: CollectorConfig, { there = true } = {}) {
  const tables = new SwitchableTables(await openTables(config.store));
  await tables.init();
  const { terminals, control } = storesOn(tables);
  const names = { merchant: merchantId('acme'), terminal: terminalId('till-1') };
  const tokens = [{ hash: sha256(TOKEN), expiresAt: null }];
  await terminals.register({ ...names, store: null, state: 'active', tokens, createdAt: 0 }, null);
  await control.addApiKey({ merchant: names.merchant, hash: sha256(KEY), createdAt: 0, revokedAt: null });
  const state = { there, attempts: 0 };
  const open: OpenTables = async () => {
    state.attempts++;
    if (!state.there) throw new StoreUnavailable('not there yet');
    return tables;
  };
  return { tables, state, open };
}

const NOW = HOUR * HOUR_MS + 1_800_000;

async function standing(t: Test, options: { there?: boolean; roles?: Role[]; now?: () => number } = {}) {
  const config = configOf(t);
  const store = await storeOf(config, options);
  const { now = () => NOW, roles = [...ROLES] } = options;
  const collector = await startCollector(config, {
    openTables: store.open,
    now,
    roles: new Set(roles),
    random: () => 0,
  });
  t.teardown(async () => {
    store.tables.turn('on');
    await collector.stop();
    await store.tables.close();
  });
  const url = `http://127.0.0.1:${collector.httpPort}`;
  return {
    ...store,
    collector,
    get: (path: string) => fetch(url + path, { headers: { authorization: `Bearer ${KEY}` } }),
    till: () => MqttTill.connect({ port: collector.mqttPort!, merchant: 'acme', terminal: 'till-1', token: TOKEN }),
  };
}

const FIGURES = '/v1/merchants/acme/metrics?metrics=sales.count,sales.amount&interval=total';
const totals = async (response: Response) => {
  const { series } = (await response.json()) as { series: { points: Record<string, unknown>[] }[] };
  return series.map(({ points }) => [points[0]!['sales.count'], points[0]!['sales.amount']]);
};
const hourRange = `&from=${new Date(HOUR * HOUR_MS).toISOString()}&to=${new Date((HOUR + 1) * HOUR_MS).toISOString()}`;

t.test('a batch that was acked is in the merchant’s figures', async (t) => {
  const { collector, till, get } = await standing(t);
  await collector.ready;
  await using acme = await till();
  acme.send(batchOf(1, 3).bytes);
  await acme.until(() => acme.acks.length === 1);
  const response = await get(FIGURES + hourRange);
  t.equal(response.status, 200);
  t.same(await totals(response), [[3, 1 + 4 + 9]]);
});

t.test('it starts without its store, says so, and comes up by itself', async (t) => {
  const { collector, till, get, state } = await standing(t, { there: false });
  t.equal((await get('/livez')).status, 200);
  const unready = await get('/readyz');
  t.equal(unready.status, 503);
  t.match(await unready.text(), /store/);
  t.equal((await get(FIGURES + hourRange)).status, 503);
  await t.rejects(till(), { code: 3 });
  state.there = true;
  await collector.ready;
  t.ok(state.attempts > 1);
  t.equal((await get('/readyz')).status, 200);
  await using acme = await till();
  t.ok(acme.client.connected);
});

t.test('while its store is away tills stay connected and are asked to wait; then everything resumes', async (t) => {
  const { collector, till, tables } = await standing(t);
  await collector.ready;
  await using acme = await till();
  tables.turn('refuses');
  acme.send(batchOf(1, 3).bytes);
  await acme.until(() => acme.acks.length === 1);
  tables.turn('on');
  acme.send(batchOf(1, 3).bytes);
  await acme.until(() => acme.acks.length === 2);
  t.match(acme.acks, [{ result: 'busy', retryAfterMs: Number }, { result: 'stored' }]);
});

t.test('what is due when it starts is rolled up', async (t) => {
  let now = NOW;
  // One that rolls up too would do it first where a minute ends just then.
  const first = await standing(t, { now: () => now, roles: ['ingest'] });
  await first.collector.ready;
  await using acme = await first.till();
  acme.send(batchOf(1, 3).bytes);
  await acme.until(() => acme.acks.length === 1);
  await acme[Symbol.asyncDispose]();
  now = (HOUR + 2) * HOUR_MS;
  const again = await startCollector(configOf(t), {
    openTables: async () => first.tables,
    roles: new Set<Role>(['rollup']),
    now: () => now,
  });
  t.teardown(() => again.stop());
  const published = async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${again.httpPort}/metrics`)).text();
    return /tillstream_rollup_published_total{level="hour",region="local"} 1\n/.test(metrics);
  };
  while (!(await published()));
  t.pass();
});

t.test('each role does its own part, and all answer for their health', async (t) => {
  const ingest = await standing(t, { roles: ['ingest'] });
  await ingest.collector.ready;
  t.equal((await ingest.get('/readyz')).status, 200);
  t.equal((await ingest.get(FIGURES + hourRange)).status, 404);
  const api = await startCollector(configOf(t), {
    openTables: async () => ingest.tables,
    roles: new Set<Role>(['api']),
  });
  t.equal(api.mqttPort, null);
  await api.ready;
  const headers = { authorization: `Bearer ${KEY}` };
  t.equal((await fetch(`http://127.0.0.1:${api.httpPort}${FIGURES}${hourRange}`, { headers })).status, 200);
  await api.stop();
});

t.test('a store with other dimensions is refused with an explanation', async (t) => {
  const first = await standing(t);
  await first.collector.ready;
  const other = await startCollector(configOf(t, { dimensions: ['zone'] }), { openTables: async () => first.tables });
  await t.rejects(other.ready, { name: 'ConfigError', message: /configured are \[zone\].*cashier, category, method/ });
  t.equal((await fetch(`http://127.0.0.1:${other.httpPort}/readyz`)).status, 503);
  await other.stop();
});

t.test('a port in use is reported with its key, and nothing stays behind', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const { port } = taken.address() as { port: number };
  for (const [listener, other] of [
    ['mqtt', 'http'],
    ['http', 'mqtt'],
  ] as const) {
    const config = configOf(t, { [listener]: { port }, [other]: { port: 0 } });
    const says = new RegExp(`port ${port} is in use: .* \\(${listener}.host 127.0.0.1, ${listener}.port ${port}\\)`);
    await t.rejects(startCollector(config), { name: 'ListenError', message: says });
  }
});

t.test('a stop turns unready, answers what was taken, and closes in order', async (t) => {
  const { collector, till, tables, get } = await standing(t);
  await collector.ready;
  await using acme = await till();
  tables.turn('silent', 'events');
  acme.send(batchOf(1, 3).bytes);
  while (tables.puts.get('events') === undefined) await new Promise((resolve) => setImmediate(resolve));
  const stopped = collector.stop();
  const response = await get('/readyz');
  t.equal(response.status, 503);
  t.equal(await response.text(), 'stopping\n');
  await t.rejects(till(), 'no new connections');
  tables.turn('on');
  await stopped;
  await acme.untilClosed();
  t.match(acme.acks, [{ result: 'stored' }]);
  await t.rejects(get('/livez'));
});

t.test('a stop before the store was there ends at once', async (t) => {
  const { collector } = await standing(t, { there: false });
  await collector.stop();
  await t.resolves(collector.ready);
});

t.test('counters are there for who watches', async (t) => {
  const { collector, till, get } = await standing(t);
  await collector.ready;
  await using acme = await till();
  acme.send(batchOf(1, 3).bytes);
  acme.send(Buffer.from('what is this'));
  await acme.until(() => acme.acks.length === 2);
  const metrics = await (await get('/metrics')).text();
  const lines = [
    'tillstream_mqtt_connections{region="local"} 1',
    'tillstream_mqtt_connects_total{outcome="accepted",region="local"} 1',
    'tillstream_mqtt_messages_total{channel="batch",region="local"} 2',
    'tillstream_ingest_batches_total{result="stored",region="local"} 1',
    'tillstream_ingest_batches_total{result="damaged",region="local"} 1',
    'tillstream_ingest_events_stored_total{region="local"} 3',
    'tillstream_ingest_marks_total{mark="made",region="local"} 1',
  ];
  for (const line of lines) t.ok(metrics.includes(`${line}\n`), line);
});

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { API_LIMITS } from '../../../../collector/api/limits.ts';
import { parseConfig } from '../../../../collector/config/collector-config.ts';
import { warningsOf } from '../../../../collector/config/config-warnings.ts';
import { loadConfig } from '../../../../collector/config/load-config.ts';
import { INGEST_LIMITS } from '../../../../collector/ingest/limits.ts';
import { ConfigError } from '../../../../shared/config/parse-config.ts';

const SQLITE = { kind: 'sqlite', path: 'store.db' };

const configOf = (input: unknown) => {
  const parsed = parseConfig(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.config;
};

/** `pointer detail` of each fault. */
const faultsOf = (input: unknown): string[] => {
  const parsed = parseConfig(input);
  return parsed.ok ? [] : parsed.faults.map(({ pointer, detail }) => `${pointer} ${detail}`);
};

t.test('a store is enough; everything else has its default', async (t) => {
  t.same(configOf({ store: SQLITE }), {
    region: 'local',
    store: SQLITE,
    mqtt: {
      ...{ host: '127.0.0.1', port: 1883, maxConnections: 20_000, tls: null, websocket: null },
      ...{ merchantShare: 0.25, loadBalancers: [], allowPlaintext: false },
    },
    http: { host: '127.0.0.1', port: 8080, maxConnections: 1_000, trustedProxies: [] },
    ingest: { quotas: { bytesPerDay: 2_147_483_648, eventsPerDay: 20_000_000 } },
    rollup: { cron: '* * * * *', graceSeconds: 120, sweepHour: 3 },
    dimensions: ['cashier', 'category', 'method'],
    log: { level: 'info' },
  });
});

t.test('defaults that bound something are among the limits', async (t) => {
  t.equal(configOf({ store: SQLITE }).http.maxConnections, API_LIMITS.httpConnections.value);
});

t.test('the example is valid, and shows the defaults', async (t) => {
  const example = parse(readFileSync(new URL('../../../../config/collector.yaml', import.meta.url), 'utf8'));
  t.same(configOf(example), configOf({ store: example.store }));
});

t.test('HBase has defaults of its own', async (t) => {
  t.same(configOf({ store: { kind: 'hbase', port: 9_999 } }).store, {
    kind: 'hbase',
    host: '127.0.0.1',
    port: 9_999,
    connections: 4,
    namespace: 'tillstream',
  });
});

t.test('what is given stands, and nothing of it can be changed later', async (t) => {
  const config = configOf({
    region: 'eu-1',
    store: SQLITE,
    mqtt: { host: '0.0.0.0', port: 0, tls: { key: 'k.pem', cert: 'c.pem' } },
    rollup: { cron: '*/5 * * * * *', graceSeconds: 0 },
    dimensions: ['zone', 'brand'],
    log: { level: 'debug' },
  });
  t.match(config, { region: 'eu-1', mqtt: { host: '0.0.0.0', port: 0, tls: { key: 'k.pem', cert: 'c.pem' } } });
  t.match(config, { rollup: { cron: '*/5 * * * * *', graceSeconds: 0 }, dimensions: ['brand', 'zone'] });
  t.throws(() => Object.assign(config.mqtt, { port: 1 }), TypeError);
});

t.test('each fault names its field and says what to do', async (t) => {
  const cases: [unknown, RegExp][] = [
    [null, /^ is not a map of keys: see config\/collector.yaml/],
    [[], /^ is not a map/],
    [{}, /^\/store is missing: give \{kind: sqlite, path: FILE\} or/],
    [{ store: 'x' }, /^\/store is not a store: give/],
    [{ store: { path: 'x' } }, /^\/store\/kind is missing: give/],
    [{ store: { kind: 'postgres' } }, /^\/store\/kind is not known: give/],
    [{ store: { kind: 'sqlite' } }, /^\/store\/path is missing: give the path of the store's database file$/],
    [{ store: { ...SQLITE, host: 'x' } }, /^\/store\/host is not a known key; known here are kind, path$/],
    [{ store: { kind: 'hbase', namespace: 'a b' } }, /^\/store\/namespace is not a valid value: give letters/],
    [{ store: SQLITE, mqqt: {} }, /^\/mqqt is not a known key; known here are region, store, mqtt,/],
    [{ store: SQLITE, mqtt: { port: 'x' } }, /^\/mqtt\/port .*: give a port from 1 to 65535, or 0 for a free one$/],
    [{ store: SQLITE, http: { port: 70_000 } }, /^\/http\/port .*: give a port/],
    [{ store: SQLITE, http: { maxConnections: 1 } }, /^\/http\/maxConnections .*: give a whole number from 16/],
    [{ store: SQLITE, http: { trustedProxies: '10.0.0.0/8' } }, /^\/http\/trustedProxies .*: give a list of addresses/],
    ...['proxy', '10.0.0.0/33', '::1/129', '10.0.0.0/', '10.0.0.0/8/9', '10.0.0.0/-1'].map(
      (entry): [unknown, RegExp] => [
        { store: SQLITE, http: { trustedProxies: ['::1', entry, '10.0.0.0/8'] } },
        /^\/http\/trustedProxies\/1 is neither an address nor a network: give one such as 10\.0\.0\.7 or 10\.0\.0\.0\/8$/,
      ],
    ),
    [
      { store: SQLITE, mqtt: { tls: { key: 'k' } } },
      /^\/mqtt\/tls\/cert is missing: give the path of the broker's certificate/,
    ],
    [{ store: SQLITE, mqtt: { external: { url: 'x' } } }, /^\/mqtt\/external an external broker is not available yet/],
    [{ store: SQLITE, rollup: { cron: 'hourly' } }, /^\/rollup\/cron is not a cron expression: give one such as/],
    [{ store: SQLITE, rollup: { graceSeconds: -1 } }, /^\/rollup\/graceSeconds .*: give a whole number from 0/],
    [{ store: SQLITE, dimensions: ['Method'] }, /^\/dimensions\/0 is not a valid value: give a list/],
    [{ store: SQLITE, dimensions: ['store'] }, /^\/dimensions\/0 store is always there: leave it out$/],
    [{ store: SQLITE, dimensions: ['a', 'a'] }, /^\/dimensions .*: give a list/],
    [{ store: SQLITE, log: { level: 'loud' } }, /^\/log\/level is not a valid value: give one of fatal,/],
  ];
  for (const [input, says] of cases) {
    const faults = faultsOf(input);
    t.equal(faults.length, 1, `${JSON.stringify(input)}: ${faults.join(' | ')}`);
    t.match(faults[0], says);
  }
});

t.test('several faults are reported at once', async (t) => {
  t.equal(faultsOf({ store: { kind: 'sqlite' }, http: { port: -1 }, log: { level: 'x' } }).length, 3);
});

t.test('a file that can’t be read or is no YAML is reported with its name', async (t) => {
  const dir = t.testdir();
  const file = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  t.throws(() => loadConfig(join(dir, 'missing.yaml')), {
    name: 'ConfigError',
    message: /missing.yaml: the configuration cannot be read/,
  });
  t.throws(() => loadConfig(file('broken.yaml', 'store: {kind: sqlite')), {
    name: 'ConfigError',
    message: /broken.yaml: is not YAML/,
  });
  t.throws(() => loadConfig(file('empty.yaml', '')), {
    name: 'ConfigError',
    message: /empty.yaml: the document is not a map/,
  });
  t.throws(() => loadConfig(file('faults.yaml', 'store: {kind: sqlite}\nlog: {level: x}')), {
    message: /faults.yaml: \/store\/path is missing.*\n.*faults.yaml: \/log\/level/,
  });
  t.same(loadConfig(file('good.json', JSON.stringify({ store: SQLITE }))).store, SQLITE, 'JSON is YAML, too');
});

t.test('a key that is not the certificate’s is reported before anything starts', async (t) => {
  const tls = (name: string) => new URL(`../../../support/tls/${name}.pem`, import.meta.url).pathname;
  const dir = t.testdir();
  const config = (key: string, cert: string) => {
    const path = join(dir, 'collector.yaml');
    writeFileSync(path, JSON.stringify({ store: SQLITE, mqtt: { tls: { key, cert } } }));
    return path;
  };
  t.match(loadConfig(config(tls('key'), tls('cert'))), { mqtt: { tls: { key: tls('key') } } });
  t.throws(() => loadConfig(config(tls('cert'), tls('cert'))), ConfigError);
  t.throws(() => loadConfig(config('nowhere.pem', tls('cert'))), {
    message: /nowhere.pem: mqtt.tls.key cannot be read/,
  });
});

t.test('the quotas of a terminal are whole numbers, and their defaults those of the list of limits', async (t) => {
  const { quotas } = configOf({ store: SQLITE, ingest: { quotas: { eventsPerDay: 5_000 } } }).ingest;
  t.same(quotas, { bytesPerDay: INGEST_LIMITS.bytesPerDay.value, eventsPerDay: 5_000 });
  t.equal(configOf({ store: SQLITE }).ingest.quotas.eventsPerDay, INGEST_LIMITS.eventsPerDay.value);
  t.match(faultsOf({ store: SQLITE, ingest: { quotas: { bytesPerDay: 0 } } }), [/^\/ingest\/quotas\/bytesPerDay /]);
});

t.test('the share of a merchant and the load balancers are checked', async (t) => {
  const mqtt = { merchantShare: 1, loadBalancers: ['10.0.0.7', '10.0.0.0/8', '::1', '2001:db8::/32'] };
  t.match(configOf({ store: SQLITE, mqtt }).mqtt, mqtt);
  t.match(faultsOf({ store: SQLITE, mqtt: { merchantShare: 0 } }), [/merchantShare .*above 0, at most 1/]);
  const wrong = ['10.0.0.0/33', 'example.com', '10.0.0.1/', '::1/129', '1.2.3.4/8/8', ''];
  t.same(
    faultsOf({ store: SQLITE, mqtt: { loadBalancers: wrong } }),
    wrong.map(
      (_, i) => `/mqtt/loadBalancers/${i} is neither an address nor a network: give one such as 10.0.0.7 or 10.0.0.0/8`,
    ),
  );
});

t.test('plain text beyond loopback is warned of, unless the operator says that TLS ends before', async (t) => {
  const warned = (mqtt: object) => warningsOf(configOf({ store: SQLITE, mqtt }));
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) t.same(warned({ host }), [], host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'collector'])
    t.match(warned({ host }), [/^mqtt takes .* plain text/]);
  t.match(warned({ host: '0.0.0.0', websocket: { port: 1 } }), [/^mqtt takes/, /^mqtt.websocket takes .*0.0.0.0:1/]);
  t.match(warned({ websocket: { host: '::', port: 1 } }), [/^mqtt.websocket/]);
  t.same(warned({ host: '0.0.0.0', allowPlaintext: true }), []);
  t.same(warned({ host: '0.0.0.0', tls: { key: 'k', cert: 'c' } }), []);
});

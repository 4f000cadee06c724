import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { parseConfig } from '../../../../agent/config/agent-config.ts';
import { loadConfig, readCredentials } from '../../../../agent/config/load-config.ts';
import { ConfigError } from '../../../../shared/config/parse-config.ts';

const minimal = () => ({
  merchant: 'acme',
  terminal: 'till-1',
  collector: { urls: ['mqtt://127.0.0.1:1883'], token: 'secret' },
  buffer: { path: 'buffer.db' },
  ingest: { port: 7070 },
});

const faults = (input: unknown) => {
  const parsed = parseConfig(input);
  return parsed.ok ? [] : parsed.faults.map(({ pointer, detail }) => `${pointer} ${detail}`);
};

t.test('a minimal configuration gets every default', async (t) => {
  const parsed = parseConfig(minimal());
  t.match(parsed, {
    ok: true,
    config: {
      store: null,
      collector: {
        addresses: [{ protocol: 'mqtt', host: '127.0.0.1', port: 1883, path: null }],
        token: { kind: 'text', text: 'secret' },
      },
      buffer: { path: 'buffer.db', maxBytes: 1024 ** 3, minFreeBytes: null, whenFull: 'reject', keepAckedHours: 24 },
      ingest: { host: '127.0.0.1', port: 7070 },
      ship: { lingerMs: 50, reconnectMaxMs: 60_000 },
      log: { level: 'info' },
    },
  });
});

t.test('a configuration is frozen through and through', async (t) => {
  const parsed = parseConfig(minimal());
  if (!parsed.ok) throw new Error('not parsed');
  t.ok(Object.isFrozen(parsed.config));
  t.ok(Object.isFrozen(parsed.config.collector.addresses[0]));
});

t.test('the example file is valid, and so are the keys that it comments out', async (t) => {
  const text = readFileSync('config/agent.yaml', 'utf8');
  t.same(faults(parse(text)), []);
  const uncommented = text
    .replace(/^# (store|ship|log):/gm, '$1:')
    .replace(/^# {3}([a-zA-Z]+: \S+)$/gm, '  $1')
    .replace(/^ {2}# (?! )([a-zA-Z]+:( \S+)?)$/gm, '  $1')
    .replace(/^ {2}# {3}([a-z]+: \S+)$/gm, '    $1')
    .replace(/^ {2}token: .*$/m, '');
  const parsed = parse(uncommented) as Record<string, Record<string, unknown>>;
  t.same(Object.keys(parsed), ['merchant', 'terminal', 'store', 'collector', 'buffer', 'ingest', 'ship', 'log']);
  t.same(Object.keys(parsed.collector!), ['urls', 'tokenFile', 'tls', 'allowPlaintext']);
  t.same(Object.keys(parsed.buffer!), [
    'path',
    'maxBytes',
    'minFreeBytes',
    'whenFull',
    'commitDelayMs',
    'keepAckedHours',
  ]);
  t.same(faults(parsed), []);
});

/** The minimal configuration with one value changed; undefined takes it away. */
function changed(pointer: string, value: unknown): unknown {
  const config: Record<string, unknown> = minimal();
  const keys = pointer.split('/').slice(1);
  const last = keys.pop()!;
  const parent = keys.reduce((at, key) => at[key] as Record<string, unknown>, config);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return config;
}

t.test('errors name the field and say what to do', async (t) => {
  const cases: [string, string, unknown, RegExp][] = [
    ['an unknown key', '/bufer', {}, /^\/bufer is not a known key; known here are merchant, terminal/],
    ['an unknown nested key', '/buffer/size', 1, /^\/buffer\/size is not a known key; known here are path, maxBytes/],
    ['a missing terminal', '/terminal', undefined, /^\/terminal is missing: give the terminal's id/],
    ['a missing path', '/buffer/path', undefined, /^\/buffer\/path is missing: give the path/],
    ['an upper-case merchant', '/merchant', 'ACME', /^\/merchant is not a valid value: give the merchant's id/],
    [
      'a size in words',
      '/buffer/maxBytes',
      '1 GiB',
      /^\/buffer\/maxBytes must be integer: give a whole number of bytes/,
    ],
    ['a tiny budget', '/buffer/maxBytes', 1000, /^\/buffer\/maxBytes must be >= 16777216/],
    ['no urls', '/collector/urls', [], /^\/collector\/urls must not have fewer/],
    ['an http url', '/collector/urls', ['http://x'], /^\/collector\/urls\/0 is not a broker address: give mqtts/],
    [
      'a url that is none',
      '/collector/urls',
      ['mqtt://[::1]', 'nonsense'],
      /^\/collector\/urls\/1 is not a broker address/,
    ],
    [
      'a url with a password',
      '/collector/urls',
      ['mqtts://u:p@x'],
      /^\/collector\/urls\/0 holds a user name or password/,
    ],
    ['a url with a path', '/collector/urls', ['mqtts://x/y'], /^\/collector\/urls\/0 holds more than/],
    [
      'plain mqtt to elsewhere',
      '/collector/urls',
      ['mqtt://x.example'],
      /^\/collector\/urls\/0 would send sales and the token unencrypted/,
    ],
    ['no token', '/collector/token', undefined, /^\/collector\/token is missing/],
    ['two tokens', '/collector/tokenFile', 'x', /^\/collector\/tokenFile excludes collector.token/],
    ['a certificate without key', '/collector/tls', { cert: 'x' }, /^\/collector\/tls\/key is missing/],
    [
      'another whenFull',
      '/buffer/whenFull',
      'explode',
      /^\/buffer\/whenFull is not a valid value: give reject or drop-oldest/,
    ],
    [
      'a long commit delay',
      '/buffer/commitDelayMs',
      1_001,
      /^\/buffer\/commitDelayMs .*give milliseconds from 0 to 1000|must be/,
    ],
    ['a port out of range', '/ingest/port', 70_000, /^\/ingest\/port must be <= 65535/],
    ['an unknown level', '/log', { level: 'loud' }, /^\/log\/level is not a valid value: give one of fatal/],
  ];
  for (const [name, pointer, value, expected] of cases) {
    const found = faults(changed(pointer, value));
    t.equal(found.length, 1, `${name}: one fault`);
    t.match(found[0], expected, name);
  }
});

t.test('all faults are told at once', async (t) => {
  t.equal(
    faults({ collector: { urls: ['mqtt://127.0.0.1'], token: 't' }, buffer: { path: 'x', keepAckedHours: -1 } }).length,
    3,
  );
});

t.test('what is not a mapping is refused', async (t) => {
  for (const input of [null, 'x', 7, []]) t.equal(faults(input).length, 1);
});

t.test('plain mqtt is allowed to this machine, and elsewhere when it is asked for', async (t) => {
  for (const url of ['mqtt://localhost', 'mqtt://127.8.9.1:1', 'mqtt://[::1]:1883']) {
    t.same(faults({ ...minimal(), collector: { urls: [url], token: 't' } }), [], url);
  }
  t.same(
    faults({ ...minimal(), collector: { urls: ['mqtt://broker.example'], token: 't', allowPlaintext: true } }),
    [],
  );
});

t.test('addresses have the ports of their protocols by default, and no brackets', async (t) => {
  const parsed = parseConfig({
    ...minimal(),
    collector: {
      urls: ['mqtts://x.example', 'mqtt://[::1]', 'wss://y.example', 'wss://y.example:8443/till'],
      token: 't',
    },
  });
  t.match(parsed, {
    config: {
      collector: {
        addresses: [
          { protocol: 'mqtts', host: 'x.example', port: 8883, path: null },
          { protocol: 'mqtt', host: '::1', port: 1883, path: null },
          { protocol: 'wss', host: 'y.example', port: 443, path: '/mqtt' },
          { protocol: 'wss', host: 'y.example', port: 8443, path: '/till' },
        ],
      },
    },
  });
});

t.test('a client certificate needs no token', async (t) => {
  const parsed = parseConfig({ ...minimal(), collector: { urls: ['mqtts://x'], tls: { cert: 'c', key: 'k' } } });
  t.match(parsed, { ok: true, config: { collector: { token: null } } });
});

t.test('a file', async (t) => {
  const write = (files: Record<string, string>) => t.testdir(files);
  const yaml = 'merchant: acme\nterminal: t\ncollector: {urls: [mqtt://127.0.0.1], token: x}\nbuffer: {path: b}\n';

  t.test('of YAML or JSON is read', async (t) => {
    const dir = t.testdir({ 'a.yaml': yaml, 'a.json': JSON.stringify(minimal()) });
    t.equal(loadConfig(join(dir, 'a.yaml')).merchant, 'acme');
    t.equal(loadConfig(join(dir, 'a.json')).ingest.port, 7070);
  });
  t.test('that is not there is told', async (t) => {
    t.throws(() => loadConfig(join(write({}), 'none.yaml')), {
      name: 'ConfigError',
      message: /none\.yaml: the configuration cannot be read/,
    });
  });
  t.test('with a fault is named together with the field', async (t) => {
    const path = join(write({ 'a.yaml': `${yaml}ingest: {port: x}\n` }), 'a.yaml');
    t.throws(() => loadConfig(path), { message: /a\.yaml: \/ingest\/port must be integer/ });
  });
  t.test('of a token is trimmed, and told when it is empty or missing at the time of use', async (t) => {
    const dir = write({ token: ' secret \n', empty: '\n' });
    const tls = { ca: null, cert: null, key: null };
    const shown = (name: string) =>
      readCredentials({ addresses: [], token: { kind: 'file', path: join(dir, name) }, tls }).token;
    t.equal(shown('token'), 'secret');
    t.throws(() => shown('empty'), ConfigError);
    t.throws(() => shown('nowhere'), /token file \(collector.tokenFile\) cannot be read/);
  });
});

t.test('who may post from elsewhere', async (t) => {
  const ingest = (keys: Record<string, unknown>) => ({ ...minimal(), ingest: keys });
  const taken = (keys: Record<string, unknown>) => {
    const parsed = parseConfig(ingest(keys));
    return parsed.ok ? parsed.config.ingest : parsed.faults;
  };

  t.test('a loopback address needs no token', async (t) => {
    for (const host of ['127.0.0.1', 'localhost', '::1', '127.0.0.2']) t.same(faults(ingest({ host })), [], host);
  });

  t.test('any other needs one, or says that it does without', async (t) => {
    for (const host of ['0.0.0.0', '::', '192.168.1.20', 'till-1.shop.lan', 'fd00::1']) {
      t.match(
        faults(ingest({ host })),
        [/^\/ingest\/host lets everybody .* ingest\.tokenFile.*allowUnauthenticated/],
        host,
      );
      t.match(faults(ingest({ host, allowUnauthenticated: false })), [/^\/ingest\/host/], host);
      t.same(faults(ingest({ host, tokenFile: '/token' })), [], host);
      t.same(faults(ingest({ host, allowUnauthenticated: true })), [], host);
    }
    t.match(faults(ingest({ tokenFile: '/token', allowUnauthenticated: true })), [/excludes ingest.tokenFile/]);
  });

  t.test('origins are kept as browsers write them', async (t) => {
    const given = [
      'https://Till.Example:443',
      'http://10.0.0.5:8080/',
      'capacitor://localhost',
      'https://t\u00fcr.example',
    ];
    t.match(taken({ allowedOrigins: given }), {
      allowedOrigins: [
        'https://till.example',
        'http://10.0.0.5:8080',
        'capacitor://localhost',
        'https://xn--tr-xka.example',
      ],
    });
    for (const origin of [
      '*',
      'null',
      'till.example',
      'https://till.example/shop',
      'https://*.example',
      'https://a@b',
      '',
    ])
      t.match(
        faults(ingest({ allowedOrigins: ['https://ok.example', origin] })),
        [/^\/ingest\/allowedOrigins\/1 is not an origin/],
        origin,
      );
    t.match(faults(ingest({ allowedOrigins: 'https://till.example' })), [/give a list/]);
  });

  t.test('hosts are names or addresses', async (t) => {
    t.match(taken({ allowedHosts: ['Till-1.Shop.Lan', '192.168.1.20', 'fd00::1', '[fd00:0::2]'] }), {
      allowedHosts: ['till-1.shop.lan', '192.168.1.20', '[fd00::1]', '[fd00::2]'],
    });
    for (const host of ['till-1.shop.lan:7070', 'http://till', '*', 'a b', ''])
      t.match(faults(ingest({ allowedHosts: [host] })), [/^\/ingest\/allowedHosts\/0 is not a host/], host);
  });
});

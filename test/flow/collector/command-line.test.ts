/** The collector's command line, as processes. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { loadConfig } from '../../../collector/config/load-config.ts';
import { openTables } from '../../../collector/main.ts';
import { EventLog } from '../../../collector/store/event-log.ts';
import { merchantId, terminalId } from '../../../shared/ids.ts';
import { batchOf } from '../../support/collector/batches.ts';
import { MqttTill } from '../../support/collector/mqtt-till.ts';
import { DIGEST_KEY } from '../../support/collector/raw-rows.ts';
import { killedAtEnd } from '../../support/system/killed-at-end.ts';
import { testDir } from '../../support/system/test-dir.ts';
import { issue } from '../../support/tls/issue-certificate.ts';

// Thirty processes, on a machine that may be busy.
t.setTimeout(120_000);

const MAIN = new URL('../../../collector/main.ts', import.meta.url).pathname;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const cli = (...args: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });

/** The one document that a successful command prints. */
async function json<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await cli(...args, '--json');
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

function configFile(t: Test, more: Record<string, unknown> = {}): string {
  const dir = testDir(t);
  const file = join(dir, 'collector.yaml');
  const free = { host: '127.0.0.1', port: 0 };
  writeFileSync(
    file,
    JSON.stringify({ store: { kind: 'sqlite', path: join(dir, 'store.db') }, mqtt: free, http: free, ...more }),
  );
  return file;
}

interface Running {
  readonly process: ChildProcess;
  readonly listening: { http: { port: number }; mqtt: { host: string; port: number } | null };
  /** Until a line of its log says so. */
  logged(message: string): Promise<void>;
}

/** A collector that listens; killed at the test's end, if it still runs. */
async function running(t: Test, ...args: string[]): Promise<Running> {
  const child = spawn(process.execPath, [MAIN, 'run', '--json', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  killedAtEnd(t, child);
  const messages: string[] = [];
  const waiting = new Set<() => void>();
  createInterface(child.stderr!).on('line', (line) => {
    // Node itself may write a line of its own.
    messages.push(line.startsWith('{') ? (JSON.parse(line) as { msg: string }).msg : line);
    for (const look of waiting) look();
  });
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string];
  return {
    process: child,
    listening: JSON.parse(line),
    logged: (message) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!messages.includes(message)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}

async function exitCode(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

t.test('terminals add prints exactly merchant, terminal and token; keys add exactly merchant and key', async (t) => {
  const config = ['--config', configFile(t)];
  await json('init', ...config);
  const names = ['--merchant', 'acme', '--terminal', 'till-1'];
  const terminal = await json<object>('terminals', 'add', ...names, '--store', 'london', ...config);
  t.same(Object.keys(terminal), ['merchant', 'terminal', 'token']);
  const key = await json<object>('keys', 'add', '--merchant', 'acme', ...config);
  t.same(Object.keys(key), ['merchant', 'key']);
  const again = await cli('terminals', 'add', ...names, '--json', ...config);
  t.equal(again.code, 1);
  t.match(again.stderr, /acme\/till-1 exists: give --rotate/);
  t.match(JSON.parse(again.stdout), { error: /--rotate/ }, 'a failure is one document, too');
  const words = await cli('keys', 'add', '--merchant', 'acme', ...config);
  t.match(words.stdout, /^tsk_.*\n\nThis is an API key of acme/, 'without --json people get words');
});

t.test('check-config warns of plain text for all the world, on stderr and in its document', async (t) => {
  const open = ['--config', configFile(t, { mqtt: { host: '0.0.0.0', port: 0 } })];
  const { code, stdout, stderr } = await cli('check-config', '--json', ...open);
  t.equal(code, 0);
  t.match(stderr, /^warning: mqtt takes tokens and sales in plain text on 0\.0\.0\.0:0: give mqtt\.tls/);
  t.match(JSON.parse(stdout), { valid: true, warnings: [/^mqtt takes/] });
  const { process: collector, logged } = await running(t, ...open);
  await logged(JSON.parse(stdout).warnings[0]);
  collector.kill('SIGTERM');
  t.equal(await exitCode(collector), 0);
});

t.test('check-config warns of certificates that end soon or lack an intermediate, not of sound ones', async (t) => {
  const root = issue({ name: 'root', to: 1_000 });
  const middle = issue({ name: 'middle', issuer: root, to: 1_000 });
  const ending = issue({ name: 'own', issuer: middle, names: ['localhost'], from: -80, to: 9.5 });
  const sound = issue({ name: 'own', issuer: middle, names: ['localhost'] });
  const dir = testDir(t);
  const tls = { key: join(dir, 'key.pem'), cert: join(dir, 'cert.pem') };
  const config = ['--config', configFile(t, { mqtt: { host: '127.0.0.1', port: 0, tls } })];
  const checked = async (key: string, cert: string) => {
    writeFileSync(tls.key, key);
    writeFileSync(tls.cert, cert);
    const { code, stdout, stderr } = await cli('check-config', '--json', ...config);
    return { code, stderr, document: JSON.parse(stdout) as { warnings?: string[]; error?: string } };
  };
  const { code, stderr, document } = await checked(ending.key, ending.cert);
  t.equal(code, 0);
  t.match(document.warnings, [/CN=own ends in 9 days/, /CN=middle, which is missing/]);
  t.match(stderr, /^warning: mqtt\.tls\.cert: CN=own ends in 9 days/);
  t.same((await checked(sound.key, `${sound.cert}${middle.cert}${root.cert}`)).document.warnings, []);
  const wrong = await checked(ending.key, sound.cert);
  t.equal(wrong.code, 2, 'a key that does not match is an error');
  t.match(wrong.document.error, /mqtt\.tls\.key is not the key of the first certificate/);
});

t.test('a NUL in a path is exit 2 in words, and leaves no file', async (t) => {
  const dir = testDir(t);
  const bad = join(dir, 'nul.yaml');
  writeFileSync(bad, JSON.stringify({ store: { kind: 'sqlite', path: `${dir}/store\0.db` } }));
  const { code, stderr } = await cli('init', '--config', bad);
  t.equal(code, 2);
  t.match(stderr, /^[^\n]*nul.yaml: \/store\/path holds a NUL character: leave it out\n$/);
  t.same(readdirSync(dir), ['nul.yaml']);
});

t.test('the wrong command line or configuration is exit 2, what can’t be done exit 1', async (t) => {
  const config = ['--config', configFile(t)];
  const bad = join(testDir(t), 'bad.yaml');
  writeFileSync(bad, 'store: {kind: sqlite}\nmqtt: {prot: 1}\n');
  const faults = /bad.yaml: \/store\/path is missing: .*\n.*bad.yaml: \/mqtt\/prot is not a known key/;
  const cases: [string[], number, RegExp][] = [
    [[], 2, /name a command: run, init/],
    [['init'], 2, /--config is missing/],
    [['check-config', '--config', bad], 2, faults],
    [['run', '--roles', 'api,cook', ...config], 2, /--roles: "cook" is none of ingest, rollup, api/],
    [['keys', 'add', '--merchant', 'a', ...config], 1, /was `init` run on this store\?/],
    [['export', ...config], 1, /export is not available yet/],
    [['reprocess', ...config], 1, /logic version 1 is active/],
  ];
  for (const [args, code, says] of cases) {
    const ended = await cli(...args);
    t.equal(ended.code, code, args.join(' '));
    t.match(ended.stderr, says);
    t.equal(ended.stdout, '');
  }
});

t.test('an audit that finds something is exit 1, and still one document', async (t) => {
  const file = configFile(t);
  const config = ['--config', file];
  await json('init', ...config);
  const nothing = await cli('audit', '--json', ...config);
  t.equal(nothing.code, 0);
  const none = {
    ...{ conflicts: [], conflictsNotListed: 0, unreadable: [], unreadableNotListed: 0, parked: [] },
    ...{ compared: 0, mismatches: [], mismatchesNotListed: 0, repaired: 0, unbalanced: [], balanced: 0 },
    sealed: [],
  };
  t.same(JSON.parse(nothing.stdout), none);
  const tables = await openTables(loadConfig(file).store);
  const names = { merchant: merchantId('acme'), terminal: terminalId('till-1') };
  const claims = [1, 2].map((amount) => ({ ...names, ...batchOf(1, 1, { amount: () => amount }), arrival: amount }));
  await new EventLog(tables, DIGEST_KEY).append(claims);
  await tables.close();
  const found = await cli('audit', '--conflicts', '--json', ...config);
  t.equal(found.code, 1);
  t.match(JSON.parse(found.stdout), { conflicts: [{ merchant: 'acme', firstSeq: 1, lastSeq: 1 }] });
  const words = await cli('audit', ...config);
  t.equal(words.code, 1);
  t.match(words.stdout, /^acme till-1\.00000000000000aa seqs 1 to 1, /);
});

t.test('--help is for standard output, and no failure', async (t) => {
  const { code, stdout } = await cli('terminals', 'add', '--help');
  t.equal(code, 0);
  t.match(stdout, /--rotate[\s\S]*Examples:\n {2}node collector\/main.ts terminals add/);
});

t.test('beside a running collector a new key and a new token work at once, and SIGTERM ends it cleanly', async (t) => {
  const config = ['--config', configFile(t)];
  const { process: child, listening, logged } = await running(t, ...config);
  await logged('the store is open');
  const ask = async (key: string) => {
    const url = `http://127.0.0.1:${listening.http.port}/v1/merchants/acme/metrics?interval=total&from=2026-11-22T09:00:00Z&to=2026-11-22T10:00:00Z`;
    return (await fetch(url, { headers: { authorization: `Bearer ${key}` } })).status;
  };
  t.equal(await ask('tsk_nobody'), 401);
  const { key } = await json<{ key: string }>('keys', 'add', '--merchant', 'acme', ...config);
  t.equal(await ask(key), 200);
  const names = { merchant: 'acme', terminal: 'till-1' };
  const port = listening.mqtt!.port;
  await t.rejects(MqttTill.connect({ ...names, port, token: 'wrong' }), { code: 4 });
  const add = ['terminals', 'add', '--merchant', 'acme', '--terminal', 'till-1', ...config];
  const { token } = await json<{ token: string }>(...add);
  await using first = await MqttTill.connect({ ...names, port, token });
  const rotated = await json<{ token: string }>(...add, '--rotate');
  await using second = await MqttTill.connect({ ...names, port, token: rotated.token });
  await first.untilClosed();
  t.ok(second.client.connected);
  const ended = exitCode(child);
  child.kill('SIGTERM');
  await second.untilClosed();
  t.equal(await ended, 0);
});

t.test('a port in use ends it with an explanation', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const { port } = taken.address() as { port: number };
  const ended = await cli('run', '--config', configFile(t, { http: { port } }));
  t.equal(ended.code, 1);
  t.match(
    ended.stderr,
    new RegExp(`port ${port} is in use: end the process that has it, or configure another port \\(http.host`),
  );
});

t.test('dimensions other than the store’s end it with an explanation', async (t) => {
  await json('init', '--config', configFile(t));
  const ended = await cli('run', '--config', configFile(t, { dimensions: ['zone'] }));
  t.equal(ended.code, 2);
  t.match(ended.stderr, /dimensions: configured are \[zone\]/);
});

t.test('while its store cannot be opened it keeps trying, and still stops at once', async (t) => {
  const dir = testDir(t);
  const path = join(dir, 'a-folder');
  mkdirSync(path);
  const { process: child, logged } = await running(t, '--config', configFile(t, { store: { kind: 'sqlite', path } }));
  await logged('the store is unavailable: trying again');
  const ended = exitCode(child);
  child.kill('SIGINT');
  t.equal(await ended, 0);
});

t.test('a second signal ends it at once', async (t) => {
  const { process: child, listening, logged } = await running(t, '--config', configFile(t));
  await logged('the store is open');
  // One whole request and half of another: when the one is answered, the other has begun, and a
  // stop waits for its end.
  const endless = connect(listening.http.port, '127.0.0.1');
  endless.on('error', () => undefined);
  const request = 'GET /livez HTTP/1.1\r\nHost: x\r\n';
  endless.write(`${request}\r\n${request}`);
  await once(endless, 'data');
  const ended = exitCode(child);
  child.kill('SIGTERM');
  await logged('stopping');
  child.kill('SIGTERM');
  t.equal(await ended, 130);
});

/** The collector's certificate is renewed, or badly exchanged, beside a running collector: processes and real handshakes. */
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { CollectorProcess } from '../../../scripts/processes/collector.ts';
import { freePorts } from '../../../scripts/processes/ports.ts';
import { until } from '../../../scripts/processes/wait-until.ts';
import { MqttTill } from '../../support/collector/mqtt-till.ts';
import { testDir } from '../../support/system/test-dir.ts';
import { type Issued, issue } from '../../support/tls/issue-certificate.ts';

t.setTimeout(120_000);
const START_MS = 30_000;
const HOSTS = ['localhost', '127.0.0.1'];
const AUTHORITY = issue({ name: 'authority', to: 900 });
const TILLS = issue({ name: 'first authority of the tills', to: 900 });
const OTHER_TILLS = issue({ name: 'second authority of the tills', to: 900 });
const served = (name: string, more: { from?: number; to?: number } = {}): Issued =>
  issue({ name, issuer: AUTHORITY, names: HOSTS, ...more });
const OLD = served('old', { to: 30 });

/** A collector with both listeners, whose files the test may write. */
async function region(t: Test, place: (folder: string) => void) {
  const folder = testDir(t);
  const file = (name: string): string => join(folder, 'tls', name);
  place(join(folder, 'tls'));
  const [httpPort, mqttPort, wssPort] = (await freePorts(3)) as [number, number, number];
  const tls = { key: file('key.pem'), cert: file('cert.pem'), ca: file('ca.pem') };
  const mqtt = { host: '127.0.0.1', port: mqttPort, tls, websocket: { port: wssPort } };
  const collector = new CollectorProcess({ folder, httpPort, mqttPort, more: { mqtt } });
  await collector.init();
  const token = await collector.addTerminal('acme', 'till-1');
  await collector.start(START_MS);
  t.teardown(() => collector.child.stop(START_MS));
  const log = (): string => readFileSync(collector.child.log, 'utf8');
  const connectTill = (more: object) =>
    MqttTill.connect({
      ...{ port: mqttPort, merchant: 'acme', terminal: 'till-1', token },
      more: { protocol: 'mqtts', ca: AUTHORITY.cert, ...more },
    });
  return {
    ...{ collector, mqttPort, log, connectTill },
    present(name: string, text: string): void {
      writeFileSync(file(name), text);
    },
    /** The names of the certificates that both listeners show. */
    shown: async () => Promise.all([mqttPort, wssPort].map(nameAt)),
    hangUp: () => process.kill(collector.child.pid, 'SIGHUP'),
    logged: (words: string | RegExp) =>
      until(() => log().match(words) !== null, { what: `${words} in the log`, deadlineMs: START_MS }),
    async metric(name: string): Promise<number | null> {
      const text = await (await fetch(`${collector.httpUrl}/metrics`)).text();
      const line = text.split('\n').find((line) => line.startsWith(`tillstream_${name}`));
      return line === undefined ? null : Number(line.split(' ').at(-1));
    },
  };
}

const plain = (folder: string): void => {
  mkdirSync(folder);
  write(folder, OLD);
};

function write(folder: string, { key, cert }: { key: string; cert: string }): void {
  writeFileSync(join(folder, 'key.pem'), key);
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'ca.pem'), TILLS.cert);
}

async function handshake(port: number, more: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca: AUTHORITY.cert, ...more });
  await once(socket, 'secureConnect');
  return socket;
}

async function nameAt(port: number): Promise<string> {
  const socket = await handshake(port);
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

const untilShown = (at: Awaited<ReturnType<typeof region>>, name: string) =>
  until(async () => (await at.shown()).every((shown) => shown === name), { what: name, deadlineMs: START_MS });

t.test('a renewed certificate is shown to new connections; a session of before goes on', async (t) => {
  const at = await region(t, plain);
  t.same(await at.shown(), ['old', 'old']);
  t.equal(Math.round((await at.metric('tls_certificate_expires_days{file="cert"'))!), 30);
  await using before = await at.connectTill({});
  const renewed = served('renewed', { to: 90 });
  at.present('key.pem', renewed.key);
  at.present('cert.pem', renewed.cert);
  await untilShown(at, 'renewed');
  before.sendStatus();
  await before.until(() => before.envelopes.length === 1);
  t.notOk(before.closed, 'the session went on');
  t.equal(await at.metric('tls_reloads_total{outcome="taken"'), 1);
  t.match(at.log(), /new connections get the new files/);
});

t.test('links that Kubernetes swaps are a renewal', async (t) => {
  let data = '';
  const at = await region(t, (folder) => {
    mkdirSync(join(folder, '..one'), { recursive: true });
    write(join(folder, '..one'), OLD);
    data = join(folder, '..data');
    symlinkSync('..one', data);
    for (const name of ['key.pem', 'cert.pem', 'ca.pem']) symlinkSync(join('..data', name), join(folder, name));
  });
  t.same(await at.shown(), ['old', 'old']);
  const next = join(data, '..', '..two');
  mkdirSync(next);
  write(next, served('renewed'));
  symlinkSync('..two', `${data}_tmp`);
  renameSync(`${data}_tmp`, data);
  await untilShown(at, 'renewed');
});

t.test('a broken exchange keeps the earlier pair and is told once, until it is mended', async (t) => {
  const at = await region(t, plain);
  const refused = (): number => at.log().split('are not taken').length - 1;
  const renewed = served('renewed');
  at.present('cert.pem', renewed.cert);
  await at.logged('mqtt.tls.key is not the key of the first certificate in mqtt.tls.cert');
  t.same(await at.shown(), ['old', 'old'], 'the key of the renewed one is missing');
  at.present('key.pem', renewed.key);
  at.present('cert.pem', `${renewed.cert}${AUTHORITY.cert.slice(0, 300)}`);
  await at.logged('mqtt.tls.cert is cut off');
  t.same(await at.shown(), ['old', 'old'], 'the chain is half-written');
  const ended = served('ended', { from: -20, to: -1 });
  at.present('cert.pem', ended.cert);
  at.present('key.pem', ended.key);
  await at.logged(/CN=ended ended on/);
  t.same(await at.shown(), ['old', 'old'], 'the new one has ended');
  t.equal(refused(), 3);
  t.ok((await at.metric('tls_reloads_total{outcome="refused"'))! >= 3);
  at.present('cert.pem', renewed.cert);
  at.present('key.pem', renewed.key);
  await untilShown(at, 'renewed');
  t.equal(refused(), 3);
});

t.test('SIGHUP reads the files at once, and ends neither the collector nor a session', async (t) => {
  const at = await region(t, plain);
  await using before = await at.connectTill({});
  at.present('cert.pem', 'half of');
  at.hangUp();
  await at.logged('mqtt.tls.cert has no certificate in PEM');
  const renewed = served('renewed');
  at.present('cert.pem', renewed.cert);
  at.present('key.pem', renewed.key);
  at.hangUp();
  await untilShown(at, 'renewed');
  before.sendStatus();
  await before.until(() => before.envelopes.length === 1);
  t.ok(at.collector.child.running);
});

t.test('tills of a new authority get in, those of the one before only as long as they are connected', async (t) => {
  const at = await region(t, plain);
  const by = (issuer: Issued) => {
    const { key, cert } = issue({ name: 'till', issuer, names: ['URI:tillstream:acme/till-1'] });
    return { key, cert, password: undefined };
  };
  const [first, second] = [by(TILLS), by(OTHER_TILLS)];
  const socket = await handshake(at.mqttPort, { key: first.key, cert: first.cert });
  const [session] = (await once(socket, 'session')) as [Buffer];
  socket.destroy();
  const resumed = await handshake(at.mqttPort, { key: first.key, cert: first.cert, session });
  t.ok(resumed.isSessionReused(), 'as usual');
  resumed.destroy();
  await using before = await at.connectTill(first);
  await t.rejects(at.connectTill(second), { code: 5 });
  at.present('ca.pem', OTHER_TILLS.cert);
  at.hangUp();
  await at.logged('new connections get the new files');
  const later = await handshake(at.mqttPort, { key: first.key, cert: first.cert, session });
  t.notOk(later.isSessionReused(), 'what the authority of before vouched for is not resumed');
  later.destroy();
  await t.rejects(at.connectTill(first), { code: 5 });
  before.sendStatus();
  await before.until(() => before.envelopes.length === 1);
  await using after = await at.connectTill(second);
  t.notOk(after.closed);
});

t.test('SIGHUP does not end a collector without TLS, whose certificates have no metric', async (t) => {
  const folder = testDir(t);
  const [httpPort, mqttPort] = (await freePorts(2)) as [number, number];
  const collector = new CollectorProcess({ folder, httpPort, mqttPort });
  await collector.init();
  await collector.start(START_MS);
  t.teardown(() => collector.child.stop(START_MS));
  process.kill(collector.child.pid, 'SIGHUP');
  const log = (): string => readFileSync(collector.child.log, 'utf8');
  await until(() => log().includes('SIGHUP: no TLS here'), { what: 'a line in the log', deadlineMs: START_MS });
  const metrics = await (await fetch(`${collector.httpUrl}/metrics`)).text();
  t.notMatch(metrics, /^tillstream_tls_certificate_expires_days\{/m);
});

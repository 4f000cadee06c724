/** The packages of `npm run package`: installed, run, upgraded and removed in a Debian of their own, with systemd and without. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { runTap } from '../../scripts/ci/run-tap.ts';
import { BUNDLE } from '../../scripts/package/bundle.ts';
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../../scripts/package/runtime-flags.ts';
import { freePorts } from '../../scripts/processes/ports.ts';
import { until } from '../../scripts/processes/wait-until.ts';
import { BootedRoot } from '../support/real/booted-root.ts';
import { DebianRoot, ENVIRONMENT, missing, run } from '../support/real/debian-root.ts';
import { killedAtEnd } from '../support/system/killed-at-end.ts';

const skip = missing();
const DEADLINE_MS = 60_000;
const CONFIG = '/etc/tillstream/agent.yaml';
const BUFFER = '/var/lib/tillstream/buffer.db';
/** Those that start agents by `agent-process.ts`, but the long campaigns. */
const FLOWS = ['command-line', 'inspect', 'identity-across-kills', 'tls'].map(
  (name) => `test/flow/agent/${name}.test.ts`,
);

t.setTimeout(900_000);

const OUT = t.testdir();
const built = new Map<string, string>();
/** Packs it once, fast rather than small. @returns the file */
function deb(version: string, arch = 'amd64'): string {
  const known = built.get(`${version} ${arch}`);
  if (known !== undefined) return known;
  const out = path.join(OUT, `${version}-${arch}`);
  const options = ['--version', version, '--arch', arch, '--level', '0', '--out', out, '--json'];
  const { stdout } = run(process.execPath, 'scripts/package/main.ts', ...options);
  const { packages } = JSON.parse(stdout) as { packages: { file: string }[] };
  built.set(`${version} ${arch}`, packages[0]!.file);
  return packages[0]!.file;
}

function install(t: Test, root: DebianRoot, version: string): string {
  copyFileSync(deb(version), root.path('root/agent.deb'));
  const { status, stdout, stderr } = root.run('dpkg', '-i', '/root/agent.deb');
  t.equal(status, 0, stderr);
  return stdout;
}

/** As whoever installs a till does. @returns where it listens */
async function fillIn(root: DebianRoot): Promise<string> {
  const [port] = (await freePorts(1)) as [number];
  const filled = root
    .read(CONFIG)
    .replace('merchant: FILL-IN', 'merchant: acme')
    .replace('terminal: FILL-IN', 'terminal: till-1')
    .replace(/urls: .*/, 'urls: [mqtt://127.0.0.1:1]')
    .replace('port: 7070', `port: ${port}`);
  writeFileSync(root.path(CONFIG), filled);
  writeFileSync(root.path('/etc/tillstream/token'), 'secret\n');
  return `http://127.0.0.1:${port}`;
}

const sell = async (url: string, ref: string): Promise<number> =>
  (await fetch(`${url}/v1/events`, { method: 'POST', body: JSON.stringify({ type: 'sale', ref }) })).status;

const listens = (url: string): Promise<unknown> =>
  until(
    () =>
      fetch(`${url}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    { what: url, deadlineMs: DEADLINE_MS },
  );

function pending(root: DebianRoot): number {
  const { stdout } = root.run('tillstream-agent', 'status', '--config', CONFIG, '--json');
  return (JSON.parse(stdout) as { pending: number }).pending;
}

/** As its user, with processes of its own and without an init system. */
function runAgent(t: Test, root: DebianRoot): { readonly child: ChildProcess; readonly ended: Promise<unknown> } {
  const user = ['--reuid=tillstream', '--regid=tillstream', '--init-groups'];
  const command = ['setpriv', ...user, 'tillstream-agent', 'run', '--config', CONFIG];
  const child = spawn('chroot', [root.folder, ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
  killedAtEnd(t, child);
  return { child, ended: once(child, 'exit').then(([code]) => code) };
}

t.test('a Debian without systemd', { skip }, async (t) => {
  const root = new DebianRoot(t);
  t.equal(root.run('dpkg', '--purge', 'systemd').status, 0);

  t.match(install(t, root, '0.9.0'), /fill in \/etc\/tillstream\/agent\.yaml and \/etc\/tillstream\/token/);
  t.equal(root.owned(CONFIG), '-rw-r----- root tillstream');
  t.equal(root.owned('/etc/tillstream/token'), '-rw-r----- root tillstream');
  t.equal(root.owned('/var/lib/tillstream'), 'drwxr-x--- tillstream tillstream');
  t.match(root.run('tillstream-agent', 'run', '--config', CONFIG), { status: 2, stderr: /\/merchant is not a valid/ });

  const url = await fillIn(root);
  const first = runAgent(t, root);
  await listens(url);
  t.equal(await sell(url, 'a'), 201);
  t.equal(pending(root), 1, 'seen by support, beside the agent');
  t.equal(root.owned(BUFFER).split(' ')[1], 'tillstream', 'the buffer is its own');
  first.child.kill('SIGTERM');
  t.equal(await first.ended, 0);

  const configured = root.read(CONFIG);
  install(t, root, '0.9.1');
  t.equal(root.read(CONFIG), configured, 'the configuration is as it was');
  t.equal(pending(root), 1, 'and the buffer');
  const second = runAgent(t, root);
  await listens(url);
  t.match(await (await fetch(`${url}/v1/status`)).json(), { version: '0.9.1', buffer: { pending: 1 } });
  second.child.kill('SIGTERM');
  t.equal(await second.ended, 0);

  t.equal(root.run('dpkg', '--remove', 'tillstream-agent').status, 0);
  t.ok(existsSync(root.path(BUFFER)), 'what was not shipped is still there');
  t.equal(root.read(CONFIG), configured);
  install(t, root, '0.9.1');
  t.equal(pending(root), 1, 'installed again, it goes on');
  t.equal(root.run('dpkg', '--purge', 'tillstream-agent').status, 0);
  t.notOk(existsSync(root.path('/var/lib/tillstream')) || existsSync(root.path('/etc/tillstream')));
});

t.test('a Debian with systemd', { skip }, async (t) => {
  const root = await BootedRoot.start(t);
  install(t, root, '0.9.0');
  t.equal(root.property('UnitFileState'), 'enabled');
  t.equal(root.property('ActiveState'), 'inactive', 'it waits for its configuration');
  t.not(root.run('systemctl', 'start', 'tillstream-agent').status, 0);
  await until(() => root.property('ActiveState') === 'failed', { what: 'no restart', deadlineMs: DEADLINE_MS });
  t.equal(root.property('ExecMainStatus'), '2', 'a configuration that is not filled in is not tried again');

  const url = await fillIn(root);
  t.equal(root.run('systemctl', 'start', 'tillstream-agent').status, 0, 'it says that it is ready');
  t.equal(await sell(url, 'a'), 201, 'under all of its confinement');
  const mainPid = root.property('MainPID');
  t.match(
    root.run('cat', `/proc/${mainPid}/status`).stdout,
    /^CapBnd:\t0+$(.|\n)*^NoNewPrivs:\t1$(.|\n)*^Seccomp:\t2$/m,
  );

  install(t, root, '0.9.1');
  await listens(url);
  t.match(await (await fetch(`${url}/v1/status`)).json(), { version: '0.9.1', buffer: { pending: 1 } }, 'restarted');

  root.amend('[Service]\nWatchdogSec=3\nRestartSec=0\n');
  t.equal(root.run('systemctl', 'restart', 'tillstream-agent').status, 0);
  await until(() => /[1-9] events? pending/.test(root.property('StatusText')), {
    what: 'words with a beat',
    deadlineMs: DEADLINE_MS,
  });
  const alive = root.property('MainPID');
  t.equal(root.property('NRestarts'), '0', 'beats keep it alive');
  t.equal(root.run('sh', '-c', `kill -STOP ${alive}`).status, 0);
  await until(() => root.property('NRestarts') === '1', { what: 'a hung agent to be ended', deadlineMs: DEADLINE_MS });
  await listens(url);
  t.equal(await sell(url, 'b'), 201, 'and started again');

  t.equal(root.run('dpkg', '--remove', 'tillstream-agent').status, 0);
  t.equal(root.property('ActiveState'), 'inactive', 'stopped with its removal');
  t.ok(existsSync(root.path(BUFFER)));
});

t.test('the package for arm64 takes a sale, and has it after a crash', { skip: missing('arm64') }, async (t) => {
  const root = new DebianRoot(t, 'arm64');
  run('dpkg-deb', '--extract', deb('0.9.0', 'arm64'), root.folder);
  // What its scripts do on a till: they are no programs that an emulator runs.
  mkdirSync(root.path('/etc/tillstream'));
  copyFileSync(root.path('/usr/share/tillstream/agent.yaml'), root.path(CONFIG));
  const url = await fillIn(root);
  const agent = ['/usr/lib/tillstream/node', ...NODE_FLAGS, `/usr/lib/tillstream/${BUNDLE}`];
  const [command, ...words] = root.command(...agent, 'run', '--config', CONFIG);
  const env = { ...ENVIRONMENT, ...NODE_ENVIRONMENT };
  const child = spawn(command, words, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  killedAtEnd(t, child);
  await listens(url);
  t.equal(await sell(url, 'a'), 201);
  t.equal(await sell(url, 'b'), 201);
  t.equal(await sell(url, 'a'), 200, 'it is known again');
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  const verified = root.run(...agent, 'verify', '--config', CONFIG, '--json');
  t.equal(verified.status, 0, verified.stderr);
  t.match(JSON.parse(verified.stdout), { sound: true });
  t.equal(JSON.parse(root.run(...agent, 'status', '--config', CONFIG, '--json').stdout).pending, 2);
});

t.test("the bundle does what the agent's own tests say", { skip }, async (t) => {
  const root = path.join(t.testdir(), 'root');
  mkdirSync(root);
  run('dpkg-deb', '-x', deb('0.9.0'), root);
  process.env.TILLSTREAM_AGENT = path.join(root, 'usr/lib/tillstream', BUNDLE);
  t.teardown(() => {
    delete process.env.TILLSTREAM_AGENT;
  });
  const lines: string[] = [];
  const counts = await runTap(FLOWS, { jobs: 2 }, (line) => lines.push(line));
  t.equal(counts.failed, 0, lines.join('\n'));
  t.ok(counts.passed > 0);
});

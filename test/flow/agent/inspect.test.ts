import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { freePorts } from '../../../scripts/processes/ports.ts';
import {
  type AgentProcess,
  type Finished,
  runAgent,
  runAgentWithPermissions,
  startAgentProcess,
  writeConfig,
} from '../../support/agent/agent-process.ts';
import { until } from '../../support/agent/fake-timers.ts';
import { ScriptedCollector, STORE } from '../../support/agent/scripted-collector.ts';
import { testDir } from '../../support/system/test-dir.ts';

const SALE = {
  type: 'sale',
  ts: '2026-11-22T09:30:00+05:30',
  amount: 129900,
  currency: 'INR',
  ref: 'R-1001',
  dims: { customer: 'Jane', method: 'upi' },
  items: [{ sku: 'A1', qty: 2, price: 64950 }],
  attrs: { note: 'gift' },
};

async function post(agent: AgentProcess, body: unknown): Promise<void> {
  const answer = await fetch(`${agent.url}/v1/events`, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
}

/** What an agent that was killed has left. */
async function deadAgent(
  t: Test,
  events: readonly unknown[],
): Promise<{ config: string; path: string; stream: string }> {
  const config = writeConfig(testDir(t));
  const agent = await startAgentProcess(t, config);
  await post(agent, events);
  agent.child.kill('SIGKILL');
  await agent.ended;
  return { config, path: join(testDir(t), 'buffer.db'), stream: agent.stream };
}

/** Fills the page of the database with 0xff on which a row lies. */
function destroyPageOf(path: string, ref: string): void {
  const at = readFileSync(path).indexOf(`${ref}\xc0`, 0, 'latin1');
  if (at < 0) throw new Error(`${ref} lies nowhere`);
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(4096, 0xff), 0, 4096, Math.floor(at / 4096) * 4096);
  closeSync(file);
}

const json = ({ stdout }: Finished) => JSON.parse(stdout) as Record<string, unknown>;
const lines = ({ stdout }: Finished) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const many = (count: number) => Array.from({ length: count }, (_, at) => ({ ...SALE, ref: `R-${at}` }));

t.test('looking at what a dead agent left tells all, and changes nothing', async (t) => {
  const { config, path, stream } = await deadAgent(t, [SALE, { type: 'refund', ref: 'R-2' }]);
  const before = readFileSync(path);
  const log = readFileSync(`${path}-wal`);

  const peeked = await runAgent('peek', '--config', config);
  t.match(peeked, { status: 0, stderr: '', stdout: /R-2[\s\S]*1,299\.00 +INR +R-1001 +1 item customer=\[hidden\]/ });
  t.notMatch(peeked.stdout, /Jane|gift/);
  t.match(await runAgent('peek', '--config', config, '--show-values', '--ref', 'R-1001'), { stdout: /Jane.*gift/ });
  t.match(json(await runAgent('peek', '--config', config, '--type', 'sale', '--json')), {
    events: [{ stream, seq: 1, state: 'pending', event: { ref: 'R-1001', dims: { customer: '[hidden]' } } }],
    more: false,
    damage: [],
  });
  t.match(await runAgent('peek', '--config', config, '--state', 'acked'), {
    status: 0,
    stdout: '',
    stderr: 'No event matches.\n',
  });

  const verified = await runAgent('verify', '--config', config, '--json');
  t.equal(verified.status, 0);
  t.match(json(verified), { sound: true, pending: 2, damaged: 0, unaccounted: 0, problems: [] });
  t.match(await runAgent('verify', '--config', config), { status: 0, stdout: /^● Sound/ });

  const exported = await runAgent('export', '--config', config);
  t.match(exported, { status: 0, stderr: '2 events exported.\n' });
  t.match(lines(exported), [{ stream, seq: 1, state: 'pending', event: SALE }, { seq: 2 }]);

  t.match(json(await runAgent('losses', '--config', config, '--json')), { losses: [], events: 0 });
  t.strictSame(readFileSync(path), before, 'the database is as it was');
  t.strictSame(readFileSync(`${path}-wal`), log, 'and so is its log');
});

t.test('a lost index of the log is made anew, and what is only in the log is told', async (t) => {
  const { config, path } = await deadAgent(t, [SALE]);
  rmSync(`${path}-shm`);
  t.match(json(await runAgent('status', '--config', config, '--json')), { pending: 1 });
});

t.test('a file that is named is looked at alone, also beside a running agent of the same terminal', async (t) => {
  const dead = await deadAgent(t, [SALE]);
  const folder = join(testDir(t), 'live');
  mkdirSync(folder);
  const [port] = await freePorts(1);
  const config = writeConfig(folder, { ingest: { port } });
  await startAgentProcess(t, config);
  t.match(await runAgent('status', '--config', config), { status: 0, stdout: /Not connected[\s\S]*agent +runs since/ });
  const other = await runAgent('status', '--config', config, '--buffer', dead.path);
  t.match(other, { status: 0, stdout: /^terminal +acme\/till-1$[\s\S]*^pending +1 event$/m });
  t.notMatch(other.stdout, /connected|agent +|full in| of 1\.0 GiB/i);
  t.match(json(await runAgent('status', '--config', config, '--buffer', dead.path, '--json')), {
    agent: null,
    maxBytes: null,
  });
});

t.test('a file alone can be looked at, without a configuration', async (t) => {
  const { path } = await deadAgent(t, [SALE]);
  t.match(await runAgent('status', '--buffer', path), { status: 0, stdout: /^pending +1 event$/m });
});

t.test('on a read-only medium a copy is looked at, which goes away again', async (t) => {
  const { path } = await deadAgent(t, [SALE]);
  const folder = join(testDir(t), 'medium');
  mkdirSync(folder);
  for (const suffix of ['', '-wal']) copyFileSync(`${path}${suffix}`, join(folder, `buffer.db${suffix}`));
  chmodSync(folder, 0o555);
  const status = await runAgentWithPermissions('status', '--buffer', join(folder, 'buffer.db'), '--json').finally(() =>
    // Before the test's folder is removed.
    chmodSync(folder, 0o755),
  );
  t.match(status, { status: 0, stderr: /reading a copy/ });
  t.match(json(status), { pending: 1 });
  t.same(readdirSync(folder).sort(), ['buffer.db', 'buffer.db-wal']);
});

t.test('a damaged page: what can be read is, and verify exits with 1 and names the rest', async (t) => {
  const { config, path } = await deadAgent(t, many(1_500));
  const agent = await startAgentProcess(t, config);
  agent.child.kill('SIGTERM');
  await agent.ended;
  destroyPageOf(path, 'R-1000');

  const verified = await runAgent('verify', '--config', config, '--json');
  t.equal(verified.status, 1);
  const { sound, damaged, pending, problems } = json(verified) as {
    sound: boolean;
    damaged: number;
    pending: number;
    problems: string[];
  };
  t.equal(sound, false);
  t.ok(damaged > 0 && damaged < 100, `${damaged} damaged`);
  t.equal(pending + damaged, 1_500);
  t.match(problems.join(), /till-1\.[0-9a-f]{16} seq \d+-\d+: damaged, or cannot be read/);
  t.match(await runAgent('verify', '--config', config), { status: 1, stdout: /^■ Not sound/ });

  const exported = await runAgent('export', '--config', config);
  t.equal(exported.status, 1);
  t.equal(lines(exported).length, pending);
  t.match(exported.stderr, /cannot be read: database disk image is malformed/);
  t.match(await runAgent('peek', '--config', config, '--limit', '5'), { status: 0, stdout: /R-1499/ });
});

t.test('a file that SQLite cannot open: what lies in its pages is told and written out', async (t) => {
  const { config, path, stream } = await deadAgent(t, many(300));
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(4096, 0x55), 0, 4096, 0);
  closeSync(file);
  // Its log holds all of it, too, and would give the first page back.
  const log = openSync(`${path}-wal`, 'r+');
  writeSync(log, Buffer.alloc(4096, 0x55), 0, 4096, 0);
  closeSync(log);
  rmSync(`${path}-shm`);

  const status = await runAgent('status', '--config', config, '--json');
  t.match(status, { status: 1, stderr: /is damaged: reading what is left in its pages/ });
  t.match(json(status), { error: /file is not a database/, readable: { events: { pending: Number } } });
  const exported = await runAgent('export', '--config', config);
  t.equal(exported.status, 1);
  const [first] = lines(exported);
  t.match(first, { stream, seq: Number, state: 'pending', event: { dims: SALE.dims } });
  const verified = await runAgent('verify', '--config', config, '--json');
  t.equal(verified.status, 1);
  t.match(json(verified), {
    sound: false,
    problems: [/file is not a database; what can be read of it: \d+ events/],
    pending: null,
    readable: { events: { pending: Number } },
  });
  t.match(await runAgent('verify', '--config', config), {
    status: 1,
    stdout: /Nothing could be accounted for\. Readable: \d+ pending/,
  });
  t.match(await runAgent('losses', '--config', config), {
    status: 1,
    stderr: /file is not a database[\s\S]*No loss record can be read/,
  });
  t.match(json(await runAgent('losses', '--config', config, '--json')), { losses: [], damage: [/not a database/] });
  t.match(await runAgent('peek', '--config', config, '--limit', '3'), { status: 0, stdout: /R-/ });
  const output = join(testDir(t), 'bundle.json.gz');
  t.match(await runAgent('bundle', '--config', config, '--output', output), { status: 0 });
  t.match(JSON.parse(gunzipSync(readFileSync(output)).toString()), {
    buffer: { status: null, latest: [{ stream }], readable: { events: { pending: Number } } },
    faults: [/file is not a database/],
  });
});

t.test('what is no buffer at all is told in words, by each command', async (t) => {
  const config = writeConfig(testDir(t));
  writeFileSync(join(testDir(t), 'buffer.db'), 'a shopping list\n'.repeat(1_000));
  for (const command of ['status', 'peek', 'verify', 'losses', 'export', 'requeue', 'bundle']) {
    const words = command === 'requeue' ? ['--all'] : [];
    if (command === 'bundle') words.push('--output', join(testDir(t), 'bundle.json.gz'));
    const result = await runAgent(command, '--config', config, ...words);
    t.match(result.stderr, /is damaged|not a database/, command);
    t.notMatch(result.stderr, /\n {4}at /, `${command} shows no stack`);
    t.notMatch(result.stdout + result.stderr, /Nothing was lost|pending +0/, `${command} claims nothing`);
    t.equal(result.status === 0, command === 'bundle', command);
  }
});

t.test('a pipe or a folder in place of a file is told at once', async (t) => {
  const config = writeConfig(testDir(t));
  const pipe = join(testDir(t), 'pipe');
  execFileSync('mkfifo', [pipe]);
  t.match(await runAgent('status', '--config', pipe), { status: 2, stderr: /the configuration is a pipe, not a file/ });
  t.match(await runAgent('run', '--config', testDir(t)), {
    status: 2,
    stderr: /the configuration is a folder, not a file/,
  });
  t.match(await runAgent('peek', '--buffer', pipe), { status: 1, stderr: /pipe: is a pipe, not a file/ });
  t.match(await runAgent('verify', '--buffer', testDir(t)), { status: 1, stderr: /is a folder, not a file/ });
  const output = join(testDir(t), 'bundle.json.gz');
  t.match(await runAgent('bundle', '--config', config, '--buffer', pipe, '--log', pipe, '--output', output), {
    status: 0,
    stderr: /Without the buffer: .*is a pipe/,
  });
  const misled = writeConfig(testDir(t), { buffer: { path: pipe } });
  t.match(await runAgent('run', '--config', misled), {
    status: 1,
    stderr: /pipe: is a pipe, not a file: give another buffer\.path/,
  });
});

t.test('what a collector refuses is in quarantine and in the ledger; requeued, it is shipped', async (t) => {
  const collector = await ScriptedCollector.start();
  t.teardown(() => collector.stop());
  collector.script = () => ({ result: 'invalid', reason: 'the collector does not know this type' });
  const urls = [`mqtt://127.0.0.1:${collector.port}`];
  const config = writeConfig(testDir(t), { collector: { urls, token: 'secret' } });
  const agent = await startAgentProcess(t, config);
  await post(agent, SALE);
  const status = async () =>
    (await (await fetch(`${agent.url}/v1/status`)).json()) as { buffer: { quarantined: number; acked: number } };
  for (;;) if ((await status()).buffer.quarantined === 1) break;

  t.match(json(await runAgent('losses', '--config', config, '--json')), {
    losses: [{ firstSeq: 1, lastSeq: 1, count: 1, reason: 'quarantined', detail: /does not know this type/ }],
    events: 1,
  });
  t.match(await runAgent('losses', '--config', config), {
    status: 0,
    stdout: /RECORDED +REASON +EVENTS[\s\S]*quarantined +1 +till-1\./,
    stderr: /1 event lost in 1 record/,
  });
  t.match(await runAgent('peek', '--state', 'quarantined', '--config', config), { stdout: /does not know this type/ });
  t.match(await runAgent('requeue', '--all', '--dry-run', '--config', config), {
    status: 0,
    stdout: '1 event would be requeued.\n',
  });
  t.equal((await status()).buffer.quarantined, 1);

  collector.script = STORE;
  t.match(await runAgent('requeue', '--stream', agent.stream, '--seq', '1', '--config', config, '--json'), {
    status: 0,
    stdout: '{"requeued":1,"duplicates":0,"refused":[],"dryRun":false}\n',
  });
  for (const [stream, seq, words] of [
    [agent.stream, '7', /seq 7: nothing to requeue: the stream ends at seq 1/],
    [agent.stream, '1', /seq 1: nothing to requeue: it is (pending|acked), not quarantined/],
    ['till-1.0000000000000000', '1', /nothing to requeue: this buffer knows no such stream/],
  ] as const)
    t.match(await runAgent('requeue', '--stream', stream, '--seq', seq, '--config', config), {
      status: 1,
      stdout: '',
      stderr: words,
    });
  // The agent looks for requeued events with its next commit, or every few seconds.
  await post(agent, { ...SALE, ref: 'R-1002' });
  await until(() => collector.stored.includes('R-1001'), 'the requeued event is stored');
  t.match(json(await runAgent('verify', '--config', config, '--json')), { sound: true, quarantined: 0 });
});

t.test('a bundle holds what support needs, and no secret, customer or card number', async (t) => {
  const dir = testDir(t);
  const config = writeConfig(dir, { collector: { urls: ['mqtt://127.0.0.1:1'], token: 'very-secret-token' } });
  const agent = await startAgentProcess(t, config);
  await post(agent, [SALE, { type: 'sale', ref: '4111 1111 1111 1111' }]);
  const log = join(dir, 'agent.log');
  const output = join(dir, 'bundle.json.gz');
  writeFileSync(log, 'first\nthe token very-secret-token\ncard 5555 5555 5555 4444\n');
  const made = await runAgent('bundle', '--config', config, '--output', output, '--log', log, '--json');
  t.match(made, { status: 0 });
  t.match(json(made), { file: output });
  const text = gunzipSync(readFileSync(output)).toString();
  t.notMatch(text, /very-secret-token|Jane|gift|4111 1111 1111|5555 5555 5555 4/);
  t.match(JSON.parse(text), {
    versions: { agent: /^\d/, node: process.versions.node },
    config: { merchant: 'acme', collector: { token: { text: '[hidden]' } } },
    buffer: { status: { pending: 2 }, verify: { sound: true }, latest: [{ seq: 2 }, { seq: 1 }], losses: [] },
    disk: { files: [{ name: 'buffer.db' }], fileSystem: { freeBytes: Number } },
    log: { source: log, lines: ['first', 'the token [hidden]', 'card **** **** **** 4444'] },
    faults: [],
  });
  const again = await runAgent('bundle', '--config', config, '--output', output);
  t.match(again, { status: 1, stderr: /bundle\.json\.gz: exists already/ }, 'no file is overwritten');
  for (const place of [output, dir, join(dir, 'none', 'x.gz')]) {
    const refused = await runAgent('bundle', '--config', config, '--output', place, '--json');
    t.match(refused, { status: 1, stderr: /exist/ });
    t.notMatch(refused.stderr, /\n {4}at /, 'without a stack');
    t.match(json(refused), { error: /exist/ });
  }
  t.ok(existsSync(output));
});

t.test('--help of each command, as text and as one JSON document', async (t) => {
  t.match(await runAgent('peek', '--help'), { status: 0, stdout: /--state STATE[\s\S]*Examples/, stderr: '' });
  t.match(json(await runAgent('--help', '--json')), { commands: [{ command: 'run' }] });
});

t.test(
  'without --config, and nothing at the default place, it is said what to give',
  { skip: existsSync('/etc/tillstream/agent.yaml') && 'there is one on this machine' },
  async (t) => {
    t.match(await runAgent('status'), {
      status: 2,
      stderr: /needs --config FILE: there is no \/etc\/tillstream\/agent\.yaml/,
    });
  },
);

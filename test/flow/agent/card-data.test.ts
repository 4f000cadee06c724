/** Card numbers that came past the guard of intake, in an older version's rows or in others' words, leave the agent in no text for people. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { request } from 'undici';
import { until } from '../../../scripts/processes/wait-until.ts';
import {
  type AgentProcess,
  type Finished,
  runAgent,
  startAgentProcess,
  writeConfig,
} from '../../support/agent/agent-process.ts';
import { parsed } from '../../support/agent/events.ts';
import { ScriptedCollector } from '../../support/agent/scripted-collector.ts';
import { type Scratch, scratchBuffer } from '../../support/agent/temp-buffer.ts';
import { testDir } from '../../support/system/test-dir.ts';

const DEADLINE_MS = 30_000;
/** Test numbers, as tills write them. */
const VISA = '4111 1111 1111 1111';
const MASTERCARD = '5555-5555-5555-4444';
const AMEX = '378282246310005';
const MASKED_VISA = '**** **** **** 1111';

t.setTimeout(180_000);

const bare = (text: string): string => text.replaceAll(/[ -]/g, '');

/** Whether a text has more of one of the numbers than its last four digits, however it is written. */
const tellsCard = (text: string): boolean =>
  [VISA, MASTERCARD, AMEX].some((card) => bare(text).includes(bare(card).slice(0, -4)));

const SALE = { type: 'sale', ts: '2026-11-22T09:30:00+05:30', amount: 129900, currency: 'INR' };

/** What no agent of today stores: events, and a reason of a quarantine, with card numbers in the clear. */
async function unguardedBuffer(t: Test): Promise<Scratch> {
  const scratch = scratchBuffer(testDir(t));
  const buffer = scratch.open();
  await buffer.accept([
    parsed({ ...SALE, ref: VISA, attrs: { paidWith: Number(AMEX), track: `;${bare(VISA)}=26122011234567890?` } }),
    parsed({ ...SALE, ref: 'R-2', dims: { customer: MASTERCARD, method: VISA } }),
    parsed({ ...SALE, ref: 'R-3', items: [{ sku: AMEX, qty: 1, price: 129900 }], attrs: { [MASTERCARD]: 'x' } }),
  ]);
  const { open: epoch } = buffer.holdings();
  await buffer.settle([{ kind: 'quarantined', epoch, firstSeq: 2, lastSeq: 2, reason: `nobody knows ${VISA}` }]);
  await buffer.settle([{ kind: 'stored', epoch, firstSeq: 3, lastSeq: 3 }]);
  buffer.close();
  const file = readFileSync(scratch.path, 'latin1');
  for (const card of [VISA, MASTERCARD, AMEX]) t.ok(file.includes(card), `${card} is in the file`);
  return scratch;
}

const said = ({ stdout, stderr }: Finished): string => stdout + stderr;

const COMMANDS = ['export', 'peek', 'peek --show-values', 'losses', 'verify', 'status'];

/** All that commands say that look, by their words, and what is in a bundle. */
async function looks(config: string, folder: string, commands: readonly string[]): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const words of commands) {
    texts.set(words, said(await runAgent(...words.split(' '), '--config', config)));
    if (words === 'export') continue;
    texts.set(`${words} --json`, said(await runAgent(...words.split(' '), '--config', config, '--json')));
  }
  const bundle = join(folder, 'bundle.json.gz');
  texts.set('bundle', said(await runAgent('bundle', '--config', config, '--output', bundle)));
  texts.set('what is in the bundle', gunzipSync(readFileSync(bundle)).toString());
  return texts;
}

function nothingTold(t: Test, texts: ReadonlyMap<string, string>): void {
  t.same(
    [...texts].filter(([, text]) => tellsCard(text)).map(([words]) => words),
    [],
    'none tells a card number',
  );
}

/** A running agent, and all that it writes. */
async function watched(t: Test, config: string): Promise<{ agent: AgentProcess; output: () => string }> {
  const agent = await startAgentProcess(t, config);
  let written = '';
  agent.child.stdout!.on('data', (chunk) => {
    written += chunk;
  });
  return { agent, output: () => written + agent.log() };
}

const logged = ({ agent, output }: { agent: AgentProcess; output: () => string }, what: RegExp) =>
  until(() => what.test(output()), { what: `${what} in the log of ${agent.url}`, deadlineMs: DEADLINE_MS });

async function ended({ child, ended }: AgentProcess): Promise<void> {
  child.kill('SIGTERM');
  await ended;
}

t.test(
  'rows of an agent without the guard: no command tells a card number, nor what it writes for support',
  async (t) => {
    await unguardedBuffer(t);
    const texts = await looks(writeConfig(testDir(t)), testDir(t), COMMANDS);
    nothingTold(t, texts);
    // Each had something to tell.
    t.equal(texts.get('export')!.match(/"stream"/g)!.length, 3);
    t.match(texts.get('export')!, `"ref":"${MASKED_VISA}"`);
    t.match(texts.get('export')!, /"sku":"\*{11}0005"/);
    t.match(texts.get('peek --show-values')!, `customer=****-****-****-4444 method=${MASKED_VISA}`);
    t.match(texts.get('peek --show-values --json')!, /"paidWith":"\*+0005"/);
    for (const words of ['losses', 'losses --json', 'peek', 'status --json', 'what is in the bundle'])
      t.match(texts.get(words)!, `nobody knows ${MASKED_VISA}`, words);
    t.match(texts.get('verify')!, /Sound/);
  },
);

t.test('nor when the file is destroyed, and its rows are found one by one', async (t) => {
  const scratch = await unguardedBuffer(t);
  scratch.spoil(0, 200);
  const texts = await looks(writeConfig(testDir(t)), testDir(t), ['export', 'peek --show-values']);
  nothingTold(t, texts);
  t.match(texts.get('export')!, `"ref":"${MASKED_VISA}"`);
  t.match(texts.get('peek --show-values')!, `customer=****-****-****-4444`);
});

t.test('nor does an agent that runs on them: its log, its status, its figures and its page for support', async (t) => {
  await unguardedBuffer(t);
  const running = await watched(t, writeConfig(testDir(t)));
  await logged(running, /not shipping/);
  const texts = new Map<string, string>();
  for (const path of ['/v1/status', '/v1/inspect', '/metrics', '/'])
    texts.set(path, await (await request(`${running.agent.url}${path}`)).body.text());
  await ended(running.agent);
  nothingTold(t, texts.set('log', running.output()));
  for (const path of ['/v1/status', '/v1/inspect', '/']) t.match(texts.get(path)!, `nobody knows ${MASKED_VISA}`, path);
});

t.test('a fault whose words hold a card number is logged without it', async (t) => {
  const token = join(testDir(t), `token of ${VISA}`);
  // A file where a folder should be.
  const folder = join(testDir(t), `till of ${AMEX}`);
  writeFileSync(folder, '');
  const running = await watched(
    t,
    writeConfig(testDir(t), { collector: { urls: ['mqtt://127.0.0.1:1'], tokenFile: token } }),
  );
  await logged(running, /not shipping: .*: the token file/);
  await ended(running.agent);
  t.match(running.output(), `token of ${MASKED_VISA}: the token file`);
  t.notOk(tellsCard(running.output()), 'a token that cannot be read');

  const config = writeConfig(testDir(t), { buffer: { path: join(folder, 'buffer.db') } });
  const diskless = await watched(t, config);
  await logged(diskless, /the buffer is not open: .*till of/);
  await ended(diskless.agent);
  t.match(diskless.output(), /the buffer is not open: .*till of \*{11}0005/);
  t.notOk(tellsCard(diskless.output()), 'a buffer that cannot be opened');

  const looked = await runAgent('status', '--config', config, '--json');
  t.match(looked, { status: 1, stdout: /"error":".*\*{11}0005/, stderr: /\*{11}0005/ });
  t.notOk(tellsCard(said(looked)), 'nor does a command tell it');
});

t.test('a collector that names a card number in its answer: it is not told, and not written', async (t) => {
  const collector = await ScriptedCollector.start();
  t.teardown(() => collector.stop());
  const config = writeConfig(testDir(t), {
    collector: { urls: [`mqtt://127.0.0.1:${collector.port}`], token: 'secret' },
    ship: { lingerMs: 1, reconnectMaxMs: 1_000 },
  });
  collector.script = () => ({ result: 'busy', reason: `busy with ${MASTERCARD}`, retryAfterMs: 100 });
  const running = await watched(t, config);
  const { agent } = running;
  const status = async () => (await request(`${agent.url}/v1/status`)).body.text();
  await request(`${agent.url}/v1/events`, { method: 'POST', body: JSON.stringify({ ...SALE, ref: 'R-1' }) });
  const texts = new Map<string, string>();
  const told = (words: string) =>
    until(async () => (await status()).includes(words), { what: words, deadlineMs: DEADLINE_MS });
  await told('busy with');
  texts.set('status while it waits', await status());
  collector.script = () => ({ result: 'invalid', reason: `nobody knows ${VISA}` });
  await told('"quarantined":1');
  await until(() => collector.losses.length === 1, { what: 'the record of the loss', deadlineMs: DEADLINE_MS });
  texts.set('status', await status());
  texts.set('record of the loss', collector.losses[0]!.loss.detail!);
  await ended(agent);
  texts.set('log', running.output());
  texts.set('file', readFileSync(join(testDir(t), 'buffer.db'), 'latin1'));
  nothingTold(t, texts);
  t.match(texts.get('status while it waits')!, 'busy with ****-****-****-4444');
  for (const where of ['status', 'record of the loss', 'file'])
    t.ok(texts.get(where)!.includes(`nobody knows ${MASKED_VISA}`), where);
});

import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { type AgentProcess, runAgent, startAgentProcess, writeConfig } from '../../support/agent/agent-process.ts';
import { until } from '../../support/agent/fake-timers.ts';
import { ScriptedCollector, SILENCE } from '../../support/agent/scripted-collector.ts';

const post = (agent: AgentProcess, body: unknown) =>
  fetch(`${agent.url}/v1/events`, { method: 'POST', body: JSON.stringify(body) });

t.test('usage and configuration errors exit with 2 and say what to do', async (t) => {
  const none = await runAgent();
  t.match(none, { status: 2, stdout: '', stderr: /a command is missing.*Try --help/s });
  const wrong = await runAgent('status', '--config', writeConfig(t.testdir(), { port: 1 }), '--json');
  t.match(wrong, { status: 2, stderr: /\/port is not a known key/ });
  t.match(JSON.parse(wrong.stdout), { error: /\/port is not a known key/ });
});

t.test('--help tells the commands on standard output', async (t) => {
  t.match(await runAgent('--help'), { status: 0, stdout: /run .*status .*Examples/s, stderr: '' });
});

t.test('status without a buffer exits with 1, and makes none', async (t) => {
  const dir = t.testdir();
  const none = await runAgent('status', '--config', writeConfig(dir));
  t.match(none, { status: 1, stdout: '', stderr: /there is no buffer/ });
  t.same(readdirSync(dir), ['agent.yaml']);
});

t.test('status tells the same beside a running agent, after its kill, and in its own words', async (t) => {
  const config = writeConfig(t.testdir());
  const agent = await startAgentProcess(t, config);
  t.equal(
    (
      await post(agent, [
        { type: 'sale', ref: 'a' },
        { type: 'sale', ref: 'b' },
      ])
    ).status,
    201,
  );
  const status = async () => {
    const { status, stdout } = await runAgent('status', '--config', config, '--json');
    t.equal(status, 0);
    const { walBytes, usedBytes, fileBytes, path, agent, ...rest } = JSON.parse(stdout) as Record<string, unknown>;
    return rest;
  };
  const beside = await status();
  t.match(beside, {
    merchant: 'acme',
    terminal: 'till-1',
    pending: 2,
    acked: 0,
    quarantined: 0,
    refs: 2,
    refConflicts: 0,
    epochs: [{ lastSeq: 2, pending: [[1, 2]] }],
  });
  const live = (await (await fetch(`${agent.url}/v1/status`)).json()) as { buffer: Record<string, unknown> };
  const { walBytes, usedBytes, fileBytes, hoursUntilFull, full, ...own } = live.buffer;
  t.strictSame({ hoursUntilFull, full }, { hoursUntilFull: null, full: null });
  t.strictSame(own, beside);
  t.match(live, { stream: agent.stream, connection: { words: /not connected: nothing listens there|connecting/ } });
  agent.child.kill('SIGKILL');
  t.equal(await agent.ended, 'SIGKILL');
  t.strictSame(await status(), beside);
  const table = await runAgent('status', '--config', config);
  t.match(table, { status: 0, stdout: /^pending +2 events/m, stderr: '' });
});

t.test('a second run on the same buffer exits with 1 and says why; after kill -9 of the first it starts', async (t) => {
  const config = writeConfig(t.testdir());
  const first = await startAgentProcess(t, config);
  t.match(await runAgent('run', '--config', config), { status: 1, stderr: /another agent has this buffer open/ });
  first.child.kill('SIGKILL');
  await first.ended;
  const second = await startAgentProcess(t, config);
  t.not(second.stream, first.stream);
  second.child.kill('SIGTERM');
  t.equal(await second.ended, 0);
});

t.test('a port in use exits with 1 and says what to do', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const { port } = taken.address() as { port: number };
  t.match(await runAgent('run', '--config', writeConfig(t.testdir(), { ingest: { port } })), {
    status: 1,
    stderr: /the port is in use/,
  });
});

t.test('SIGTERM and SIGINT stop an agent cleanly', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const dir = t.testdir();
    const agent = await startAgentProcess(t, writeConfig(dir));
    t.equal((await post(agent, { type: 'sale' })).status, 201);
    agent.child.kill(signal);
    t.equal(await agent.ended, 0, signal);
    t.match(agent.log(), /stopped/);
    t.notOk(existsSync(join(dir, 'buffer.db-wal')), 'the buffer was closed');
  }
});

t.test('SIGHUP does not end an agent: it connects with a replaced token at once', async (t) => {
  const collector = await ScriptedCollector.start();
  t.teardown(() => collector.stop());
  const dir = t.testdir({ token: 'first' });
  const urls = [`mqtt://127.0.0.1:${collector.port}`];
  const agent = await startAgentProcess(t, writeConfig(dir, { collector: { urls, tokenFile: join(dir, 'token') } }));
  await until(() => collector.statuses.length > 0, 'a session');
  writeFileSync(join(dir, 'token'), 'second');
  agent.child.kill('SIGHUP');
  // Without the signal it takes a minute.
  await until(() => collector.clients.at(-1)?.password === 'second', 'the new token');
  t.match(agent.log(), /SIGHUP: token and certificate files are read again/);
  t.equal((await post(agent, { type: 'sale' })).status, 201);
});

t.test('a second signal ends an agent at once, which would wait for an ack', async (t) => {
  const collector = await ScriptedCollector.start();
  t.teardown(() => collector.stop());
  collector.script = SILENCE;
  const urls = [`mqtt://127.0.0.1:${collector.port}`];
  const config = writeConfig(t.testdir(), { collector: { urls, token: 'secret' } });
  const agent = await startAgentProcess(t, config);
  await post(agent, { type: 'sale' });
  await until(() => collector.batches.length === 1, 'a batch on its way');
  agent.child.kill('SIGTERM');
  await until(() => agent.log().includes('SIGTERM: stopping'), 'the first signal is heeded');
  agent.child.kill('SIGINT');
  t.equal(await agent.ended, 1);
  t.match(JSON.parse((await runAgent('status', '--config', config, '--json')).stdout), { pending: 1 });
});

t.test('metrics are in the Prometheus format', async (t) => {
  const agent = await startAgentProcess(t, writeConfig(t.testdir()));
  await post(agent, { type: 'sale' });
  const answer = await fetch(`${agent.url}/metrics`);
  t.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  const text = await answer.text();
  t.match(text, /^tillstream_agent_events_pending 1$/m);
  t.match(text, /^tillstream_agent_ingest_events_accepted_total 1$/m);
  agent.child.kill('SIGTERM');
  t.equal(await agent.ended, 0);
});

/** From a till's POST to a collector's hands, by an agent that is killed again and again. */
import t from 'tap';
import { until as eventually } from '../../../scripts/processes/wait-until.ts';
import { type AgentProcess, runAgent, startAgentProcess, writeConfig } from '../../support/agent/agent-process.ts';
import { until } from '../../support/agent/fake-timers.ts';
import { type Batch, ScriptedCollector } from '../../support/agent/scripted-collector.ts';

/** The refs under each identity that the collector saw. */
function identities(batches: readonly Batch[]): Map<string, Set<string>> {
  const seen = new Map<string, Set<string>>();
  for (const { header, events } of batches) {
    events.forEach(({ ref }, at) => {
      const identity = `${header.epoch}/${header.firstSeq + at}`;
      seen.set(identity, (seen.get(identity) ?? new Set()).add(ref!));
    });
  }
  return seen;
}

t.test('every answered event reaches the collector under one identity, whatever is killed or dropped', async (t) => {
  const collector = await ScriptedCollector.start();
  t.teardown(() => collector.stop());
  // Some acks are lost: what they named must come again, the same.
  collector.script = (_, { batches }) => {
    if (batches.length % 5 === 0) collector.drop();
    return batches.length % 5 === 0 ? null : { result: 'stored' };
  };
  const config = writeConfig(t.testdir(), {
    collector: { urls: [`mqtt://127.0.0.1:${collector.port}`], token: 'secret' },
    ship: { reconnectMaxMs: 1_000, lingerMs: 1 },
  });
  let agent: AgentProcess = await startAgentProcess(t, config);
  const answered = new Map<string, string>();
  let next = 0;
  const post = async (count: number) => {
    const refs = Array.from({ length: count }, () => `R-${next++}`);
    const answer = await fetch(`${agent.url}/v1/events`, {
      method: 'POST',
      body: JSON.stringify(refs.map((ref) => ({ type: 'sale', ref }))),
    });
    t.equal(answer.status, 201);
    const { stream, firstSeq } = (await answer.json()) as { stream: string; firstSeq: number };
    refs.forEach((ref, at) => {
      answered.set(ref, `${stream.split('.')[1]}/${firstSeq + at}`);
    });
  };
  for (let kill = 0; kill < 3; kill++) {
    const before = collector.batches.length;
    for (let request = 0; request < 40; request++) await post(25);
    await until(() => collector.batches.length > before, 'shipping goes on');
    agent.child.kill('SIGKILL');
    await agent.ended;
    agent = await startAgentProcess(t, config);
  }
  const pending = async () =>
    ((await (await fetch(`${agent.url}/v1/status`)).json()) as { buffer: { pending: number } }).buffer.pending;
  await eventually(async () => (await pending()) === 0, { what: 'the buffer to drain', deadlineMs: 60_000 });

  const seen = identities(collector.batches);
  t.same(
    [...seen].filter(([, refs]) => refs.size > 1),
    [],
    'an identity never holds two events',
  );
  const byRef = new Map([...seen].map(([identity, [ref]]) => [ref!, identity]));
  t.equal(byRef.size, 3_000);
  t.same(
    [...answered].filter(([ref, identity]) => byRef.get(ref) !== identity),
    [],
    'each event came under the identity that the till was told',
  );
  t.equal(seen.size, 3_000, 'and under no other');

  agent.child.kill('SIGTERM');
  t.equal(await agent.ended, 0);
  const last = collector.statuses.at(-1)!;
  t.same(last.closed?.at(-1), [last.epochs.at(-1)!.epoch, last.epochs.at(-1)!.lastSeq], 'signed off');
  t.match(JSON.parse((await runAgent('status', '--config', config, '--json')).stdout), { pending: 0, acked: 3_000 });
});

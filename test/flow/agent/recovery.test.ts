import { closeSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { request } from 'undici';
import { until } from '../../../scripts/processes/wait-until.ts';
import { runAgent, startAgentProcess, writeConfig } from '../../support/agent/agent-process.ts';

const DEADLINE_MS = 30_000;

t.setTimeout(120_000);

const sale = (ref: string) => ({ type: 'sale', amount: 100, currency: 'EUR', ref });

async function post(url: string, events: unknown): Promise<{ status: number; stream: string; accepted: number }> {
  const { statusCode, body } = await request(`${url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(events),
  });
  return { status: statusCode, ...((await body.json()) as { stream: string; accepted: number }) };
}

async function buffer(url: string): Promise<{ pending: number; salvage: string | null; losses: { events: number } }> {
  const { body } = await request(`${url}/v1/status`);
  return ((await body.json()) as { buffer: never }).buffer;
}

const zero = (path: string, offset: number, length: number): void => {
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.alloc(length), 0, length, offset);
  closeSync(fd);
};

t.test('an agent that finds its buffer destroyed answers at once, and has all of it back soon', async (t) => {
  const dir = t.testdir();
  const config = writeConfig(dir);
  const file = join(dir, 'buffer.db');
  const first = await startAgentProcess(t, config);
  for (let at = 0; at < 10; at++) {
    t.match(
      await post(
        first.url,
        Array.from({ length: 100 }, (_, n) => sale(`R-${at}-${n}`)),
      ),
      { accepted: 100 },
    );
  }
  // A clean end leaves no log, from which the first page would come back.
  first.child.kill('SIGTERM');
  await first.ended;
  zero(file, 0, 4096);

  const second = await startAgentProcess(t, config);
  t.match(await post(second.url, sale('new')), { status: 201 });
  await until(async () => (await buffer(second.url)).salvage === null, { what: 'salvaged', deadlineMs: DEADLINE_MS });
  t.match(await buffer(second.url), { pending: 1001, losses: { events: 0 } });
  t.match(await post(second.url, sale('R-9-99')), { status: 200, accepted: 0 }, 'the till’s repeats are known');
  second.child.kill('SIGTERM');
  t.equal(await second.ended, 0);
  t.match(
    readdirSync(dir).filter((name) => name.includes('salvaged')),
    [/^buffer\.db\.salvaged-/],
  );
  const verified = await runAgent('verify', '--config', config, '--json');
  t.equal(verified.status, 0, verified.stdout);
});

t.test('an agent whose files are removed under it goes on, and says what it did', async (t) => {
  const dir = t.testdir();
  const folder = join(dir, 'data');
  const agent = await startAgentProcess(t, writeConfig(dir, { buffer: { path: join(folder, 'buffer.db') } }));
  await post(agent.url, [sale('R-1'), sale('R-2')]);
  rmSync(folder, { recursive: true });
  await until(async () => (await post(agent.url, sale('R-3'))).status === 201, {
    what: 'taken again',
    deadlineMs: DEADLINE_MS,
  });
  const { statusCode } = await request(`${agent.url}/healthz`);
  t.equal(statusCode, 200);
  await until(async () => (await buffer(agent.url)).salvage === null, {
    what: 'brought over',
    deadlineMs: DEADLINE_MS,
  });
  t.match(await buffer(agent.url), { pending: 3, losses: { events: 0 } });
  t.match(agent.log(), /removed or replaced/);
  agent.child.kill('SIGTERM');
  t.equal(await agent.ended, 0);
});

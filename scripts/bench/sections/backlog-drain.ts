/**
 * A till that reconnects after days offline: its start, the draining of its backlog, and the
 * latency of new sales meanwhile.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { HOUR_MS, hourOf } from '../../../shared/time.ts';
import { Till } from '../../clients/till.ts';
import { runnableBundle } from '../../package/bundle.ts';
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../../package/runtime-flags.ts';
import { AgentProcess } from '../../processes/agent.ts';
import { freePorts } from '../../processes/ports.ts';
import { System } from '../load/test-system.ts';
import { basket, random } from '../load/workload.ts';
import { memoryOf } from '../measure/process-memory.ts';
import { quantile, type Section } from '../measure/report.ts';

const START_MS = 60_000;
const DEADLINE_MS = 600_000;
/** Time for an agent to settle before its memory is measured. */
const SETTLE_MS = 3_000;
const SAMPLE_MS = 100;
/** Pending events below which the backlog counts as drained: recent sales may be in flight. */
const DRAINED_BELOW = 10;
const SALE_MS = 1_000;
const POLL_MS = 50;

interface ShipStatus {
  readonly buffer: { readonly pending: number };
  readonly counters: { readonly batchesSent: number; readonly bytesSent: number };
}

const statusOf = async ({ url }: AgentProcess): Promise<ShipStatus> =>
  (await (await fetch(`${url}/v1/status`)).json()) as ShipStatus;

async function fill(file: string, merchant: string, terminal: string, count: number, hours: number): Promise<void> {
  mkdirSync(path.dirname(file), { recursive: true });
  const script = path.join(import.meta.dirname, '../load/fill-buffer.ts');
  const child = spawn(process.execPath, [script, file, merchant, terminal, String(count), String(hours)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`the buffer could not be filled (${code})`);
}

/** Time until a starting agent has stored a sale. @returns milliseconds */
async function firstAnswer(agent: AgentProcess, till: Till): Promise<number> {
  const start = performance.now();
  const started = agent.start(START_MS);
  await till.send([basket(0, Date.now(), random(1))], AbortSignal.timeout(START_MS));
  const ms = performance.now() - start;
  await started;
  return ms;
}

/**
 * Sells once a second, and polls the API until it counts the sale.
 *
 * @returns seconds for each sale
 */
async function sellUntil(over: AbortSignal, system: System, till: Till): Promise<number[]> {
  const seen: number[] = [];
  const next = random(5);
  const hours = (): Promise<number> => system.counted(Date.now() - HOUR_MS / 4, Date.now() + HOUR_MS);
  while (!over.aborted) {
    const before = await hours();
    const start = performance.now();
    await till.send(
      [{ ...basket(0, Date.now(), next), ref: randomBytes(8).toString('hex') }],
      AbortSignal.timeout(START_MS),
    );
    while ((await hours()) <= before) await wait(POLL_MS);
    seen.push((performance.now() - start) / 1000);
    await wait(SALE_MS);
  }
  return seen;
}

async function anonWhile(over: AbortSignal, pid: number): Promise<{ median: number; p95: number; max: number } | null> {
  const samples: number[] = [];
  while (!over.aborted) {
    const memory = memoryOf(pid);
    if (memory === null) return null;
    samples.push(memory.anon);
    await wait(SAMPLE_MS);
  }
  return { median: quantile(samples, 0.5), p95: quantile(samples, 0.95), max: quantile(samples, 1) };
}

/**
 * Waits until the backlog is drained.
 *
 * @returns its size at the start, the seconds, and the last status
 */
async function drain(agent: AgentProcess): Promise<{ pending: number; seconds: number; status: ShipStatus }> {
  const start = performance.now();
  const signal = AbortSignal.timeout(DEADLINE_MS);
  let status = await statusOf(agent);
  const { pending } = status.buffer;
  let seconds = 0;
  while (status.buffer.pending > DRAINED_BELOW) {
    signal.throwIfAborted();
    await wait(SAMPLE_MS * 5);
    status = await statusOf(agent);
    seconds = (performance.now() - start) / 1000;
  }
  return { pending, seconds, status };
}

/** An agent with an empty buffer and one to be filled, both packaged. */
async function packagedAgents(system: System, folder: string): Promise<[empty: AgentProcess, full: AgentProcess]> {
  const ports = await freePorts(2);
  const program = await runnableBundle(path.join(folder, 'bundle'));
  return [...system.tokens].map(
    ([terminal, token], at) =>
      new AgentProcess({
        folder: path.join(folder, terminal),
        merchant: system.merchant,
        terminal,
        token,
        collector: system.collector.mqttUrl,
        port: ports[at]!,
        program,
        runtime: { flags: NODE_FLAGS, environment: NODE_ENVIRONMENT },
      }),
  ) as [AgentProcess, AgentProcess];
}

/** Fails unless the API counts the whole backlog of the past hours. */
async function checkCounted(system: System, count: number, hours: number): Promise<void> {
  const end = hourOf(Date.now()) * HOUR_MS;
  const stored = await system.counted(end - (hours + 1) * HOUR_MS, end);
  if (stored < count) throw new Error(`the API counts ${stored} of ${count}`);
}

/** @param hours over which the events are spread */
export async function backlog({ count, hours }: { count: number; hours: number }): Promise<Section> {
  const merchant = `bench-${randomBytes(4).toString('hex')}`;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tillstream-bench-'));
  await using system = await System.start({ merchant, agents: 0, fleet: 2 });
  const agents = await packagedAgents(system, folder);
  const [empty, full] = agents;
  const tills = agents.map(({ url }) => new Till(url, Math.random)) as [Till, Till];
  try {
    const emptyMs = await firstAnswer(empty, tills[0]);
    await wait(SETTLE_MS);
    const emptyAnon = memoryOf(empty.child.pid)?.anon ?? null;
    await empty.child.stop(START_MS);

    await fill(path.join(folder, full.terminal, 'buffer.db'), merchant, full.terminal, count, hours);
    const fullMs = await firstAnswer(full, tills[1]);
    const over = new AbortController();
    const anon = anonWhile(over.signal, full.child.pid);
    const sales = sellUntil(over.signal, system, tills[1]);
    const { pending, seconds, status } = await drain(full);
    over.abort();
    const visible = await sales;
    const memory = await anon;
    await checkCounted(system, count, hours);
    return {
      name: 'A backlog drains',
      how: `${count.toLocaleString('en-US')} small baskets over ${hours} hours pending in the buffer of the packaged agent; a new sale each second meanwhile, until the API counts it. Limit: first answer 1 s, 20,000 events/s, RssAnon 15 MB above the empty agent's, 5 s until a sale is visible.`,
      rows: [
        {
          pending,
          'first answer ms': fullMs,
          'empty: ms': emptyMs,
          'drained events/s': pending / seconds,
          batches: status.counters.batchesSent,
          'bytes/event': status.counters.bytesSent / pending,
          'RssAnon MiB, median': memory?.median ?? null,
          p95: memory?.p95 ?? null,
          max: memory?.max ?? null,
          'empty: RssAnon': emptyAnon,
          'sale visible s, median': visible.length === 0 ? null : quantile(visible, 0.5),
          worst: visible.length === 0 ? null : quantile(visible, 1),
        },
      ],
    };
  } finally {
    for (const till of tills) await till.close();
    for (const agent of agents) if (agent.started && agent.child.running) await agent.child.stop(START_MS);
    rmSync(folder, { recursive: true, force: true });
  }
}

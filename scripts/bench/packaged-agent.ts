/** The agent as a till runs it: bundled, with the package's flags. What it takes while it waits for sales, and what it can take on. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { stringify } from 'yaml';
import { HOUR_MS, hourOf } from '../../shared/time.ts';
import { runnableBundle } from '../package/bundle.ts';
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../package/runtime-flags.ts';
import { CollectorProcess } from '../processes/collector.ts';
import { answers } from '../processes/http.ts';
import { freePorts } from '../processes/ports.ts';
import { until } from '../processes/until.ts';
import { Till } from '../till.ts';
import { cpuSecondsOf, memoryOf } from './memory.ts';
import { quantile, type Section } from './report.ts';
import { basket, baskets, random } from './workload.ts';

const START_MS = 60_000;
const STOP_MS = 15_000;
const SALE_EVERY_MS = 5_000;
const TILLS = 10;
/** Of a till that sells more than any, and leaves the driver and the collector their share of the cores. */
const PACE_MS = 20;
/** Of an idle process in V8 alone. */
const BARE = ['--eval', 'setInterval(() => {}, 5000)'];

export interface PackagedOptions {
  /** That it waits for sales. */
  readonly seconds: number;
  /** Posts of one event. */
  readonly singles: number;
  /** Events in arrays of 100. */
  readonly hundreds: number;
}

interface Scene {
  readonly agent: ChildProcess;
  readonly bare: ChildProcess;
  readonly url: string;
}

/** Of a child that runs. */
const memory = ({ pid }: ChildProcess) => memoryOf(pid!) ?? { rss: Number.NaN, anon: Number.NaN };

async function idle({ agent, bare, url }: Scene, seconds: number): Promise<Section> {
  const till = new Till(url, Math.random);
  const next = random(7);
  const before = [agent, bare].map(({ pid }) => cpuSecondsOf(pid!));
  const start = performance.now();
  for (let sale = 0; performance.now() - start < seconds * 1000; sale++) {
    await till.send([basket(sale, Date.now(), next)], AbortSignal.timeout(START_MS));
    await wait(SALE_EVERY_MS);
  }
  await till.close();
  const elapsed = (performance.now() - start) / 1000;
  const share = [agent, bare].map(({ pid }, at) => ((cpuSecondsOf(pid!) ?? Number.NaN) - (before[at] ?? 0)) / elapsed);
  const row = (process: string, child: ChildProcess, of: number) => ({
    process,
    'RSS MiB': memory(child).rss,
    'RssAnon MiB': memory(child).anon,
    '% of a core': share[of]! * 100,
  });
  return {
    name: 'The packaged agent, waiting',
    how: `Bundled, node ${NODE_FLAGS.join(' ')}, connected, a sale every ${SALE_EVERY_MS / 1000} s for ${Math.round(elapsed)} s. Limit: 75 MiB, 32 MiB, 0.5 %.`,
    rows: [row('agent', agent, 0), row('bare Node', bare, 1)],
  };
}

/** @param everyMs from one post of a till to its next at least. @returns milliseconds of each post */
async function post(url: string, bodies: readonly (readonly object[])[], everyMs: number): Promise<number[]> {
  const answered: number[] = [];
  let next = 0;
  const posting = Array.from({ length: TILLS }, async () => {
    const till = new Till(url, Math.random);
    while (next < bodies.length) {
      const events = bodies[next++]!;
      const start = performance.now();
      await till.send(events as Parameters<Till['send']>[0], AbortSignal.timeout(START_MS));
      const took = performance.now() - start;
      answered.push(took);
      if (took < everyMs) await wait(everyMs - took);
    }
    await till.close();
  });
  await Promise.all(posting);
  return answered;
}

async function busy({ agent, url }: Scene, { singles, hundreds }: PackagedOptions): Promise<Section> {
  const hour = hourOf(Date.now()) * HOUR_MS;
  const fresh = (count: number) => {
    const run = randomBytes(4).toString('hex');
    return baskets(count, hour).map((event) => ({ ...event, ref: `${run}-${event.ref}` }));
  };
  const rows = [];
  for (const [size, count, everyMs] of [
    [1, singles / 2, PACE_MS],
    [1, singles, 0],
    [100, hundreds, 0],
  ] as const) {
    const measured = async (events: readonly object[]) => {
      const bodies = Array.from({ length: Math.ceil(events.length / size) }, (_, at) =>
        events.slice(at * size, (at + 1) * size),
      );
      const [start, cpu] = [performance.now(), cpuSecondsOf(agent.pid!)];
      const times = await post(url, bodies, everyMs);
      const [seconds, used] = [(performance.now() - start) / 1000, cpuSecondsOf(agent.pid!)];
      const cpuMicros = cpu === null || used === null ? null : ((used - cpu) * 1e6) / events.length;
      return { times, perSecond: events.length / seconds, cpuMicros };
    };
    // Once to warm up, in small.
    await measured(fresh(count / 10));
    const { times, perSecond, cpuMicros } = await measured(fresh(count));
    rows.push({
      'batch of': size,
      'each till': everyMs === 0 ? 'as fast as it can' : `${1000 / everyMs} a second`,
      'events/s accepted': perSecond,
      'median ms': quantile(times, 0.5),
      'p99 ms': quantile(times, 0.99),
      'CPU us/event': cpuMicros,
      'RSS MiB': memory(agent).rss,
      'RssAnon MiB': memory(agent).anon,
    });
  }
  return {
    name: 'The packaged agent, busy',
    how: `${TILLS} tills, each with one post under way, while it ships. Limit: 20,000 events/s in arrays of 100, p99 10 ms of single events. The driver and the collector share the cores.`,
    rows,
  };
}

/** @param folder for what it writes */
export async function packagedAgent(folder: string, options: PackagedOptions): Promise<Section[]> {
  const here = path.join(folder, 'packaged');
  const file = await runnableBundle(here);
  const [httpPort, mqttPort, port] = (await freePorts(3)) as [number, number, number];
  const collector = new CollectorProcess({ folder: path.join(here, 'collector'), httpPort, mqttPort });
  await collector.init();
  await collector.start(START_MS);
  const token = await collector.addTerminal('bench', 'till-1');
  const config = path.join(here, 'agent.yaml');
  const urls = [collector.mqttUrl];
  const buffer = { path: path.join(here, 'buffer.db') };
  writeFileSync(
    config,
    stringify({ merchant: 'bench', terminal: 'till-1', collector: { urls, token }, buffer, ingest: { port } }),
  );
  const start = (...words: string[]): ChildProcess =>
    spawn(process.execPath, words, { stdio: 'ignore', env: { ...process.env, ...NODE_ENVIRONMENT } });
  const bare = start(...BARE);
  const agent = start(...NODE_FLAGS, file, 'run', '--config', config);
  const ended = [agent, bare].map((child) => once(child, 'exit'));
  try {
    const scene = { agent, bare, url: `http://127.0.0.1:${port}` };
    await until(() => answers(`${scene.url}/healthz`), { what: 'the agent', deadlineMs: START_MS });
    return [await idle(scene, options.seconds), await busy(scene, options)];
  } finally {
    agent.kill('SIGTERM');
    bare.kill('SIGTERM');
    await Promise.all(ended);
    await collector.child.stop(STOP_MS);
  }
}

/**
 * The packaged agent, bundled and with the package's flags: its idle memory, and the load it can
 * take.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { stringify } from 'yaml';
import { Till } from '../../clients/till.ts';
import { runnableBundle } from '../../package/bundle.ts';
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../../package/runtime-flags.ts';
import { CollectorProcess } from '../../processes/collector.ts';
import { answers } from '../../processes/http-probe.ts';
import { freePorts } from '../../processes/ports.ts';
import { until } from '../../processes/wait-until.ts';
import { postFrom, TILLS } from '../load/load-generator.ts';
import { basket, random } from '../load/workload.ts';
import { cpuSecondsOf, memoryOf } from '../measure/process-memory.ts';
import type { Section } from '../measure/report.ts';

const START_MS = 60_000;
const STOP_MS = 15_000;
const SALE_EVERY_MS = 5_000;
/**
 * Milliseconds between posts: more than any till sells, but leaves the cores to the driver and the
 * collector.
 */
const PACE_MS = 20;
/** An idle Node process, for comparison. */
const BARE = ['--eval', 'setInterval(() => {}, 5000)'];

export interface PackagedOptions {
  /** Idle time. */
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

/** Memory of a running child. */
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

async function busy({ agent, url }: Scene, { singles, hundreds }: PackagedOptions): Promise<Section> {
  const rows = [];
  for (const [size, events, everyMs] of [
    [1, singles / 2, PACE_MS],
    [1, singles, 0],
    [100, hundreds, 0],
  ] as const) {
    // A small run to warm up.
    await postFrom(url, { events: events / 10, size, everyMs });
    const before = cpuSecondsOf(agent.pid!);
    const { perSecond, median, p99, driverPause } = await postFrom(url, { events, size, everyMs });
    const after = cpuSecondsOf(agent.pid!);
    rows.push({
      'batch of': size,
      'each till': everyMs === 0 ? 'as fast as it can' : `${1000 / everyMs} a second`,
      'events/s accepted': perSecond,
      'median ms': median,
      'p99 ms': p99,
      'driver paused ms, max': driverPause,
      'CPU us/event': before === null || after === null ? null : ((after - before) * 1e6) / events,
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

/** @param folder for temporary files */
export async function packagedAgent(folder: string, options: PackagedOptions): Promise<Section[]> {
  const here = path.join(folder, 'packaged');
  const file = await runnableBundle(here);
  const [httpPort, mqttPort, port] = (await freePorts(3)) as [number, number, number];
  const collector = new CollectorProcess({ folder: path.join(here, 'collector'), httpPort, mqttPort });
  await collector.init();
  await collector.start(START_MS);
  const started: ChildProcess[] = [];
  const start = (...args: string[]): ChildProcess => {
    const child = spawn(process.execPath, args, { stdio: 'ignore', env: { ...process.env, ...NODE_ENVIRONMENT } });
    started.push(child);
    return child;
  };
  try {
    const token = await collector.addTerminal('bench', 'till-1');
    const config = path.join(here, 'agent.yaml');
    const urls = [collector.mqttUrl];
    const buffer = { path: path.join(here, 'buffer.db') };
    writeFileSync(
      config,
      stringify({ merchant: 'bench', terminal: 'till-1', collector: { urls, token }, buffer, ingest: { port } }),
    );
    const bare = start(...BARE);
    const agent = start(...NODE_FLAGS, file, 'run', '--config', config);
    const scene = { agent, bare, url: `http://127.0.0.1:${port}` };
    await until(() => answers(`${scene.url}/healthz`), { what: 'the agent', deadlineMs: START_MS });
    return [await idle(scene, options.seconds), await busy(scene, options)];
  } finally {
    const ended = started.map((child) => (child.exitCode === null ? once(child, 'exit') : null));
    for (const child of started) child.kill('SIGTERM');
    await Promise.all(ended);
    await collector.child.stop(STOP_MS);
  }
}

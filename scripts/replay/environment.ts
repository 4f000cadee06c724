/** The environment of a replay: a collector and agents. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import type { StoreConfig } from '../../collector/config/collector-config.ts';
import { AgentProcess } from '../processes/agent.ts';
import { addKey, addTerminal, CollectorProcess } from '../processes/collector.ts';
import { freePorts } from '../processes/ports.ts';
import { runJson } from '../processes/run-json.ts';
import type { ReplayOptions } from './options.ts';
import { continueOrBegin } from './resume.ts';

export interface Stage {
  readonly apiUrl: string;
  readonly key: string;
  readonly agents: readonly AgentProcess[];
  /** Stops what was started, agents first. */
  stop(): Promise<void>;
}

/** The collector's part of the environment. */
interface CollectorSide {
  readonly config: string;
  readonly mqttUrl: string;
  readonly httpUrl: string;
  stop(): Promise<void>;
}

const START_DEADLINE_MS = 60_000;
const STOP_MS = 15_000;

/** @param now milliseconds since 1970 */
export async function setStage(options: ReplayOptions, now: number, say: (line: string) => void): Promise<Stage> {
  const folder = path.join(placeOf(options), 'merchants', options.merchant);
  continueOrBegin(folder, options, now);
  const side = options.config === null ? await startCollector(options, say) : runningCollector(options.config, options);
  const agents: AgentProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(agents.filter((agent) => agent.started).map((agent) => agent.child.stop(STOP_MS)));
    await side.stop();
  };
  try {
    const key = await addKey(side.config, options.merchant);
    const ports = await freePorts(options.terminals);
    for (const [index, port] of ports.entries()) {
      const terminal = `till-${index + 1}`;
      agents.push(
        new AgentProcess({
          folder: path.join(folder, terminal),
          merchant: options.merchant,
          terminal,
          token: await addTerminal(side.config, options.merchant, terminal),
          collector: side.mqttUrl,
          port,
        }),
      );
    }
    await Promise.all(agents.map((agent) => agent.start(START_DEADLINE_MS)));
    return { apiUrl: side.httpUrl, key, agents, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** One folder per collector, because an agent's buffer records what it has sent. */
function placeOf({ dir, store, config }: ReplayOptions): string {
  if (config === null) return path.join(dir, store);
  return path.join(dir, `collector-${createHash('sha256').update(path.resolve(config)).digest('hex').slice(0, 8)}`);
}

async function startCollector(options: ReplayOptions, say: (line: string) => void): Promise<CollectorSide> {
  const [httpPort, mqttPort] = await freePorts(2);
  const folder = path.join(placeOf(options), 'collector');
  // Late events of a closed hour appear after a rollup: every few seconds, so that the report need
  // not wait.
  const more = { rollup: { cron: '*/5 * * * * *' } };
  const settings = { folder, httpPort: httpPort!, mqttPort: mqttPort!, more };
  const collector = new CollectorProcess(
    options.store === 'sqlite' ? settings : { ...settings, store: await hbase(say) },
  );
  await collector.init();
  await collector.start(START_DEADLINE_MS);
  return {
    config: collector.config,
    mqttUrl: collector.mqttUrl,
    httpUrl: collector.httpUrl,
    stop: async () => {
      await collector.child.stop(STOP_MS);
    },
  };
}

async function hbase(say: (line: string) => void): Promise<StoreConfig> {
  say('starting HBase, unless it runs (end it with: npm run hbase -- stop)');
  const { host, port } = await runJson<{ host: string; port: number }>('scripts/hbase/main.ts', ['start', '--json']);
  return { kind: 'hbase', host, port, connections: 4, namespace: 'tillstream_replay' };
}

function runningCollector(config: string, options: ReplayOptions): CollectorSide {
  const { mqtt, http } = parse(readFileSync(config, 'utf8')) as Record<'mqtt' | 'http', Listener | undefined>;
  return {
    config: path.resolve(config),
    mqttUrl: options.mqttUrl ?? `mqtt://${addressOf(mqtt, 1883)}`,
    httpUrl: options.httpUrl ?? `http://${addressOf(http, 8080)}`,
    stop: async () => {},
  };
}

interface Listener {
  readonly host?: string;
  readonly port?: number;
}

/** Loopback address of a listener that listens on all addresses. */
function addressOf(listener: Listener | undefined, port: number): string {
  const host = listener?.host ?? '127.0.0.1';
  return `${host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host}:${listener?.port ?? port}`;
}

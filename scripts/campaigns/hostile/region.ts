/** A collector to be attacked: a process with a store of its own, watched from outside. */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { StoreConfig } from '../../../collector/config/collector-config.ts';
import { CollectorProcess } from '../../processes/collector.ts';
import { freePorts } from '../../processes/ports.ts';
import { type AttackTarget, QUOTA_MIB } from './attacks/attack.ts';
import { type HonestTarget, HonestUsers } from './honest/users.ts';
import { ProcessWatch } from './process-watch.ts';
import { type Counters, readCounters } from './prometheus-counters.ts';
import { httpGet } from './wire/http-get.ts';
import type { Credentials } from './wire/mqtt-session.ts';

const READY_MS = 60_000;
const STOP_MS = 15_000;
const HONEST = 'honest';
const NEWCOMERS = 4;
const MIB = 2 ** 20;

/** Small enough that what eats memory shows within seconds. */
const HEAP_FLAG = '--max-old-space-size=1024';
/** Few enough that one machine can hold them all. */
const MAX_CONNECTIONS = 300;
const INGEST = { quotas: { bytesPerDay: QUOTA_MIB * MIB } };
/** Often, so that a pass begins within a few seconds after the minute in which rows are due. */
const ROLLUP = { cron: '*/2 * * * * *', graceSeconds: 0 };

export class Region {
  readonly honest: HonestUsers;
  readonly process: ProcessWatch;
  readonly #collector: CollectorProcess;
  readonly #folder: string;
  readonly #ports: Pick<AttackTarget, 'httpPort' | 'mqttPort' | 'websocketPort'>;

  private constructor(
    collector: CollectorProcess,
    honest: HonestUsers,
    folder: string,
    ports: Pick<AttackTarget, 'httpPort' | 'mqttPort' | 'websocketPort'>,
  ) {
    this.#collector = collector;
    this.honest = honest;
    this.process = new ProcessWatch(collector.child.pid);
    this.#folder = folder;
    this.#ports = ports;
  }

  /**
   * Starts the collector and the honest users.
   *
   * @param folder of the collector's files; it does not exist yet
   * @param store null: SQLite in the folder
   */
  static async start(folder: string, store: StoreConfig | null, signal: AbortSignal): Promise<Region> {
    const [httpPort, mqttPort, websocketPort] = (await freePorts(3)) as [number, number, number];
    const mqtt = { host: '127.0.0.1', port: mqttPort, maxConnections: MAX_CONNECTIONS };
    const collector = new CollectorProcess({
      folder,
      httpPort,
      mqttPort,
      ...(store && { store }),
      more: { mqtt: { ...mqtt, websocket: { port: websocketPort } }, ingest: INGEST, rollup: ROLLUP },
      runtime: { flags: [HEAP_FLAG], environment: {} },
    });
    await collector.init();
    const [key, ...tills] = await Promise.all([
      collector.addKey(HONEST),
      ...Array.from({ length: 1 + NEWCOMERS }, (_, index) => register(collector, HONEST, `till-${index}`)),
    ]);
    const [till, ...newcomers] = tills as [Credentials, ...Credentials[]];
    await collector.start(READY_MS, signal);
    const target: HonestTarget = { mqttPort, httpUrl: collector.httpUrl, merchant: HONEST, key, till, newcomers };
    const honest = new HonestUsers(target, () => performance.now());
    const region = new Region(collector, honest, folder, { httpPort, mqttPort, websocketPort });
    try {
      await honest.start();
    } catch (error) {
      await region.stop();
      throw error;
    }
    return region;
  }

  get running(): boolean {
    return this.#collector.child.running;
  }

  /** How the process ended, in words. */
  async ending(): Promise<string> {
    const { code, signal } = await this.#collector.child.exited;
    return signal === null ? `the collector ended with exit status ${code}` : `the collector ended with ${signal}`;
  }

  /** An attacker's merchant: a terminal and an API key. */
  async admit(merchant: string): Promise<AttackTarget> {
    const [till, key] = await Promise.all([
      register(this.#collector, merchant, 'till-1'),
      this.#collector.addKey(merchant),
    ]);
    return { ...this.#ports, till, key };
  }

  /** @throws Error when the collector does not answer */
  async counters(): Promise<Counters> {
    return readCounters((await httpGet(`${this.#collector.httpUrl}/metrics`)).text);
  }

  logBytes(): number {
    return statSync(path.join(this.#folder, 'collector.log')).size;
  }

  /** Size of the store's files; 0 with HBase. */
  storeMib(): number {
    const files = readdirSync(this.#folder).filter((name) => name.startsWith('store.db'));
    return files.reduce((sum, name) => sum + statSync(path.join(this.#folder, name)).size, 0) / MIB;
  }

  async stop(): Promise<void> {
    this.process.stop();
    this.honest.close();
    await this.#collector.child.stop(STOP_MS);
  }
}

async function register(collector: CollectorProcess, merchant: string, terminal: string): Promise<Credentials> {
  return { merchant, terminal, token: await collector.addTerminal(merchant, terminal) };
}

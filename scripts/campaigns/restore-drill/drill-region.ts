/**
 * The region of the drill: a store, a collector, and the agents of some shops, all of one machine
 * whose clock the drill sets. Roll-ups run when they are asked for.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { MerchantApi } from '../../clients/merchant-api.ts';
import { Till } from '../../clients/till.ts';
import { AgentProcess } from '../../processes/agent.ts';
import { CollectorProcess } from '../../processes/collector.ts';
import { freePorts } from '../../processes/ports.ts';
import { runJson } from '../../processes/run-json.ts';
import { until } from '../../processes/wait-until.ts';
import type { LocalStore } from '../stores/local-store.ts';
import type { Sent } from './judge.ts';

const READY_MS = 120_000;
const DRAIN_MS = 300_000;
/** Agents look every minute. */
const FORGET_MS = 150_000;
/** On 29 February. */
const NEVER = '0 0 29 2 *';
/** Sales in one request of a till. */
const REQUEST = 100;
const PRELOAD = new URL('./shifted-clock.ts', import.meta.url).href;
/** Hours are due in the next minute, their days in the one after that, and one more to be sure. */
const MINUTES_AHEAD = [1, 2, 3];
const MINUTES_PER_HOUR = 60;
const ROLL_UP_TRIES = 3;

export interface Shop {
  readonly merchant: string;
  readonly terminals: readonly string[];
}

export interface RolledUp {
  hours: number;
  days: number;
}

interface AgentStatus {
  readonly buffer: { readonly pending: number; readonly acked: number };
}

export class DrillRegion {
  readonly store: LocalStore;
  readonly collector: CollectorProcess;
  /** By `merchant/terminal`. */
  readonly #agents = new Map<string, AgentProcess>();
  readonly #apis = new Map<string, MerchantApi>();
  readonly #folder: string;
  readonly #clock: string;
  #hours = 0;

  private constructor(folder: string, store: LocalStore, ports: readonly [number, number]) {
    mkdirSync(folder, { recursive: true });
    this.#folder = folder;
    this.#clock = path.join(folder, 'clock.json');
    this.store = store;
    const [httpPort, mqttPort] = ports;
    this.collector = new CollectorProcess({
      ...{ folder: path.join(folder, 'collector'), httpPort, mqttPort, store: store.config },
      more: { rollup: { cron: NEVER, graceSeconds: 1 } },
      runtime: { flags: ['--import', this.#preload], environment: {} },
    });
  }

  /** Creates the store and registers all tills; starts neither collector nor agents. */
  static async create(folder: string, store: LocalStore, shops: readonly Shop[]): Promise<DrillRegion> {
    const count = shops.reduce((sum, { terminals }) => sum + terminals.length, 0);
    const [httpPort, mqttPort, ...ports] = (await freePorts(2 + count)) as [number, number, ...number[]];
    const region = new DrillRegion(folder, store, [httpPort, mqttPort]);
    const { collector } = region;
    await collector.init();
    for (const { merchant, terminals } of shops) {
      region.#apis.set(merchant, new MerchantApi(collector.httpUrl, merchant, await collector.addKey(merchant)));
      for (const terminal of terminals) {
        const settings = {
          ...{ folder: path.join(folder, merchant, terminal), merchant, terminal, collector: collector.mqttUrl },
          ...{ token: await collector.addTerminal(merchant, terminal), port: ports.shift()! },
          ...{ ship: { reconnectMaxMs: 1_000 }, preloads: [region.#preload] },
        };
        region.#agents.set(`${merchant}/${terminal}`, new AgentProcess(settings));
      }
    }
    return region;
  }

  get #preload(): string {
    return `${PRELOAD}?file=${encodeURIComponent(pathToFileURL(this.#clock).pathname)}`;
  }

  api(merchant: string): MerchantApi {
    return this.#apis.get(merchant)!;
  }

  /** From here on everything runs on a machine just booted, whose clock is so many hours off. */
  async startAt(hours: number): Promise<void> {
    await this.stop();
    await this.#setClock(hours);
    await this.startCollector();
    await Promise.all([...this.#agents.values()].map((agent) => agent.start(READY_MS)));
  }

  startCollector(): Promise<void> {
    return this.collector.start(READY_MS);
  }

  async stop(): Promise<void> {
    const agents = [...this.#agents.values()].filter(({ started }) => started);
    await Promise.all(agents.map(({ child }) => child.stop(READY_MS)));
    if (this.collector.started) await this.collector.child.stop(READY_MS);
  }

  /** Posts all of a merchant's sales, each till its own, and waits until they are stored. */
  async sell(merchant: string, sales: readonly Sent[], random: () => number): Promise<void> {
    const forever = new AbortController().signal;
    for (const [terminal, of] of Map.groupBy(sales, (sale) => sale.terminal)) {
      const till = new Till(this.#agents.get(`${merchant}/${terminal}`)!.url, random);
      for (let at = 0; at < of.length; at += REQUEST)
        await till.send(
          of.slice(at, at + REQUEST).map(({ event }) => event),
          forever,
        );
      await till.close();
    }
    await this.drained();
  }

  /** Resolves when no agent holds anything that was not acknowledged. */
  async drained(): Promise<void> {
    await until(async () => (await this.#sum('pending')) === 0, {
      ...{ what: 'the agents to drain', deadlineMs: DRAIN_MS, everyMs: 100 },
    });
  }

  /** Waits until the agents keep no more acknowledged events than so many. */
  async forgotten(all: number): Promise<void> {
    await until(async () => (await this.kept()) <= all, {
      ...{ what: 'the agents to forget what they kept for 24 hours', deadlineMs: FORGET_MS, everyMs: 500 },
    });
  }

  /** Waits until the merchants' events are so many, and the agents hold none that is missing. */
  async refilled(expected: ReadonlyMap<string, number>): Promise<void> {
    const isThere = async (): Promise<boolean> => {
      for (const [merchant, count] of expected) if ((await this.#count(merchant)) !== count) return false;
      return (await this.#sum('pending')) === 0;
    };
    await until(isThere, { what: 'the tills to send again', deadlineMs: DRAIN_MS, everyMs: 250 });
  }

  async #count(merchant: string): Promise<number> {
    const query = { metrics: 'events.count', interval: 'total', from: '2020-01-01', to: '2090-01-01' };
    const { series } = await this.api(merchant).metrics(query);
    return Number(series[0]?.points[0]?.['events.count'] ?? 0);
  }

  /** Acknowledged events that the agents still hold. */
  kept(): Promise<number> {
    return this.#sum('acked');
  }

  async #sum(what: keyof AgentStatus['buffer']): Promise<number> {
    const statuses = [...this.#agents.values()].map(async ({ url }) => {
      return (await (await fetch(`${url}/v1/status`)).json()) as AgentStatus;
    });
    return (await Promise.all(statuses)).reduce((sum, { buffer }) => sum + buffer[what], 0);
  }

  /** A counter of the collector that runs. */
  async counter(name: string): Promise<number> {
    const text = await (await fetch(`${this.collector.httpUrl}/metrics`)).text();
    const pattern = new RegExp(`^tillstream_${name}(?:\\{[^}]*\\})? (\\d+)`, 'm');
    return Number(pattern.exec(text)?.[1] ?? 0);
  }

  /** Runs a command of the collector by the drill's clock. @returns its JSON document */
  command<T>(...args: string[]): Promise<T> {
    const environment = { NODE_OPTIONS: `--import=${this.#preload}` };
    return runJson('collector/main.ts', [...args, '--config', this.collector.config, '--json'], environment);
  }

  /** Works off all that is due, and what follows from it. */
  async rollUp(): Promise<RolledUp> {
    const hours = this.#hours;
    const sum: RolledUp = { hours: 0, days: 0 };
    for (const minutes of MINUTES_AHEAD) {
      await this.#setClock(hours + minutes / MINUTES_PER_HOUR);
      const done = await this.#rolledUp();
      sum.hours += done.hours;
      sum.days += done.days;
    }
    await this.#setClock(hours);
    return sum;
  }

  /** HBase gives up calls while its clock moves; a runner that is always there tries again, too. */
  async #rolledUp(): Promise<RolledUp> {
    for (let tries = ROLL_UP_TRIES; ; ) {
      try {
        return await this.command<RolledUp>('rollup');
      } catch (error) {
        if (--tries === 0) throw error;
      }
    }
  }

  get backupFolder(): string {
    return path.join(this.#folder, 'backup');
  }

  /** Moves the clock of the store, and of processes that start from now on. */
  async #setClock(hours: number): Promise<void> {
    this.#hours = hours;
    writeFileSync(this.#clock, JSON.stringify({ hours, boot: randomUUID() }));
    await this.store.setClock(hours);
  }
}

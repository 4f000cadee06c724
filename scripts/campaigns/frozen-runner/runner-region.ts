/**
 * A region of four processes and a till: one collector takes and answers, two roll up, and either
 * of these can be frozen in the middle of a run.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { StoreConfig } from '../../../collector/config/collector-config.ts';
import { MerchantApi } from '../../clients/merchant-api.ts';
import { Till } from '../../clients/till.ts';
import { AgentProcess } from '../../processes/agent.ts';
import { CollectorProcess } from '../../processes/collector.ts';
import { freePorts } from '../../processes/ports.ts';
import { until } from '../../processes/wait-until.ts';

const READY_MS = 60_000;
const DRAIN_MS = 60_000;
/** A late sale's hour is due in the next minute, its day after that. */
const FREEZE_MS = 200_000;
const TAKEN_OVER_MS = 200_000;
const MERCHANT = 'shop';
const FREEZER = new URL('./freeze-in-run.ts', import.meta.url).href;

interface Runner {
  readonly process: CollectorProcess;
  /** See `freeze-in-run.ts`. */
  readonly trigger: string;
}

export class RunnerRegion {
  readonly api: MerchantApi;
  readonly #collector: CollectorProcess;
  readonly #runners: readonly Runner[];
  readonly #agent: AgentProcess;
  readonly till: Till;

  private constructor(collector: CollectorProcess, runners: readonly Runner[], agent: AgentProcess, key: string) {
    this.#collector = collector;
    this.#runners = runners;
    this.#agent = agent;
    this.api = new MerchantApi(collector.httpUrl, MERCHANT, key);
    this.till = new Till(agent.url, Math.random);
  }

  static async start(folder: string, store: StoreConfig, cron: string): Promise<RunnerRegion> {
    const ports = await freePorts(7);
    const common = { store, more: { rollup: { cron, graceSeconds: 1 } } };
    const portsOf = (index: number) => ({ httpPort: ports[2 * index]!, mqttPort: ports[2 * index + 1]! });
    const collector = new CollectorProcess({
      ...{ ...common, folder: path.join(folder, 'collector'), roles: ['ingest', 'api'] },
      ...portsOf(0),
    });
    await collector.init();
    const runners = [1, 2].map((index): Runner => {
      const at = path.join(folder, `runner-${index}`);
      const trigger = path.join(folder, `freeze-${index}`);
      const flags = ['--import', `${FREEZER}?file=${encodeURIComponent(trigger)}`];
      const settings = { ...common, ...portsOf(index), runtime: { flags, environment: {} } };
      return { process: new CollectorProcess({ ...settings, folder: at, roles: ['rollup'] }), trigger };
    });
    const agent = new AgentProcess({
      ...{ folder: path.join(folder, 'till'), merchant: MERCHANT, terminal: 'till-1', port: ports[6]! },
      ...{ token: await collector.addTerminal(MERCHANT, 'till-1'), collector: collector.mqttUrl },
      // It may start before the collector does.
      ship: { reconnectMaxMs: 1_000 },
    });
    const region = new RunnerRegion(collector, runners, agent, await collector.addKey(MERCHANT));
    try {
      await Promise.all([collector, ...runners.map(({ process }) => process), agent].map((one) => one.start(READY_MS)));
    } catch (error) {
      await region.stop();
      throw error;
    }
    return region;
  }

  /** Resolves when all sales that the till was answered for are stored. */
  async drained(deadlineMs = DRAIN_MS): Promise<void> {
    const isEmpty = async (): Promise<boolean> => {
      const answer = (await (await fetch(`${this.#agent.url}/v1/status`)).json()) as { buffer: { pending: number } };
      return answer.buffer.pending === 0;
    };
    await until(isEmpty, { what: 'the till to drain', deadlineMs, everyMs: 100 });
  }

  /** The next runner that makes a cell after so many stops before that is published. */
  arm(cells: number): void {
    for (const { trigger } of this.#runners) writeFileSync(trigger, String(cells));
  }

  /** Resolves when a runner has stopped; the other goes on. @returns its index */
  async frozen(): Promise<number> {
    const look = (): number | null => {
      const index = this.#runners.findIndex(({ trigger }) => !existsSync(trigger));
      return index < 0 || !this.#isStopped(index) ? null : index;
    };
    const index = await until(() => found(look()), { what: 'a runner to freeze', deadlineMs: FREEZE_MS, everyMs: 20 });
    for (const { trigger } of this.#runners) rmSync(trigger, { force: true });
    return index.at;
  }

  /** Resolves when the runner that is not frozen has published so many more hours and days. */
  async takenOver(frozen: number, before: number, rows: number): Promise<void> {
    await until(async () => (await this.counter(1 - frozen, 'rollup_published_total')) >= before + rows, {
      ...{ what: 'the other runner to take over', deadlineMs: TAKEN_OVER_MS, everyMs: 200 },
    });
  }

  thaw(index: number): void {
    process.kill(this.#runners[index]!.process.child.pid, 'SIGCONT');
  }

  /** The sum of a counter's series in a runner. */
  async counter(index: number, name: string): Promise<number> {
    const text = await (await fetch(`${this.#runners[index]!.process.httpUrl}/metrics`)).text();
    const lines = text.matchAll(new RegExp(`^tillstream_${name}(?:\\{[^}]*\\})? (\\d+)`, 'gm'));
    return [...lines].reduce((sum, [, value]) => sum + Number(value), 0);
  }

  get config(): string {
    return this.#collector.config;
  }

  async stop(): Promise<void> {
    await this.till.close();
    if (this.#agent.started) await this.#agent.child.stop(READY_MS);
    for (const [index, { process, trigger }] of this.#runners.entries()) {
      rmSync(trigger, { force: true });
      if (!process.started) continue;
      if (process.child.running) this.thaw(index);
      await process.child.stop(READY_MS);
    }
    if (this.#collector.started) await this.#collector.child.stop(READY_MS);
  }

  /** proc(5): the state follows the name, which may hold anything. */
  #isStopped(index: number): boolean {
    const stat = readFileSync(`/proc/${this.#runners[index]!.process.child.pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
  }
}

/** `until` takes 0 for an answer, null for none. */
const found = (at: number | null): { readonly at: number } | null => (at === null ? null : { at });

/** A collector and agents as real processes, in a folder that is deleted with them. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { StoreConfig } from '../../../collector/config/collector-config.ts';
import { MerchantApi } from '../../clients/merchant-api.ts';
import { Till } from '../../clients/till.ts';
import { AgentProcess } from '../../processes/agent.ts';
import { CollectorProcess } from '../../processes/collector.ts';
import { freePorts } from '../../processes/ports.ts';

const START_MS = 60_000;
const STOP_MS = 15_000;

export class System implements AsyncDisposable {
  readonly merchant: string;
  readonly collector: CollectorProcess;
  readonly agents: readonly AgentProcess[];
  readonly tills: readonly Till[];
  readonly api: MerchantApi;
  /** Tokens of terminals without an agent, for a fleet simulated by the benchmark. */
  readonly tokens: ReadonlyMap<string, string>;
  readonly #folder: string;

  private constructor(
    parts: Pick<System, 'merchant' | 'collector' | 'agents' | 'tills' | 'api' | 'tokens'>,
    folder: string,
  ) {
    this.merchant = parts.merchant;
    this.collector = parts.collector;
    this.agents = parts.agents;
    this.tills = parts.tills;
    this.api = parts.api;
    this.tokens = parts.tokens;
    this.#folder = folder;
  }

  /**
   * @param store default: SQLite in the folder;
   * @param merchant a fresh one when the store outlives the folder
   */
  static async start({
    merchant,
    agents,
    fleet = 0,
    store,
    buffer,
    preloads,
  }: {
    merchant: string;
    agents: number;
    fleet?: number;
    store?: StoreConfig;
    /** Further keys of the agents' `buffer`. */
    buffer?: Readonly<Record<string, unknown>>;
    /** Modules that the agents preload. */
    preloads?: readonly string[];
  }): Promise<System> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'tillstream-bench-'));
    const [httpPort, mqttPort, ...ports] = (await freePorts(2 + agents)) as [number, number, ...number[]];
    const collector = new CollectorProcess({
      folder: path.join(folder, 'collector'),
      httpPort,
      mqttPort,
      ...(store && { store }),
    });
    await collector.init();
    const key = await collector.addKey(merchant);
    const tokens = new Map<string, string>();
    for (let i = 0; i < fleet; i++) tokens.set(`fleet-${i}`, await collector.addTerminal(merchant, `fleet-${i}`));
    await collector.start(START_MS);
    const started: AgentProcess[] = [];
    for (const [i, port] of ports.entries()) {
      const terminal = `till-${i}`;
      const token = await collector.addTerminal(merchant, terminal);
      const agent = new AgentProcess({
        folder: path.join(folder, terminal),
        merchant,
        terminal,
        token,
        collector: collector.mqttUrl,
        port,
        ...(buffer && { buffer }),
        ...(preloads && { preloads }),
      });
      await agent.start(START_MS);
      started.push(agent);
    }
    const api = new MerchantApi(collector.httpUrl, merchant, key);
    const tills = started.map((agent) => new Till(agent.url, Math.random));
    return new System({ merchant, collector, agents: started, tills, api, tokens }, folder);
  }

  /** Number of the merchant's events, according to the API. */
  async counted(from: number, to: number): Promise<number> {
    const range = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    const { series } = await this.api.metrics({ metrics: 'events.count', interval: 'total', ...range });
    return Number(series[0]?.points[0]?.['events.count'] ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.tills.map((till) => till.close()));
    await Promise.all(this.agents.map((agent) => agent.child.stop(STOP_MS)));
    await this.collector.child.stop(STOP_MS);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

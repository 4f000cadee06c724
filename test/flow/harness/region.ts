/** A collector and its agents as processes on ports of their own, which a test may kill and bring back where they were. */
import path from 'node:path';
import { MerchantApi } from '../../../scripts/merchant-api.ts';
import { AgentProcess } from '../../../scripts/processes/agent.ts';
import { CollectorProcess, type StoreChoice } from '../../../scripts/processes/collector.ts';
import { freePorts } from '../../../scripts/processes/ports.ts';
import { Till } from '../../../scripts/till.ts';

export interface RegionSettings {
  /** Data, configuration and logs of all. */
  readonly folder: string;
  readonly merchant: string;
  readonly terminals: readonly string[];
  /** Default: SQLite. */
  readonly store?: StoreChoice;
  /** When due hours and days are rolled up by themselves. Default: every second, as a test does not wait for the minute. */
  readonly cron?: string;
}

/** On 29 February: a test that rolls up itself. */
export const NEVER = '0 0 29 2 *';

const READY_MS = 60_000;
const STOP_MS = 10_000;

export class Region implements AsyncDisposable {
  readonly collector: CollectorProcess;
  readonly agents: readonly AgentProcess[];
  readonly tills: readonly Till[];
  readonly api: MerchantApi;

  private constructor(collector: CollectorProcess, agents: readonly AgentProcess[], api: MerchantApi) {
    this.collector = collector;
    this.agents = agents;
    this.api = api;
    this.tills = agents.map((agent) => new Till(agent.url, Math.random));
  }

  static async start({ folder, merchant, terminals, store, cron = '* * * * * *' }: RegionSettings): Promise<Region> {
    const [httpPort, mqttPort, ...agentPorts] = await freePorts(2 + terminals.length);
    const collector = new CollectorProcess({
      folder: path.join(folder, 'collector'),
      httpPort: httpPort!,
      mqttPort: mqttPort!,
      ...(store && { store }),
      more: { rollup: { cron, graceSeconds: 1 } },
    });
    await collector.init();
    const key = await collector.addKey(merchant);
    const agents: AgentProcess[] = [];
    for (const [index, terminal] of terminals.entries()) {
      agents.push(
        new AgentProcess({
          folder: path.join(folder, terminal),
          merchant,
          terminal,
          token: await collector.addTerminal(merchant, terminal),
          collector: collector.mqttUrl,
          port: agentPorts[index]!,
          ship: { reconnectMaxMs: 1_000 },
        }),
      );
    }
    const region = new Region(collector, agents, new MerchantApi(collector.httpUrl, merchant, key));
    try {
      await collector.start(READY_MS);
      await Promise.all(agents.map((agent) => agent.start(READY_MS)));
    } catch (error) {
      await region[Symbol.asyncDispose]();
      throw error;
    }
    return region;
  }

  async killCollector(): Promise<void> {
    await this.collector.child.kill();
    await this.collector.start(READY_MS);
  }

  async killAgent(index: number): Promise<void> {
    const agent = this.agents[index]!;
    await agent.child.kill();
    await agent.start(READY_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.tills.map((till) => till.close()));
    await Promise.all(this.agents.filter(({ started }) => started).map(({ child }) => child.stop(STOP_MS)));
    if (this.collector.started) await this.collector.child.stop(STOP_MS);
  }
}

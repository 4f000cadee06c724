/**
 * A collector and its agents as processes on ports of their own, which a test may kill and bring back where they were. Tills and agents
 * talk over lines that a test can listen in on, to strike at a moment of its choice.
 */
import path from 'node:path';
import type { StoreConfig } from '../../../collector/config/collector-config.ts';
import { MerchantApi } from '../../../scripts/clients/merchant-api.ts';
import { Till } from '../../../scripts/clients/till.ts';
import { AgentProcess } from '../../../scripts/processes/agent.ts';
import { CollectorProcess } from '../../../scripts/processes/collector.ts';
import { freePorts } from '../../../scripts/processes/ports.ts';
import { anything, publishes, Wiretap } from './message-tap.ts';
import { Line } from './proxy-line.ts';

export interface RegionSettings {
  /** Data, configuration and logs of all. */
  readonly folder: string;
  readonly merchant: string;
  readonly terminals: readonly string[];
  /** Default: SQLite. */
  readonly store?: StoreConfig;
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
  /** Between the agents and the collector: batches there, acks back. */
  readonly shipping: Wiretap;
  /** Between each till and its agent. */
  readonly selling: readonly Wiretap[];
  readonly #lines: readonly Line[];

  private constructor(
    parts: Pick<Region, 'collector' | 'agents' | 'tills' | 'api' | 'shipping' | 'selling'>,
    lines: Line[],
  ) {
    this.collector = parts.collector;
    this.agents = parts.agents;
    this.tills = parts.tills;
    this.api = parts.api;
    this.shipping = parts.shipping;
    this.selling = parts.selling;
    this.#lines = lines;
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
    const api = new MerchantApi(collector.httpUrl, merchant, await collector.addKey(merchant));
    const shipping = new Wiretap(publishes);
    const lines = [await Line.laid(mqttPort!, shipping.ear)];
    const brokerUrl = `mqtt://127.0.0.1:${lines[0]!.port}`;
    const agents: AgentProcess[] = [];
    for (const [index, terminal] of terminals.entries()) {
      agents.push(
        new AgentProcess({
          folder: path.join(folder, terminal),
          merchant,
          terminal,
          token: await collector.addTerminal(merchant, terminal),
          collector: brokerUrl,
          port: agentPorts[index]!,
          ship: { reconnectMaxMs: 1_000 },
        }),
      );
    }
    const selling = agents.map(() => new Wiretap(anything));
    const tillLines = await Promise.all(selling.map((tap, index) => Line.laid(agentPorts[index]!, tap.ear)));
    lines.push(...tillLines);
    const tills = tillLines.map(({ port }) => new Till(`http://127.0.0.1:${port}`, Math.random));
    const region = new Region({ collector, agents, tills, api, shipping, selling }, lines);
    try {
      await collector.start(READY_MS);
      await Promise.all(agents.map((agent) => agent.start(READY_MS)));
    } catch (error) {
      await region[Symbol.asyncDispose]();
      throw error;
    }
    return region;
  }

  killCollector(): Promise<void> {
    return struck(this.collector);
  }

  killAgent(index: number): Promise<void> {
    return struck(this.agents[index]!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.tills.map((till) => till.close()));
    await Promise.all(this.agents.filter(({ started }) => started).map(({ child }) => child.stop(STOP_MS)));
    if (this.collector.started) await this.collector.child.stop(STOP_MS);
    for (const line of this.#lines) line.close();
  }
}

/** SIGKILL at once, and a new start in the same place. */
async function struck(part: CollectorProcess | AgentProcess): Promise<void> {
  // What a kill elsewhere has brought down must not come back unnoticed.
  if (!part.child.running) throw new Error(`${part.child.name} had ended by itself: ${part.child.log}`);
  await part.child.kill();
  await part.start(READY_MS);
}

/**
 * One collector, two agents and their simulated tills: started downstream first, stopped upstream
 * first.
 */
import path from 'node:path';
import { MerchantApi } from '../clients/merchant-api.ts';
import { Till } from '../clients/till.ts';
import { AgentProcess } from '../processes/agent.ts';
import type { Child } from '../processes/child.ts';
import { CollectorProcess } from '../processes/collector.ts';
import { until } from '../processes/wait-until.ts';
import { Shop } from '../simulate/basket-generator.ts';
import { NetworkLink } from '../simulate/network-link.ts';
import { outages } from '../simulate/outages.ts';
import { seeded } from '../simulate/random.ts';
import { trade } from '../simulate/till-loop.ts';
import { MERCHANT, shopAt, TILLS } from './demo-tills.ts';
import type { StartOptions } from './options.ts';
import { sendHistory } from './send-history.ts';
import { type State, StateFile } from './state-file.ts';

const READY_MS = 60_000;
const STOP_MS = 10_000;
/**
 * Late events of a closed hour appear after a rollup: every few seconds, so that the history
 * appears soon.
 */
const ROLL_UP = '*/5 * * * * *';
const OUTAGE_EVERY_MS = 240_000;
const OUTAGE_FOR_MS = 45_000;

export interface Surroundings {
  readonly say: (line: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

export class Quickstart {
  readonly collector: CollectorProcess;
  readonly #options: StartOptions;
  readonly #around: Surroundings;
  readonly #file: StateFile;
  readonly #stopping = new AbortController();
  #agents: AgentProcess[] = [];
  #tills: Till[] = [];
  #link: NetworkLink | null = null;
  #starting: Promise<unknown> = Promise.resolve();
  /** Settles once the tills have stopped; rejects when an agent rejects an event. */
  #selling: Promise<unknown> = Promise.resolve();

  constructor(options: StartOptions, around: Surroundings) {
    this.#options = options;
    this.#around = around;
    this.#file = new StateFile(options.dir);
    const { httpPort, mqttPort, dir } = options;
    this.collector = new CollectorProcess({
      ...{ folder: path.join(dir, 'collector'), httpPort, mqttPort },
      more: { rollup: { cron: ROLL_UP } },
    });
  }

  /**
   * @returns what the user needs to query the API.
   * @throws Error that says which part did not start, and why
   */
  start(): Promise<State> {
    const starting = this.#start();
    this.#starting = starting;
    return starting;
  }

  async #start(): Promise<State> {
    const { say } = this.#around;
    const { signal } = this.#stopping;
    await this.collector.init();
    signal.throwIfAborted();
    await this.collector.start(READY_MS, signal);
    const state = this.#file.read() ?? (await this.#register());
    this.#link = await NetworkLink.open(0, { host: '127.0.0.1', port: this.#options.mqttPort });
    this.#agents = TILLS.map(({ terminal }, index) => this.#agent(terminal, index, state.tokens[index]!));
    await Promise.all(this.#agents.map((agent) => agent.start(READY_MS, signal)));
    this.#tills = this.#agents.map((agent) => new Till(agent.url, this.#around.random));
    if (!state.history.sent) {
      const count = await Promise.race([this.#sendHistory(state), this.watch()]);
      this.#file.write({ ...state, history: { ...state.history, sent: true } });
      say(`${count} sales, refunds and voids of the last ${state.history.days} days handed to the agents`);
    }
    this.#selling = this.#sell(state);
    return state;
  }

  /** Rejects when a part ends unexpectedly. */
  async watch(): Promise<never> {
    const ended = this.#children().map(async (child) => {
      const { code, signal } = await child.exited;
      throw new Error(`${child.name} ended by itself (${signal ?? `status ${code}`}): see ${child.log}`);
    });
    const selling = this.#selling.then(() => new Promise<never>(() => {}));
    return Promise.race([...ended, selling]);
  }

  /** Stops tills, then agents, then the collector; kills each after its time limit. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.allSettled([this.#starting]);
    await Promise.allSettled([this.#selling]);
    await Promise.all(this.#tills.map((till) => till.close()));
    this.#link?.plug();
    await Promise.all(this.#agents.filter(({ started }) => started).map(({ child }) => child.stop(STOP_MS)));
    this.#link?.close();
    if (this.collector.started) await this.collector.child.stop(STOP_MS);
  }

  /** Kills everything at once. */
  kill(): void {
    for (const child of this.#children()) void child.kill();
  }

  #children(): Child[] {
    const parts = [...this.#agents, this.collector];
    return parts.filter(({ started }) => started).map(({ child }) => child);
  }

  async #register(): Promise<State> {
    const tokens: string[] = [];
    for (const { terminal } of TILLS) tokens.push(await this.collector.addTerminal(MERCHANT, terminal));
    const state: State = {
      key: await this.collector.addKey(MERCHANT),
      tokens,
      seed: Math.floor(this.#around.random() * 2 ** 32),
      timeZone: Temporal.Now.timeZoneId(),
      history: { until: this.#around.now(), days: this.#options.days, sent: this.#options.days === 0 },
    };
    this.#file.write(state);
    return state;
  }

  #agent(terminal: string, index: number, token: string): AgentProcess {
    const { store } = TILLS[index]!;
    const offlineAtTimes = index === TILLS.length - 1;
    return new AgentProcess({
      folder: path.join(this.#options.dir, terminal),
      merchant: MERCHANT,
      terminal,
      store,
      token,
      collector: offlineAtTimes ? `mqtt://127.0.0.1:${this.#link!.port}` : this.collector.mqttUrl,
      port: this.#options.agentPorts[index]!,
      // Short, so that reconnecting is visible.
      ship: { reconnectMaxMs: 5_000 },
    });
  }

  /** Sends the history and waits until the API shows it. */
  async #sendHistory(state: State): Promise<number> {
    const { until: end, days } = state.history;
    const signal = this.#stopping.signal;
    const counts = await Promise.all(
      this.#tills.map((till, index) => {
        const shop = shopAt(TILLS[index]!, state.timeZone, 'h', seeded(state.seed + index));
        return sendHistory(till, { ...shop, until: end, days }, signal);
      }),
    );
    const count = counts.reduce((sum, some) => sum + some, 0);
    const api = new MerchantApi(this.collector.httpUrl, MERCHANT, state.key);
    const query = {
      metrics: 'events.count',
      interval: 'total',
      from: new Date(end - (days + 1) * 86_400_000).toISOString(),
      to: new Date(end).toISOString(),
    };
    const shown = async () => Number((await api.metrics(query)).series[0]!.points[0]!['events.count']) >= count;
    await until(shown, { what: 'the API to show the history', deadlineMs: READY_MS, everyMs: 100, signal });
    return count;
  }

  #sell(state: State): Promise<unknown> {
    const { random, now, say } = this.#around;
    const signal = this.#stopping.signal;
    const run = now().toString(36);
    const selling = this.#tills.map((till, index) => {
      const shop = new Shop(shopAt(TILLS[index]!, state.timeZone, run, random));
      return trade({ till, shop, perMinute: this.#options.rate, random, now }, signal);
    });
    const { terminal } = TILLS.at(-1)!;
    const onChange = (plugged: boolean) =>
      say(
        plugged
          ? `${terminal} is online again`
          : `${terminal} is offline: it keeps selling, and its agent buffers the sales`,
      );
    const breaks = { link: this.#link!, everyMs: OUTAGE_EVERY_MS, lastMs: OUTAGE_FOR_MS, random, onChange };
    return Promise.all([...selling, outages(breaks, signal)]);
  }
}

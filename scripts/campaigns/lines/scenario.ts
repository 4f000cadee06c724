/**
 * One till behind one line: it holds sales when the line comes up, and sells on. The judge knows
 * what the till was answered, what passed the line, and what the merchant's API returns.
 */
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { TillEvent } from '../../clients/till-event.ts';
import { AgentProcess } from '../../processes/agent.ts';
import type { CollectorProcess } from '../../processes/collector.ts';
import { freePorts } from '../../processes/ports.ts';
import { until } from '../../processes/wait-until.ts';
import { Shop } from '../../simulate/basket-generator.ts';
import { seeded } from '../../simulate/random.ts';
import { type LineShape, ShapedLine } from '../../simulate/shaped-line.ts';

export const MERCHANT = 'lines';
const READY_MS = 60_000;
/** More often, and the questions would take the machine from what is measured. */
const POLL_MS = 500;
const HOUR_MS = 3_600_000;
/** Items of a sale that is large on the wire. */
const LARGE_ITEMS = 2_000;

export interface Scenario {
  readonly name: string;
  readonly shape: Omit<LineShape, 'random'>;
  /** Sales that are pending when the line comes up. */
  readonly sales: number;
  /** Whether a sale of 2,000 items is among the first of them. */
  readonly large: boolean;
  /** After so many milliseconds the connection passes nothing more, and nobody is told. */
  readonly silentAfterMs: number | null;
  /** The connection falls silent once all is stored, so that the next sale meets it. */
  readonly silentIdle: boolean;
  /** For so many milliseconds from the start a web page that wants a login answers. */
  readonly portalMs: number;
  /** Sold one by one after each such pause, once the rest has drained. */
  readonly laterEveryMs: readonly number[];
}

export interface Outcome {
  readonly refs: readonly string[];
  /** From the line's start until nothing was pending. */
  readonly drainedMs: number;
  /** Until all but the large sale were stored; null without one. */
  readonly smallStoredMs: number | null;
  readonly bytesUp: number;
  readonly connections: number;
  /** From each later sale until it was settled. */
  readonly laterMs: readonly number[];
}

interface Status {
  readonly buffer: { readonly pending: number };
}

export interface Place {
  readonly folder: string;
  readonly collector: CollectorProcess;
  readonly seed: number;
  readonly deadlineMs: number;
}

function salesOf({ sales, large, name }: Scenario, seed: number): TillEvent[] {
  const random = seeded(seed);
  const shop = new Shop({ currency: 'EUR', timeZone: 'Europe/Paris', refPrefix: name, cashiers: ['c1', 'c2'], random });
  const from = Date.now() - 3 * HOUR_MS;
  const timeOf = (at: number): number => from + (at / sales) * 3 * HOUR_MS;
  const events = Array.from({ length: sales }, (_, at) => shop.next(timeOf(at)));
  // It waits among the backlog: one of the current hour would go while the backlog is held off.
  const first = Math.floor(sales / 10);
  if (large) events.splice(first, 0, largeSale(`${name}-large`, timeOf(first), random));
  return events;
}

function largeSale(ref: string, time: number, random: () => number): TillEvent {
  const items = Array.from({ length: LARGE_ITEMS }, () => ({
    sku: Math.floor(random() * 1e12).toString(36),
    qty: 1 + Math.floor(random() * 9),
    price: Math.floor(random() * 100_000),
  }));
  const amount = items.reduce((sum, { qty, price }) => sum + qty * price, 0);
  return { type: 'sale', ts: new Date(time).toISOString(), amount, currency: 'EUR', ref, dims: {}, items };
}

/** A till that holds its sales behind a line that is down. */
export class HeldTill {
  readonly scenario: Scenario;
  readonly #line: ShapedLine;
  readonly #agent: AgentProcess;
  readonly #events: readonly TillEvent[];
  readonly #deadlineMs: number;
  readonly #ending = new AbortController();

  private constructor(
    scenario: Scenario,
    parts: { line: ShapedLine; agent: AgentProcess; events: readonly TillEvent[]; deadlineMs: number },
  ) {
    this.scenario = scenario;
    this.#line = parts.line;
    this.#agent = parts.agent;
    this.#events = parts.events;
    this.#deadlineMs = parts.deadlineMs;
  }

  static async open(scenario: Scenario, { folder, collector, seed, deadlineMs }: Place): Promise<HeldTill> {
    const { name, shape } = scenario;
    const target = { host: '127.0.0.1', port: Number(new URL(collector.mqttUrl).port) };
    const line = await ShapedLine.open(0, target, { ...shape, random: seeded(seed) });
    line.state = 'down';
    const [port] = (await freePorts(1)) as [number];
    const agent = new AgentProcess({
      folder: path.join(folder, name),
      merchant: MERCHANT,
      terminal: name,
      token: await collector.addTerminal(MERCHANT, name),
      collector: `mqtt://127.0.0.1:${line.port}`,
      port,
    });
    const events = salesOf(scenario, seed);
    const till = new HeldTill(scenario, { line, agent, events, deadlineMs });
    try {
      await agent.start(READY_MS);
      await post(agent.url, events.slice(0, -1));
    } catch (error) {
      await till.close();
      throw error;
    }
    return till;
  }

  /** The line comes up with a last sale, which ends the agent's wait for it. */
  async drain(): Promise<Outcome> {
    const { large, silentAfterMs, silentIdle, portalMs } = this.scenario;
    const start = performance.now();
    this.#line.state = portalMs > 0 ? 'portal' : 'open';
    await post(this.#agent.url, this.#events.slice(-1));
    if (portalMs > 0) this.#after(portalMs, () => (this.#line.state = 'open'));
    if (silentAfterMs !== null) this.#after(silentAfterMs, () => this.#line.fallSilent());
    const smallStoredMs = large ? await this.#stored(1, start) : null;
    const drainedMs = await this.#stored(0, start);
    const bytesUp = this.#line.passed.up;
    if (silentIdle) this.#line.fallSilent();
    const later = await this.#sellOn();
    const refs = [...this.#events.map(({ ref }) => ref!), ...later.map(({ ref }) => ref)];
    const laterMs = later.map(({ ms }) => ms);
    return { refs, drainedMs, smallStoredMs, bytesUp, connections: this.#line.connections, laterMs };
  }

  async close(): Promise<void> {
    this.#ending.abort();
    if (this.#agent.started) await this.#agent.child.stop(READY_MS);
    this.#line.close();
  }

  async #sellOn(): Promise<{ ref: string; ms: number }[]> {
    const { name, laterEveryMs } = this.scenario;
    const later: { ref: string; ms: number }[] = [];
    for (const [index, ms] of laterEveryMs.entries()) {
      await wait(ms);
      const ref = `${name}-later-${index}`;
      const sold = performance.now();
      const sale = { type: 'sale', ts: new Date().toISOString(), amount: 100, currency: 'EUR', ref, dims: {} };
      await post(this.#agent.url, [sale]);
      later.push({ ref, ms: await this.#stored(0, sold) });
    }
    return later;
  }

  #after(ms: number, act: () => void): void {
    void wait(ms, undefined, { signal: this.#ending.signal }).then(act, () => undefined);
  }

  /** Waits until at most so many events are pending. @returns milliseconds since `start` */
  async #stored(pending: number, start: number): Promise<number> {
    const { url } = this.#agent;
    const few = async () => ((await (await fetch(`${url}/v1/status`)).json()) as Status).buffer.pending <= pending;
    await until(few, { what: `${this.scenario.name} to drain`, deadlineMs: this.#deadlineMs, everyMs: POLL_MS });
    return Math.round(performance.now() - start);
  }
}

async function post(url: string, events: readonly TillEvent[]): Promise<void> {
  const SHARE = 1_000;
  for (let at = 0; at < events.length; at += SHARE) {
    const body = JSON.stringify(events.slice(at, at + SHARE));
    const response = await fetch(`${url}/v1/events`, { method: 'POST', body });
    if (response.status !== 201) throw new Error(`refused: ${response.status} ${await response.text()}`);
  }
}

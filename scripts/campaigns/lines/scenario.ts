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
  /** For so many milliseconds from the start a web page that wants a login answers. */
  readonly portalMs: number;
  /** Sold one by one after each such pause, once the rest has drained. */
  readonly laterEveryMs: readonly number[];
}

export interface Outcome {
  readonly name: string;
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
  const now = Date.now();
  const events = Array.from({ length: sales }, (_, at) => shop.next(now - 3 * HOUR_MS + (at / sales) * 3 * HOUR_MS));
  if (large) events.splice(Math.floor(sales / 10), 0, largeSale(`${name}-large`, random));
  return events;
}

function largeSale(ref: string, random: () => number): TillEvent {
  const items = Array.from({ length: LARGE_ITEMS }, () => ({
    sku: Math.floor(random() * 1e12).toString(36),
    qty: 1 + Math.floor(random() * 9),
    price: Math.floor(random() * 100_000),
  }));
  const amount = items.reduce((sum, { qty, price }) => sum + qty * price, 0);
  return { type: 'sale', ts: new Date().toISOString(), amount, currency: 'EUR', ref, dims: {}, items };
}

export async function run(scenario: Scenario, place: Place): Promise<Outcome> {
  const { collector, seed, deadlineMs } = place;
  const { name, shape, silentAfterMs, portalMs, laterEveryMs } = scenario;
  const target = { host: '127.0.0.1', port: Number(new URL(collector.mqttUrl).port) };
  const line = await ShapedLine.open(0, target, { ...shape, random: seeded(seed) });
  line.isPortal = portalMs > 0;
  const [port] = (await freePorts(1)) as [number];
  const agent = new AgentProcess({
    folder: path.join(place.folder, name),
    merchant: MERCHANT,
    terminal: name,
    token: await collector.addTerminal(MERCHANT, name),
    collector: `mqtt://127.0.0.1:${line.port}`,
    port,
  });
  const ending = new AbortController();
  try {
    await agent.start(READY_MS);
    const events = salesOf(scenario, seed);
    const start = performance.now();
    await post(agent.url, events);
    const after = (ms: number, act: () => void): void =>
      void wait(ms, undefined, { signal: ending.signal }).then(act, () => undefined);
    if (portalMs > 0) after(portalMs, () => (line.isPortal = false));
    if (silentAfterMs !== null) after(silentAfterMs, () => line.fallSilent());
    const small = scenario.large ? await stored(agent.url, 1, start, deadlineMs) : null;
    const drainedMs = await stored(agent.url, 0, start, deadlineMs);
    const bytesUp = line.passed.up;
    const later: string[] = [];
    const laterMs: number[] = [];
    for (const [index, ms] of laterEveryMs.entries()) {
      await wait(ms);
      const ref = `${name}-later-${index}`;
      const sold = performance.now();
      await post(agent.url, [
        { type: 'sale', ts: new Date().toISOString(), amount: 100, currency: 'EUR', ref, dims: {} },
      ]);
      laterMs.push(await stored(agent.url, 0, sold, deadlineMs));
      later.push(ref);
    }
    const refs = [...events.map(({ ref }) => ref!), ...later];
    return { name, refs, drainedMs, smallStoredMs: small, bytesUp, connections: line.connections, laterMs };
  } finally {
    ending.abort();
    if (agent.started) await agent.child.stop(READY_MS);
    line.close();
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

/** Waits until at most so many events are pending. @returns milliseconds since `start` */
async function stored(url: string, pending: number, start: number, deadlineMs: number): Promise<number> {
  const few = async () => ((await (await fetch(`${url}/v1/status`)).json()) as Status).buffer.pending <= pending;
  await until(few, { what: `${url} to drain`, deadlineMs, everyMs: 50 });
  return Math.round(performance.now() - start);
}

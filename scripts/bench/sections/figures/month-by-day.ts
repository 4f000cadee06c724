/** A month by the day, asked over HTTP of a small merchant and of a large one, in turns. */
import { createHash, randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { Agent, request } from 'undici';
import { FIRST_LOGIC, logicBy } from '../../../../collector/aggregation/logic/logic-version.ts';
import { ActiveLogic } from '../../../../collector/api/active-logic.ts';
import { Auth } from '../../../../collector/api/auth.ts';
import { CompletenessReader } from '../../../../collector/api/figures/completeness.ts';
import { LiveHours } from '../../../../collector/api/figures/live-hours.ts';
import { API_LIMITS } from '../../../../collector/api/limits.ts';
import { createServer } from '../../../../collector/api/server.ts';
import { storesOn } from '../../../../collector/app/context.ts';
import { initializeStore } from '../../../../collector/store/initialize-store.ts';
import type { Tables } from '../../../../collector/store/tables.ts';
import { SIPHASH_KEY_BYTES } from '../../../../shared/siphash.ts';
import { DAY_MS } from '../../../../shared/time.ts';
import {
  type Answerer,
  bytesOfHours,
  copyMonth,
  type Trade,
  type TradingMonth,
  tradeMonth,
} from '../../load/trading-month.ts';
import { quantile, type Section } from '../../measure/report.ts';
import type { AdapterUnderTest } from '../store-throughput.ts';

const DIMENSIONS = ['method', 'cashier', 'category'];
const LIVE_FRESH_MS = 250;
const PAUSE_MS = 20;

export interface MonthLoad {
  /** Sales of the large merchant's month. */
  readonly sales: number;
  readonly questions: number;
}

/** Another system on the same HBase. */
export interface Rival {
  answerer(month: TradingMonth, of: string): Promise<Answerer>;
}

async function served({ name, tables }: AdapterUnderTest, of: string, month: TradingMonth): Promise<Answerer> {
  const clock = (): number => performance.now();
  const stores = storesOn(tables);
  const live = new LiveHours({
    ...{ log: stores.log, clock, now: Date.now, freshForMs: LIVE_FRESH_MS },
    ...{ marginMs: API_LIMITS.liveHourMargin.value, checkMs: API_LIMITS.liveHourCheck.value },
    maxBytes: API_LIMITS.liveHourBytes.value,
  });
  const completeness = new CompletenessReader({
    ...{ finality: stores.finality, clock, freshForMs: API_LIMITS.clearancesFresh.value },
    maxMerchants: API_LIMITS.clearancesMerchants.value,
  });
  const logics = new ActiveLogic({ logics: stores.logics, clock, freshForMs: API_LIMITS.logicFresh.value });
  const server = await createServer({
    ...{ readiness: () => ({ ready: true, reason: '' }), registry: new Registry(), clock, version: '0' },
    ...{ onError: (error) => process.stderr.write(`${error.stack}\n`), maxConnections: 100, trustedProxies: [] },
    merchants: { ...stores, live, completeness, logics, auth: new Auth(stores.control, clock), now: Date.now },
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const key = randomBytes(16).toString('base64url');
  const hash = createHash('sha256').update(key).digest('hex');
  await stores.control.addApiKey({ merchant: month.merchant, hash, createdAt: 0, revokedAt: null });
  const agent = new Agent({ connections: 1 });
  const [from, to] = month.days.map((day) => new Date(day * DAY_MS).toISOString().slice(0, 10)) as [string, string];
  const query = `from=${from}&to=${to}&interval=day&metrics=sales.count,sales.amount`;
  const { port } = server.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/v1/merchants/${month.merchant}/metrics?${query}`;
  return {
    name: `${of}, ${name}`,
    expected: month.sales,
    ask: async () => {
      const answer = await request(url, { dispatcher: agent, headers: { authorization: `Bearer ${key}` } });
      const { series } = (await answer.body.json()) as { series: { points: { 'sales.count': number }[] }[] };
      return series.flatMap(({ points }) => points).reduce((sum, point) => sum + point['sales.count'], 0);
    },
    close: async () => {
      await agent.destroy();
      await server.close();
    },
  };
}

const initialized = (tables: Tables) =>
  initializeStore(tables, DIMENSIONS, { storeGen: 'bench', digestKey: randomBytes(SIPHASH_KEY_BYTES) });

/** In turns, so that a slow phase of the machine is one of all. */
async function inTurns(answerers: readonly Answerer[], questions: number) {
  const waits = new Map<Answerer, number[]>(answerers.map((answerer) => [answerer, []]));
  const warmUp = Math.ceil(questions / 4);
  for (let at = 0; at < warmUp + questions; at++)
    for (const [answerer, of] of waits) {
      const start = performance.now();
      const answered = await answerer.ask();
      of.push(performance.now() - start);
      if (answered !== answerer.expected)
        throw new Error(`${answerer.name}: it answers ${answered}, not ${answerer.expected}`);
      await wait(PAUSE_MS);
    }
  return [...waits].map(([{ name }, of]) => ({
    ...{ asked: name, questions, 'first ms': of[0]! },
    ...{ 'p50 ms': quantile(of.slice(warmUp), 0.5), 'p99 ms': quantile(of.slice(warmUp), 0.99) },
  }));
}

/** @param adapters SQLite first, in which the months are made; the others get their rows */
export async function monthByDay(
  adapters: readonly AdapterUnderTest[],
  { sales, questions }: MonthLoad,
  rival: Rival | null,
): Promise<Section> {
  const logic = logicBy(FIRST_LOGIC, FIRST_LOGIC, DIMENSIONS)!;
  const small: Trade = { sales: 1_900, tills: 1, selling: 1, articles: 300, batch: 1, open: 5 };
  const large: Trade = { sales, tills: 5_000, selling: 20, articles: 20_000, batch: 100, open: 5_000 };
  for (const { tables } of adapters) await initialized(tables);
  const [made, ...others] = adapters;
  const answerers: Answerer[] = [];
  let hourBytes = 0;
  for (const [name, trade] of Object.entries({ 'small merchant': small, 'large merchant': large })) {
    const month = await tradeMonth(made!.tables, logic, trade);
    if (trade === small) hourBytes = await bytesOfHours(made!.tables, month);
    for (const { tables } of others) await copyMonth(made!.tables, tables, month);
    for (const adapter of adapters) answerers.push(await served(adapter, name, month));
    if (rival !== null) answerers.push(await rival.answerer(month, name));
  }
  try {
    const rows = await inTurns(answerers, questions);
    return {
      name: 'A month by day',
      how: `Over HTTP, in turns; six days of the month have no sales, and today is open. Small: one till, 1,900 sales, ${Math.round(hourBytes)} bytes a rollup hour. Large: ${large.sales} sales, 20,000 articles, 5,000 tills of which 20 sold before today.`,
      rows,
    };
  } finally {
    for (const answerer of answerers) await answerer.close();
  }
}

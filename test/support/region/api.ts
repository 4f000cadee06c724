/** A merchant's figures through the real HTTP server, on a store under test. */
import { createHash, randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { Registry } from 'prom-client';
import { ActiveLogic } from '../../../collector/api/active-logic.ts';
import { Auth } from '../../../collector/api/auth.ts';
import { CompletenessReader } from '../../../collector/api/figures/completeness.ts';
import { LiveHours } from '../../../collector/api/figures/live-hours.ts';
import { createServer } from '../../../collector/api/server.ts';
import { Control } from '../../../collector/store/control.ts';
import { EventLog } from '../../../collector/store/event-log.ts';
import { Finality } from '../../../collector/store/finality.ts';
import { History } from '../../../collector/store/history/history.ts';
import type { LogicVersions } from '../../../collector/store/logic-versions.ts';
import { ParkedHours } from '../../../collector/store/parked-hours.ts';
import { Rollups } from '../../../collector/store/rollups/rollups.ts';
import { SealedHours } from '../../../collector/store/sealing/sealed-hours.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import type { MerchantId } from '../../../shared/ids.ts';
import { ONE_LOGIC, type Region } from './region.ts';

export type Query = Readonly<Record<string, string | readonly string[]>>;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** What the text says, if it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into answers
  readonly body: any;
}

export interface ServerOptions {
  readonly now: () => number;
  /** Of what is remembered for a while. */
  readonly clock?: () => number;
  readonly errors?: Error[];
  readonly logics?: Pick<LogicVersions, 'read'>;
}

/** What a server has where a test does not say otherwise. */
export const SERVER = { clock: () => 0, maxConnections: 1_000, trustedProxies: [], version: '0.0.0' } as const;

export function openServer(
  tables: Tables,
  { now, clock = () => 0, errors = [], logics = { read: async () => ONE_LOGIC } }: ServerOptions,
): Promise<FastifyInstance> {
  const log = new EventLog(tables);
  const live = new LiveHours({
    ...{ log, clock, now: Date.now },
    // Its clock is not that of the store under test, whose arrivals may be days old.
    ...{ freshForMs: 0, marginMs: 30 * 24 * 3_600_000, checkMs: 60_000, maxBytes: 1e8 },
  });
  return createServer({
    readiness: () => ({ ready: true, reason: 'ready' }),
    registry: new Registry(),
    onError: (error) => errors.push(error),
    ...SERVER,
    clock,
    merchants: {
      log,
      rollups: new Rollups(tables),
      history: new History(tables),
      parked: new ParkedHours(tables),
      sealed: new SealedHours(tables),
      completeness: new CompletenessReader({ finality: new Finality(tables), clock, freshForMs: 0, maxMerchants: 10 }),
      live,
      logics: new ActiveLogic({ logics, clock, freshForMs: 0 }),
      auth: new Auth(new Control(tables), clock),
      now,
    },
  });
}

/** A new API key of a merchant, known to the store. */
export async function newKey(tables: Tables, merchant: MerchantId): Promise<string> {
  const key = randomBytes(16).toString('base64url');
  const hash = createHash('sha256').update(key).digest('hex');
  await new Control(tables).addApiKey({ merchant, hash, createdAt: 0, revokedAt: null });
  return key;
}

export class Api {
  readonly #server: FastifyInstance;
  readonly #merchant: MerchantId;
  readonly #key: string;

  private constructor(server: FastifyInstance, merchant: MerchantId, key: string) {
    this.#server = server;
    this.#merchant = merchant;
    this.#key = key;
  }

  /** The region's clock is the server's. */
  static async open(region: Region, options: Partial<ServerOptions> = {}): Promise<Api> {
    const server = await openServer(region.tables, { now: () => region.now, ...options });
    return new Api(server, region.merchant, await newKey(region.tables, region.merchant));
  }

  async ask(what: string, query: Query = {}, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const pairs = Object.entries(query).flatMap(([name, values]) => [values].flat().map((value) => [name, value]));
    const answer = await this.#server.inject({
      url: `/v1/merchants/${this.#merchant}/${what}?${new URLSearchParams(pairs as string[][])}`,
      headers: { authorization: `Bearer ${this.#key}`, ...headers },
    });
    const json = String(answer.headers['content-type']).includes('json');
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text: answer.body,
      body: json ? JSON.parse(answer.body) : null,
    };
  }

  /** @throws unless the answer is 200 */
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into answers
  async get(what: string, query: Query = {}): Promise<any> {
    const { status, body, text } = await this.ask(what, query);
    if (status !== 200) throw new Error(`${status}: ${text}`);
    return body;
  }

  /** Of all points the values of one metric, series by series. */
  async values(metric: string, query: Query): Promise<unknown[][]> {
    const { series } = await this.get('metrics', { ...query, metrics: metric });
    return series.map(({ points }: { points: Record<string, unknown>[] }) => points.map((point) => point[metric]));
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

/**
 * Assembles a collector and runs it.
 *
 *     listening (HTTP, MQTT) ── the store comes up ──▶ ready ── stop() ──▶ draining ──▶ stopped
 *
 * The store may be unavailable at the start and at any later time: HTTP answers, tills are asked to
 * retry, and everything resumes when the store is back. A stop follows the flow of data: no new
 * messages, answers to those in progress, the running rollup, HTTP, the store.
 */
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { ActiveLogic } from '../api/active-logic.ts';
import { Auth } from '../api/auth.ts';
import { CompletenessReader } from '../api/figures/completeness.ts';
import { LiveHours } from '../api/figures/live-hours.ts';
import { API_LIMITS } from '../api/limits.ts';
import { createServer } from '../api/server.ts';
import { LimitedLog } from '../broker/budget/limited-log.ts';
import { BROKER_LIMITS } from '../broker/limits.ts';
import type { StoreConfig } from '../config/collector-config.ts';
import { DeferredTables } from '../store/deferred-tables.ts';
import { initializeStore, type StoreIdentity } from '../store/initialize-store.ts';
import { StoreUnavailable } from '../store/tables.ts';
import { ClockWatch, storeClockOf } from './clock-watch.ts';
import { type CollectorContext, proposedIdentity, type StartOptions, storesOn } from './context.ts';
import { shareFileHandles } from './file-handles.ts';
import { Health } from './health.ts';
import { IngestRole } from './ingest-role.ts';
import { listening } from './listen.ts';
import { createMetrics } from './prometheus-metrics.ts';
import { RollupRole } from './rollup-role.ts';

export interface Collector {
  /** Null without the role `ingest`. */
  readonly mqttPort: number | null;
  readonly httpPort: number;
  /**
   * Resolves when the store has accepted a first write. Rejects with ConfigError when the store has
   * another layout or was initialized with other dimensions.
   */
  readonly ready: Promise<void>;
  /** Reads the TLS files again, for new connections. @returns false: there are none */
  reload(): boolean;
  /** Resolves when everything is closed; safe to call again. */
  stop(): Promise<void>;
}

const PROBE_EVERY_MS = 2_000;
const WRITTEN_LATELY_MS = 15_000;
const CLOCK_TICK_MS = 1_000;
/** A write takes milliseconds. */
const SILENT_MS = 1_000;
const SILENCE_HINTS: Readonly<Record<StoreConfig['kind'], string>> = {
  sqlite: 'look for another process that keeps the file locked (VACUUM, a backup, a command), and for a slow disk',
  hbase: 'look at its gateway, its region servers and the network',
};
const HTTP_DRAIN_MS = 5_000;
const REOPEN_MAX_MS = 5_000;
const LIVE_FRESH_MS = 250;

/** Resolves when it listens. Rejects with ListenError when an address is not free. */
export async function startCollector(options: StartOptions): Promise<Collector> {
  const { roles, log } = options;
  const tables = new DeferredTables();
  const { context, watch } = contextOf(options, tables);
  const { config, stores } = context;
  const health = healthOf(context);
  let storeGen: string | null = null;
  const http = await startHttp(context, health);
  let ingest: IngestRole | null = null;
  try {
    if (roles.has('ingest'))
      ingest = await listening('mqtt', config.mqtt, () => IngestRole.start(context, () => storeGen));
  } catch (error) {
    await http.close();
    throw error;
  }
  const rollup = roles.has('rollup') ? new RollupRole(context) : null;
  const stopping = new AbortController();
  const timers = startTimers(health, watch);

  const ready = (async () => {
    const identity = await openStore(options, tables, watch, stopping.signal);
    if (identity !== null) stores.log.opened(identity.digestKey);
    storeGen = identity?.storeGen ?? null;
    await health.probe();
    if (stopping.signal.aborted) return;
    rollup?.start();
    log.info({ storeGen }, 'the store is open');
  })();
  ready.catch(() => undefined);

  let stopped: Promise<void> | null = null;
  const stop = async (): Promise<void> => {
    health.drain();
    stopping.abort();
    for (const timer of timers) clearInterval(timer);
    await ingest?.stop();
    await rollup?.stop();
    await closeHttp(http);
    await tables.close();
    await ready.catch(() => undefined);
    log.info('stopped');
  };
  return {
    mqttPort: ingest?.port ?? null,
    httpPort: portOf(http),
    ready,
    reload: () => ingest?.reload() ?? false,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** `watch` is null when the store has no clock of its own. */
function contextOf(
  options: StartOptions,
  tables: DeferredTables,
): { readonly context: CollectorContext; readonly watch: ClockWatch | null } {
  const { config, now, clock, log } = options;
  const metrics = createMetrics(config.region);
  const storeClock = storeClockOf(tables, config, { now, clock });
  const watch = storeClock === null ? null : new ClockWatch({ storeClock, clock, metrics, log });
  const context = {
    ...options,
    ...withinFileHandles(options),
    stores: storesOn(tables),
    metrics,
    clockProblem: () => watch?.problem() ?? null,
  };
  return { context, watch };
}

const healthOf = ({ config, stores, now, clock, clockProblem }: CollectorContext): Health =>
  new Health({
    probe: () => stores.control.probe(hostname(), now()),
    clock,
    freshMs: WRITTEN_LATELY_MS,
    objection: clockProblem,
    silentMs: SILENT_MS,
    silenceHint: SILENCE_HINTS[config.store.kind],
  });

const startTimers = (health: Health, watch: ClockWatch | null): readonly NodeJS.Timeout[] => [
  setInterval(() => void health.probe(), PROBE_EVERY_MS),
  setInterval(() => void watch?.tick(), CLOCK_TICK_MS),
];

/** The configuration and the handshakes, with no more connections than there are file handles. */
function withinFileHandles({ config, roles, log, fileHandles }: StartOptions) {
  const { http, mqtt } = config;
  const takesTills = roles.has('ingest');
  const wanted = {
    http: http.maxConnections,
    sessions: takesTills ? mqtt.maxConnections : 0,
    handshakes: takesTills ? BROKER_LIMITS.handshakes.value : 0,
  };
  const shares = shareFileHandles(wanted, fileHandles);
  if (shares.warning !== null) log.warn(shares.warning);
  return {
    config: {
      ...config,
      http: { ...http, maxConnections: shares.http },
      mqtt: { ...mqtt, maxConnections: takesTills ? shares.sessions : mqtt.maxConnections },
    },
    maxHandshakes: shares.handshakes,
  };
}

/**
 * Opens and initializes the store, however long that takes.
 *
 * @returns its identity; null when stopped before
 */
async function openStore(
  options: StartOptions,
  tables: DeferredTables,
  watch: ClockWatch | null,
  stopping: AbortSignal,
): Promise<StoreIdentity | null> {
  const { config, openTables, log, random } = options;
  for (let attempt = 0; !stopping.aborted; attempt++) {
    try {
      if (!tables.isOpen) await tables.opened(await openTables(config.store));
      const identity = await initializeStore(tables, config.dimensions, proposedIdentity());
      await watch?.compare();
      return identity;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      log.warn({ err: error }, 'the store is unavailable: trying again');
      const pause = Math.min(250 * 2 ** Math.min(attempt, 10), REOPEN_MAX_MS) * (0.5 + random() / 2);
      await wait(pause, undefined, { signal: stopping }).catch(() => undefined);
    }
  }
  return null;
}

async function startHttp(context: CollectorContext, health: Health): Promise<FastifyInstance> {
  const { config, roles, stores, metrics, log, now, clock, version } = context;
  const logics = new ActiveLogic({ logics: stores.logics, clock, freshForMs: API_LIMITS.logicFresh.value });
  const live = new LiveHours({
    log: stores.log,
    ...{ clock, now },
    freshForMs: LIVE_FRESH_MS,
    marginMs: API_LIMITS.liveHourMargin.value,
    checkMs: API_LIMITS.liveHourCheck.value,
    maxBytes: API_LIMITS.liveHourBytes.value,
  });
  const completeness = new CompletenessReader({
    ...{ finality: stores.finality, clock },
    freshForMs: API_LIMITS.clearancesFresh.value,
    maxMerchants: API_LIMITS.clearancesMerchants.value,
  });
  // While the store is away anybody causes them.
  const requestLog = new LimitedLog(log, { burst: 1, perSecond: 1 }, clock);
  const http = await createServer({
    readiness: () => health.readiness(),
    registry: metrics.registry,
    onError: (error) => requestLog.error({ err: error }, 'a request failed'),
    clock,
    maxConnections: config.http.maxConnections,
    trustedProxies: config.http.trustedProxies,
    merchants: roles.has('api')
      ? { ...stores, live, completeness, logics, auth: new Auth(stores.control, clock), now }
      : null,
    version,
  });
  const { host, port } = config.http;
  await listening('http', config.http, () => http.listen({ host, port }));
  return http;
}

/** Gives responses in progress some time, then closes their connections. */
async function closeHttp(http: FastifyInstance): Promise<void> {
  const cut = setTimeout(() => http.server.closeAllConnections(), HTTP_DRAIN_MS);
  await http.close();
  clearTimeout(cut);
}

function portOf(http: FastifyInstance): number {
  const [address] = http.addresses();
  if (typeof address !== 'object') throw new Error('HTTP does not listen');
  return address.port;
}

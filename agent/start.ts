/** Starts an agent: wires the parts, in the order in which an event passes them, and ends them in that order. */
import { randomBytes } from 'node:crypto';
import packageJson from '../package.json' with { type: 'json' };
import { type AgentFacts, agentSamples, agentStatus } from './agent-status.ts';
import { freeBytes } from './buffer/budget.ts';
import { startHousekeeping } from './buffer/housekeeping.ts';
import { SqliteBuffer } from './buffer/sqlite-buffer.ts';
import type { AgentConfig } from './config.ts';
import { readCredentials } from './config-file.ts';
import { renderMetrics } from './ingest/metrics.ts';
import { zeroIngestCounters } from './ingest/post-events.ts';
import { BodyReader } from './ingest/read-body.ts';
import { type IngestServer, startIngestServer } from './ingest/server.ts';
import { UncommittedRequests } from './ingest/uncommitted.ts';
import type { Work } from './service-manager.ts';
import { Shipper } from './ship/shipper.ts';
import { systemTimers } from './ship/timers.ts';

export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface RunningAgent {
  /** That it listens on. */
  readonly port: number;
  readonly stream: string;
  /** How it is, in a line. */
  words(): string;
  /** What it has begun and not done. */
  work(): Work;
  /** Takes nothing more, answers what it has, waits briefly for acks, signs off, closes the buffer. */
  stop(): Promise<void>;
}

/**
 * Starts an agent in this process.
 *
 * @throws BufferError, ListenError when it can't start for a reason to tell
 */
export async function startAgent(config: AgentConfig, log: Log): Promise<RunningAgent> {
  const { merchant, terminal, store } = config;
  const now = Date.now;
  const startedAt = now();
  const fault = (error: unknown): void => log.error(`${(error as Error).stack ?? error}`);

  const buffer = new SqliteBuffer({
    path: config.buffer.path,
    merchant,
    terminal,
    maxBytes: config.buffer.maxBytes,
    minFreeBytes: config.buffer.minFreeBytes,
    keepAckedHours: config.buffer.keepAckedHours,
    now,
    randomBytes: (count) => randomBytes(count),
    diskFree: () => freeBytes(config.buffer.path),
    damaged: (detail) => log.error(`buffer damaged: ${detail}`),
  });
  const holding = (): AgentFacts['buffer'] => {
    try {
      return buffer.facts();
    } catch (error) {
      return error as Error;
    }
  };
  const uncommitted = new UncommittedRequests();
  const shipper = new Shipper({
    outbox: buffer,
    merchant,
    terminal,
    stream: buffer.stream,
    addresses: config.collector.addresses,
    credentials: () => readCredentials(config.collector),
    version: packageJson.version,
    lingerMs: config.ship.lingerMs,
    reconnectMaxMs: config.ship.reconnectMaxMs,
    oldestRequest: () => uncommitted.oldest(),
    preparing: () => {
      const held = holding();
      return held instanceof Error ? null : held.salvage;
    },
    now,
    wallClock: Date.now,
    random: Math.random,
    timers: systemTimers,
    log,
  });
  const ingestCounters = zeroIngestCounters();
  const facts = (): AgentFacts => ({
    config,
    version: packageJson.version,
    stream: buffer.stream,
    startedAt,
    buffer: holding(),
    ingest: ingestCounters,
    shipper: shipper.report(),
  });

  let server: IngestServer;
  try {
    server = await startIngestServer({
      host: config.ingest.host,
      port: config.ingest.port,
      cardData: config.ingest.cardData,
      intake: buffer,
      bodies: new BodyReader(),
      uncommitted,
      now,
      store,
      fault,
      counters: ingestCounters,
      status: () => agentStatus(facts()),
      metrics: () => renderMetrics(agentSamples(facts(), process.memoryUsage.rss())),
      notice: (message) => log.info(message),
    });
  } catch (error) {
    buffer.close();
    throw error;
  }
  const endHousekeeping = startHousekeeping({
    expire: () => buffer.expire(),
    failed: fault,
    after: systemTimers.after,
  });
  shipper.start();
  log.info(
    `${merchant}/${terminal} takes events on ${config.ingest.host} port ${server.port}, stream ${buffer.stream}`,
  );

  return {
    port: server.port,
    stream: buffer.stream,
    words() {
      const { title, words } = agentStatus(facts()).state;
      return [`${title}.`, ...words].join(' ');
    },
    work() {
      const oldest = uncommitted.oldest();
      return { begun: oldest === null ? null : 'a request waits for its commit', mark: oldest ?? 0 };
    },
    async stop() {
      await server.stop();
      await shipper.stop();
      endHousekeeping();
      buffer.close();
    },
  };
}

/** Starts an agent: wires the parts, in the order in which an event passes them, and ends them in that order. */
import { randomBytes } from 'node:crypto';
import packageJson from '../package.json' with { type: 'json' };
import { freeBytes } from './buffer/capacity/disk-budget.ts';
import { startHousekeeping } from './buffer/capacity/housekeeping.ts';
import { BufferError } from './buffer/disk/buffer-error.ts';
import { probeDisk } from './buffer/disk/write-probe.ts';
import { startScrubbing } from './buffer/integrity/scrub-schedule.ts';
import { openBuffer } from './buffer/open-buffer.ts';
import type { BufferOptions } from './buffer/options.ts';
import type { SqliteBuffer } from './buffer/sqlite-buffer.ts';
import { BufferSupervisor } from './buffer/supervisor.ts';
import { DisciplinedClock } from './clock/disciplined-clock.ts';
import { machineClocks } from './clock/machine-clocks.ts';
import { startStepWatch } from './clock/step-watch.ts';
import type { AgentConfig } from './config/agent-config.ts';
import { readCredentials } from './config/load-config.ts';
import { BodyReader } from './ingest/http/body-reader.ts';
import { LargeRequestQueue } from './ingest/http/large-request-queue.ts';
import { InFlightRequests } from './ingest/in-flight-requests.ts';
import { zeroIngestCounters } from './ingest/post-events.ts';
import { type IngestServer, startIngestServer } from './ingest/server.ts';
import { type AgentFacts, agentSamples, agentStatus } from './monitoring/agent-status.ts';
import { SelfMonitor } from './monitoring/self-monitor.ts';
import { supportPage } from './monitoring/support-page.ts';
import { usableDiskBytes } from './monitoring/usable-disk.ts';
import { CurrentShipper } from './runtime/current-shipper.ts';
import { GcPacer, ownHeap } from './runtime/gc-pacer.ts';
import { renderMetrics } from './runtime/render-metrics.ts';
import { systemTimers } from './runtime/system-timers.ts';
import type { Progress } from './runtime/systemd-notifier.ts';
import { Shipper } from './ship/shipper.ts';

export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface RunningAgent {
  /** That it listens on. */
  readonly port: number;
  /** Of the buffer that was opened first; null when it could not be opened yet. */
  readonly stream: string | null;
  /** How it is, in a line. */
  words(): string;
  /** What it has begun and not done. */
  work(): Progress;
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
  const clock = new DisciplinedClock(machineClocks());
  const now = (): number => clock.now();
  const startedAt = now();
  const fault = (error: unknown): void => log.error(`${(error as Error).stack ?? error}`);

  const options: BufferOptions = {
    path: config.buffer.path,
    merchant,
    terminal,
    maxBytes: config.buffer.maxBytes,
    minFreeBytes: config.buffer.minFreeBytes,
    keepAckedHours: config.buffer.keepAckedHours,
    whenFull: config.buffer.whenFull,
    commitDelayMs: config.buffer.commitDelayMs,
    clock,
    randomBytes: (count) => randomBytes(count),
    diskFree: () => freeBytes(config.buffer.path),
    damaged: (detail) => log.error(`buffer damaged: ${detail}`),
  };
  const shipping = new CurrentShipper();
  const keeper = new BufferSupervisor<SqliteBuffer>({
    open: (distrust, onFault) => openBuffer({ ...options, distrust, onFault }),
    onOpened: (buffer) => begin(buffer),
    probeDisk: () => probeDisk(config.buffer.path),
    timers: systemTimers,
    random: Math.random,
    log,
  });
  const holding = (): AgentFacts['buffer'] => {
    const { buffer, trouble } = keeper;
    if (buffer === null) return new BufferError(trouble ?? 'the buffer is closed');
    try {
      return buffer.facts();
    } catch (error) {
      return error as Error;
    }
  };
  const heap = new GcPacer(ownHeap());
  const uncommitted = new InFlightRequests();
  const ingestCounters = zeroIngestCounters();
  const monitor = new SelfMonitor({
    log,
    now,
    timers: systemTimers,
    accepted: () => ingestCounters.eventsAccepted,
    held: () => {
      const held = holding();
      return held instanceof Error ? null : { pending: held.pending, bytes: held.usedBytes + held.walBytes };
    },
  });
  const shipperOf = (buffer: SqliteBuffer): Shipper =>
    new Shipper({
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
      backlogSent: () => heap.maybeCollect(),
      preparing: () => {
        const held = holding();
        return held instanceof Error ? null : held.salvage;
      },
      now,
      wallClock: Date.now,
      timeTold: (measure) => clock.hear(measure),
      random: Math.random,
      timers: systemTimers,
      log: monitor.connections,
    });
  /** What lives as long as an opening of the buffer. */
  const begin = (buffer: SqliteBuffer): (() => Promise<void>) => {
    let cancel = (): void => {};
    let ended = false;
    const pause = (ms: number): Promise<boolean> =>
      new Promise((resolve) => {
        const stop = systemTimers.after(ms, () => resolve(!ended));
        cancel = () => {
          stop();
          resolve(false);
        };
      });
    const bringOver = async (): Promise<void> => {
      for (let waitMs = 1_000; !ended; waitMs = Math.min(2 * waitMs, 60_000)) {
        try {
          await buffer.recover(pause);
          return;
        } catch (error) {
          if (!ended) fault(error);
          await pause(waitMs);
        }
      }
    };
    void bringOver();
    const endShipping = shipping.begin(shipperOf(buffer));
    const endChecking = startScrubbing({ check: () => buffer.scrubStep(), failed: fault, after: systemTimers.after });
    return async () => {
      ended = true;
      cancel();
      endChecking();
      await endShipping();
    };
  };
  const facts = (): AgentFacts => ({
    config,
    version: packageJson.version,
    stream: keeper.buffer?.stream ?? null,
    startedAt,
    buffer: holding(),
    ingest: ingestCounters,
    shipper: shipping.report(),
    now: now(),
    history: monitor.history,
    latest: monitor.latest(),
    full: keeper.lastRefusal,
    diskBytes: usableDiskBytes(config.buffer.path, config.buffer.minFreeBytes),
  });

  keeper.start();
  let server: IngestServer;
  try {
    server = await startIngestServer({
      host: config.ingest.host,
      port: config.ingest.port,
      cardData: config.ingest.cardData,
      intake: keeper,
      bodies: new BodyReader(),
      large: new LargeRequestQueue(),
      uncommitted,
      now,
      store,
      fault,
      counters: ingestCounters,
      status: () => agentStatus(facts()),
      metrics: () => renderMetrics(agentSamples(facts(), process.memoryUsage.rss())),
      notice: (message) => log.info(message),
      ...supportPage(facts, monitor.connections, config.buffer.path),
    });
  } catch (error) {
    await keeper.stop();
    throw error;
  }
  const endHousekeeping = startHousekeeping({
    expire: () => keeper.buffer?.expireStep() ?? false,
    notice: () => keeper.buffer?.reloadIfChanged(),
    failed: fault,
    after: systemTimers.after,
  });
  clock.onStep(() => shipping.greetAgain());
  const endWatch = startStepWatch(clock, systemTimers.after);
  monitor.start();
  const stream = keeper.buffer?.stream ?? null;
  log.info(
    `${merchant}/${terminal} takes events on ${config.ingest.host} port ${server.port}${stream === null ? '' : `, stream ${stream}`}`,
  );

  return {
    port: server.port,
    stream,
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
      monitor.stop();
      endHousekeeping();
      endWatch();
      await keeper.stop();
    },
  };
}

/**
 * Starts an agent: creates the parts, in the order in which an event passes them, and stops them in
 * that order.
 */
import { randomBytes } from 'node:crypto';
import packageJson from '../package.json' with { type: 'json' };
import { freeBytes } from './buffer/disk/disk-usage.ts';
import { probeDisk } from './buffer/disk/write-probe.ts';
import { startHousekeeping } from './buffer/housekeeping-schedule.ts';
import { openBuffer } from './buffer/open-buffer.ts';
import type { BufferOptions } from './buffer/options.ts';
import type { SqliteBuffer } from './buffer/sqlite-buffer.ts';
import { BufferSupervisor } from './buffer/supervisor.ts';
import { DisciplinedClock } from './clock/disciplined-clock.ts';
import { machineClocks } from './clock/machine-clocks.ts';
import { startStepWatch } from './clock/step-watch.ts';
import type { AgentConfig } from './config/agent-config.ts';
import { ingestToken, readCredentials } from './config/load-config.ts';
import { BodyReader } from './ingest/http/body-reader.ts';
import { LargeRequestQueue } from './ingest/http/large-request-queue.ts';
import { InFlightRequests } from './ingest/in-flight-requests.ts';
import { zeroIngestCounters } from './ingest/post-events.ts';
import { type IngestServer, startIngestServer } from './ingest/server.ts';
import { BufferFacts } from './monitoring/buffer-facts.ts';
import { SelfMonitor } from './monitoring/self-monitor.ts';
import { StatusPages } from './monitoring/status-pages.ts';
import { BufferSession } from './runtime/buffer-session.ts';
import { CurrentShipper } from './runtime/current-shipper.ts';
import { GcPacer, ownHeap } from './runtime/gc-pacer.ts';
import { KeepAliveFile } from './runtime/keep-alive-file.ts';
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
  /** Its state, in a line. */
  describe(): string;
  /** Reads token and certificate files now, not when the minute is over. */
  checkCredentials(): void;
  /** What it has begun and not done. */
  work(): Progress;
  /**
   * Takes nothing more, answers what it has, waits briefly for acks, signs off, closes the buffer.
   */
  stop(): Promise<void>;
}

/**
 * Starts an agent in this process.
 *
 * @throws BufferError, ConfigError, ListenError when it cannot start for a reason to tell
 */
export async function startAgent(config: AgentConfig, log: Log): Promise<RunningAgent> {
  const agent = new Agent(config, log);
  agent.supervisor.start();
  let server: IngestServer;
  try {
    server = await agent.listen();
  } catch (error) {
    await agent.supervisor.stop();
    throw error;
  }
  if (config.ingest.allowUnauthenticated)
    log.warn(`everybody who reaches ${config.ingest.host} can post sales (ingest.allowUnauthenticated)`);
  const endBackground = agent.startBackground();
  const stream = agent.supervisor.buffer?.stream ?? null;
  const named = stream === null ? '' : `, stream ${stream}`;
  log.info(`${config.merchant}/${config.terminal} takes events on ${config.ingest.host} port ${server.port}${named}`);
  return {
    port: server.port,
    stream,
    describe: () => agent.describe(),
    checkCredentials: () => agent.checkCredentials(),
    work: () => agent.progress(),
    async stop() {
      await server.stop();
      endBackground();
      await agent.supervisor.stop();
    },
  };
}

class Agent {
  readonly #config: AgentConfig;
  readonly #log: Log;
  readonly #clock = new DisciplinedClock(machineClocks());
  readonly #heap = new GcPacer(ownHeap());
  readonly #inFlight = new InFlightRequests();
  readonly #counters = zeroIngestCounters();
  readonly #shipping = new CurrentShipper();
  readonly #keepAlives: KeepAliveFile;
  readonly supervisor: BufferSupervisor<SqliteBuffer>;
  readonly #buffer: BufferFacts;
  readonly #monitor: SelfMonitor;
  readonly #pages: StatusPages;
  /** Milliseconds since 1970. */
  readonly #now = (): number => this.#clock.now();
  readonly #fault = (error: unknown): void => this.#log.error(`${(error as Error).stack ?? error}`);

  constructor(config: AgentConfig, log: Log) {
    this.#config = config;
    this.#log = log;
    const { buffer, collector } = config;
    this.#keepAlives = new KeepAliveFile(buffer.path, collector.addresses, (message) => log.warn(message));
    const options = this.#bufferOptions();
    this.supervisor = new BufferSupervisor<SqliteBuffer>({
      open: (distrust, onFault) => openBuffer({ ...options, distrust, onFault }),
      onOpened: (buffer) => this.#startSession(buffer),
      probeDisk: () => probeDisk(config.buffer.path),
      timers: systemTimers,
      random: Math.random,
      log,
    });
    this.#buffer = new BufferFacts(this.supervisor);
    this.#monitor = new SelfMonitor({
      log,
      now: this.#now,
      timers: systemTimers,
      accepted: () => this.#counters.eventsAccepted,
      held: () => this.#buffer.held(),
    });
    this.#pages = new StatusPages({
      config,
      buffer: this.#buffer,
      counters: this.#counters,
      shipping: this.#shipping,
      monitor: this.#monitor,
      clock: this.#clock,
    });
  }

  /** @throws ListenError; ConfigError when the token of the tills cannot be read */
  async listen(): Promise<IngestServer> {
    const { ingest, store } = this.#config;
    return startIngestServer({
      host: ingest.host,
      port: ingest.port,
      allowedHosts: ingest.allowedHosts,
      allowedOrigins: ingest.allowedOrigins,
      token: ingest.tokenFile === null ? null : ingestToken(ingest.tokenFile, systemTimers.now),
      cardData: ingest.cardData,
      intake: this.supervisor,
      bodies: new BodyReader(),
      large: new LargeRequestQueue(),
      uncommitted: this.#inFlight,
      now: this.#now,
      wrongClock: () => {
        const { suspect, wall } = this.#clock.stamp();
        return suspect ? wall : undefined;
      },
      store,
      fault: this.#fault,
      counters: this.#counters,
      pages: this.#pages,
      notice: (message) => this.#log.info(message),
    });
  }

  /** Starts what runs on timers, whichever buffer is open. @returns stops it */
  startBackground(): () => void {
    const endHousekeeping = startHousekeeping({
      expire: () => this.supervisor.buffer?.expireStep() ?? false,
      notice: () => this.supervisor.buffer?.reloadIfChanged(),
      failed: this.#fault,
      after: systemTimers.after,
    });
    this.#clock.onStep(() => this.#shipping.restartSession());
    const endStepWatch = startStepWatch(this.#clock, systemTimers.after);
    this.#monitor.start();
    return () => {
      this.#monitor.stop();
      endHousekeeping();
      endStepWatch();
    };
  }

  describe(): string {
    const { title, words } = this.#pages.status().state;
    return [`${title}.`, ...words].join(' ');
  }

  checkCredentials(): void {
    this.#shipping.checkCredentials();
  }

  progress(): Progress {
    const oldest = this.#inFlight.oldest();
    return { begun: oldest === null ? null : 'a request waits for its commit', mark: oldest ?? 0 };
  }

  /** @returns stops it */
  #startSession(buffer: SqliteBuffer): () => Promise<void> {
    const session = new BufferSession(buffer, this.#shipping, systemTimers, this.#fault);
    session.start(this.#newShipper(buffer));
    return () => session.stop();
  }

  #bufferOptions(): BufferOptions {
    const { merchant, terminal, buffer } = this.#config;
    return {
      path: buffer.path,
      merchant,
      terminal,
      maxBytes: buffer.maxBytes,
      minFreeBytes: buffer.minFreeBytes,
      keepAckedHours: buffer.keepAckedHours,
      whenFull: buffer.whenFull,
      commitDelayMs: buffer.commitDelayMs,
      clock: this.#clock,
      randomBytes: (count) => randomBytes(count),
      diskFree: () => freeBytes(buffer.path),
      damaged: (detail) => this.#log.error(`buffer damaged: ${detail}`),
    };
  }

  #newShipper(buffer: SqliteBuffer): Shipper {
    const { merchant, terminal, collector, ship } = this.#config;
    return new Shipper({
      outbox: buffer,
      merchant,
      terminal,
      stream: buffer.stream,
      addresses: collector.addresses,
      credentials: () => readCredentials(collector),
      version: packageJson.version,
      lingerMs: ship.lingerMs,
      reconnectMaxMs: ship.reconnectMaxMs,
      keepAliveOf: (address) => this.#keepAlives.of(address),
      oldestRequest: () => this.#inFlight.oldest(),
      backlogSent: () => this.#heap.maybeCollect(),
      preparing: () => this.#buffer.recovery(),
      now: this.#now,
      wallClock: Date.now,
      onCollectorTime: (measure) => this.#clock.hear(measure),
      random: Math.random,
      timers: systemTimers,
      log: this.#monitor.connections,
    });
  }
}

/**
 * Maintains a session with the collector for as long as the agent runs.
 *
 *     waiting --delay over--> connecting --CONNACK, SUBACK--> connected --closed--> waiting
 *        ^__________________________/ refused
 *     any --stop()--> stopped
 *
 * Invariants: there is one connection at a time, each with a client of its own. The delay before
 * each is random and grows while nothing is stored. Accepting events never waits for any of it.
 */
import assert from 'node:assert/strict';
import type { MerchantId, StreamId } from '../../shared/ids.ts';
import { topic } from '../../shared/topics.ts';
import { MAX_WIRE_BYTES } from '../../shared/wire/batch.ts';
import { decodeAcks } from '../../shared/wire/messages.ts';
import { ArrivalRate } from './batching/arrival-rate.ts';
import { CollectorProtocol, type CollectorProtocolDependencies } from './collector-protocol.ts';
import { isReplaced, type RunningWatch, watchCredentials } from './connection/credential-watch.ts';
import type { Address, Credentials } from './connection/endpoint.ts';
import { explainError } from './connection/explain-error.ts';
import { idleCut } from './connection/idle-cut.ts';
import { announcedKeepAlive, type LearningKeepAlive } from './connection/keep-alive.ts';
import { isRefusal, openSession, type Session } from './connection/mqtt-session.ts';
import { RetryWait } from './connection/retry-wait.ts';
import { unknownCollector, zeroCounters } from './status/collector-state.ts';
import { CollectorClock } from './status/collector-time.ts';
import type { ShipperReport } from './status/shipper-report.ts';

/** A connection that lasted this long counts as good, even if nothing was sold. */
const STEADY_MS = 60_000;
/** A collector that has not answered for this long is reported as silent. */
const SILENT_MS = 10_000;
/** How long a stop waits for acks of batches in flight. */
const DRAIN_MS = 2_000;

type State = 'waiting' | 'connecting' | 'connected' | 'stopped';
const NEXT: Readonly<Record<State, readonly State[]>> = {
  waiting: ['connecting', 'stopped'],
  connecting: ['connected', 'waiting', 'stopped'],
  connected: ['waiting', 'stopped'],
  stopped: [],
};

/** Dependencies that outlive a connection. */
type Shared = 'view' | 'counters' | 'collectorClock' | 'arrivals';

export interface ShipperDependencies extends Omit<CollectorProtocolDependencies, Shared> {
  readonly merchant: MerchantId;
  /** Stream of the open epoch; also the MQTT client id. */
  readonly stream: StreamId;
  /** Tried in turn; at least one. */
  readonly addresses: readonly Address[];
  /** Read for each connection. @throws when a file cannot be read */
  readonly credentials: () => Credentials;
  readonly reconnectMaxMs: number;
  /** What was learned of the path to an address; outlives the shipper. */
  readonly keepAliveOf: (address: Address) => LearningKeepAlive;
  /**
   * What the buffer has to do before anything can be shipped, as a phrase; null when it is ready.
   */
  readonly preparing: () => string | null;
  readonly log: { info(message: string): void; warn(message: string): void };
}

/** How a connection ended: well if the next wait is the first again. `idleCutMs`: see `idleCut`. */
type Ended = { readonly good: boolean; readonly idleCutMs: number | null; readonly reason: unknown };

export class Shipper {
  readonly #with: ShipperDependencies;
  readonly #view = unknownCollector();
  readonly #counters = zeroCounters();
  readonly #collectorClock = new CollectorClock();
  readonly #arrivals = new ArrivalRate();
  readonly #stopping = new AbortController();
  readonly #retry: RetryWait;
  #state: State = 'waiting';
  #address: Address;
  /** IP addresses that the latest connection attempt tried. */
  #tried: string[] = [];
  /** Bytes a second of a line that was cut with a packet under way; null: none was. */
  #slowest: number | null = null;
  #session: Session | null = null;
  #protocol: CollectorProtocol | null = null;
  /** Of the latest attempt; null: they could not be read. */
  #used: Credentials | null = null;
  #watch: RunningWatch | null = null;
  #lastError: { readonly message: string; readonly at: number } | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(dependencies: ShipperDependencies) {
    assert(dependencies.addresses.length > 0, 'at least one collector address is needed');
    this.#with = dependencies;
    this.#address = dependencies.addresses[0]!;
    const { outbox, timers, random, reconnectMaxMs } = dependencies;
    this.#retry = new RetryWait(timers, random, reconnectMaxMs);
    outbox.onPending(() => {
      this.#arrivals.note(timers.now());
      this.#retry.sold();
      this.#protocol?.pump();
    });
    outbox.onLoss(() => this.#protocol?.lossesAdded());
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Waits briefly for acks, signs off, and closes the connection. */
  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    const protocol = this.#protocol;
    if (protocol !== null) {
      const { timers } = this.#with;
      const { promise: enough, resolve } = Promise.withResolvers<void>();
      const cancel = timers.after(DRAIN_MS, resolve);
      await Promise.race([protocol.drain(), enough]);
      cancel();
    }
    this.#stopping.abort(new Error('the agent stops'));
    await this.#session?.end();
    await this.#running;
    this.#become('stopped');
  }

  /** Reconnects, because the machine's clock was set: the buffer needs the collector's time. */
  restartSession(): void {
    if (this.#protocol !== null && this.#protocol.state !== 'greeting')
      this.#session?.abort(new Error('the clock of this machine was set: asking the collector for the time again'));
  }

  /** Connects at once if the credential files were replaced. */
  checkCredentials(): void {
    this.#watch?.check();
    if (isReplaced(this.#used, this.#with.credentials)) this.#retry.end();
  }

  report(): ShipperReport {
    const { host, port } = this.#address;
    const { timers, wallClock } = this.#with;
    return {
      state: this.#state === 'connected' ? this.#sessionState() : this.#state === 'waiting' ? 'offline' : this.#state,
      words: this.#describe(),
      address: `${host}:${port}`,
      tried: this.#tried,
      lastError: this.#lastError?.message ?? null,
      lastErrorAt: this.#lastError?.at ?? null,
      batchesInFlight: this.#protocol?.inFlight ?? 0,
      line: this.#protocol?.line ?? null,
      silent: (this.#protocol?.line.overdueMs ?? 0) >= SILENT_MS,
      collector: { ...this.#view, clockOffsetMs: this.#collectorClock.offsetFrom(wallClock(), timers.now()) },
      counters: { ...this.#counters },
    };
  }

  #sessionState(): 'greeting' | 'preparing' | 'shipping' | 'draining' | 'offline' {
    const state = this.#protocol?.state ?? 'over';
    return state === 'over' ? 'offline' : state;
  }

  #describe(): string {
    const overdueMs = this.#protocol?.line.overdueMs ?? 0;
    switch (this.#state) {
      case 'waiting':
        return this.#lastError === null
          ? 'connecting soon'
          : `not connected: ${this.#lastError.message}; retries automatically`;
      case 'connecting':
        return this.#lastError === null ? 'connecting' : `reconnecting; last error: ${this.#lastError.message}`;
      case 'connected':
        if (this.#protocol?.state === 'preparing')
          return `connected; preparing to ship: ${this.#with.preparing() ?? 'the buffer is being prepared'}`;
        if (overdueMs >= SILENT_MS)
          return `connected, but the collector has not answered for ${Math.floor(overdueMs / 1000)} s`;
        return this.#view.holding === null
          ? 'connected'
          : `connected, but ${this.#view.holding}; retries automatically`;
      case 'stopped':
        return 'stopped';
    }
  }

  #become(state: State): void {
    assert(NEXT[this.#state].includes(state), `${this.#state} -> ${state}`);
    this.#state = state;
  }

  async #run(): Promise<void> {
    const { addresses, keepAliveOf, now, log } = this.#with;
    const { signal } = this.#stopping;
    for (let failures = 0, at = 0; !signal.aborted; ) {
      this.#address = addresses[at % addresses.length]!;
      const keepAlive = keepAliveOf(this.#address);
      this.#become('connecting');
      const { good, idleCutMs, reason } = await this.#connection(keepAlive);
      this.#become('waiting');
      if (signal.aborted) return;
      const message = explainError(reason, this.#address, this.#tried);
      if (idleCutMs !== null) {
        keepAlive.cutAfter(idleCutMs);
        log.info(`cut after ${Math.round(idleCutMs / 1_000)} s without traffic: reconnecting`);
      } else if (message !== this.#lastError?.message || good) log.warn(`not shipping: ${message}`);
      this.#lastError = { message: message, at: now() };
      if (good) failures = 0;
      else {
        at++;
        keepAlive.doubt();
      }
      await this.#retry.wait(failures++, isRefusal(reason), signal);
    }
  }

  /** Runs one connection from its start to its end. */
  async #connection(keepAlive: LearningKeepAlive): Promise<Ended> {
    const { merchant, terminal, stream, credentials, timers, now } = this.#with;
    const topics = [topic(merchant, terminal, 'ack'), topic(merchant, terminal, 'ctl')];
    const options = {
      address: this.#address,
      clientId: stream,
      username: `${merchant}/${terminal}`,
      ...{ topics, timers, now },
      keepAlive: keepAlive.seconds,
      announced: announcedKeepAlive(keepAlive.seconds, MAX_WIRE_BYTES, this.#slowest),
      onAttempt: (address: string) => void this.#tried.push(address),
    };
    this.#tried = [];
    let session: Session;
    try {
      this.#used = null;
      this.#used = credentials();
      session = await openSession({ ...options, credentials: this.#used }, this.#stopping.signal);
    } catch (reason) {
      return { good: false, idleCutMs: null, reason };
    }
    const since = timers.now();
    this.#session = session;
    // A stop after the last SUBACK found no session to end.
    if (this.#stopping.signal.aborted) session.abort(new Error('the agent stops'));
    this.#become('connected');
    this.#counters.connections++;
    keepAlive.confirm();
    this.#with.log.info(`connected to ${this.#address.host} port ${this.#address.port}`);
    const protocol = this.#protocolOn(session);
    this.#protocol = protocol;
    protocol.sendGreeting();
    session.onIdle(() => protocol.ping(() => keepAlive.pingAnswered()));
    this.#watch = this.#watchCredentials(session, this.#used);
    const reason = await session.closed;
    this.#watch.end();
    const idleCutMs = protocol.state === 'shipping' ? idleCut(session, protocol.inFlight, reason) : null;
    if (protocol.line.bytesUnderWay > 0) this.#slowest = protocol.line.bytesPerSecond;
    protocol.close();
    this.#protocol = null;
    this.#session = null;
    await protocol.settled;
    const good = idleCutMs !== null || protocol.progressed || timers.now() - since >= STEADY_MS;
    return { good, idleCutMs, reason };
  }

  #protocolOn(session: Session): CollectorProtocol {
    const { merchant, terminal, log } = this.#with;
    const batch = topic(merchant, terminal, 'batch');
    const status = topic(merchant, terminal, 'status');
    const ack = topic(merchant, terminal, 'ack');
    const protocol = new CollectorProtocol(
      {
        ...this.#with,
        ...{ view: this.#view, counters: this.#counters },
        collectorClock: this.#collectorClock,
        arrivals: this.#arrivals,
      },
      {
        batch: (payload, arrived) => session.publish(batch, payload, arrived),
        status: (payload, arrived) => session.publish(status, payload, arrived),
        ping: (answered) => session.ping(answered),
        abort: (error) => session.abort(error),
      },
    );
    session.receive((from, payload) => {
      // `ctl` is reserved: a sender on it uses a later protocol version.
      const envelope = from === ack ? decodeAcks(payload) : null;
      if (envelope !== null) protocol.onAcks(envelope);
      else if (from === ack) log.warn('the collector sent an invalid ack');
    });
    return protocol;
  }

  #watchCredentials(session: Session, used: Credentials): RunningWatch {
    const { credentials, timers, wallClock } = this.#with;
    return watchCredentials({
      used,
      isTls: this.#address.protocol !== 'mqtt',
      read: credentials,
      timers,
      now: () => this.#collectorClock.now(timers.now()) ?? wallClock(),
      wallClock,
      collectorEnds: session.certificateEnds,
      outdated: (reason) => session.abort(reason),
    });
  }
}

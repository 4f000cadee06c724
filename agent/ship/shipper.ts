/**
 * Keeps a conversation with the collector going, for as long as the agent runs.
 *
 *     waiting --its time has come--> connecting --CONNACK, SUBACK--> talking --closed--> waiting
 *        ^_______________________________/ refused
 *     any --stop()--> stopped
 *
 * Invariants: one connection at a time, each by a client of its own; the wait before each is random, and grows while nothing is taken;
 * accepting events never waits for any of it.
 */
import assert from 'node:assert/strict';
import type { MerchantId, StreamId } from '../../shared/ids.ts';
import { topic } from '../../shared/topics.ts';
import { decodeAcks } from '../../shared/wire/messages.ts';
import { ArrivalRate } from './batching/arrival-rate.ts';
import { CollectorProtocol, type CollectorProtocolDependencies } from './collector-protocol.ts';
import { reconnectDelay } from './connection/backoff.ts';
import { watchCredentials } from './connection/credential-watch.ts';
import type { Address, Credentials } from './connection/endpoint.ts';
import { explainError } from './connection/explain-error.ts';
import { openSession, type Session } from './connection/mqtt-session.ts';
import { type CollectorState, type ShipCounters, unknownCollector, zeroCounters } from './status/collector-state.ts';
import { CollectorClock } from './status/collector-time.ts';

/** A connection that lasted so long was a good one, even if nothing was sold. */
const STEADY_MS = 60_000;
/** A collector that has not answered for so long is said to be silent. */
const SILENT_MS = 10_000;
/** How long a stop waits for acks of what is on its way. */
const DRAIN_MS = 2_000;

type State = 'waiting' | 'connecting' | 'talking' | 'stopped';
const NEXT: Readonly<Record<State, readonly State[]>> = {
  waiting: ['connecting', 'stopped'],
  connecting: ['talking', 'waiting', 'stopped'],
  talking: ['waiting', 'stopped'],
  stopped: [],
};

/** Beyond one connection. */
type Kept = 'view' | 'counters' | 'trueTime' | 'arrivals';

export interface ShipperDependencies extends Omit<CollectorProtocolDependencies, Kept> {
  readonly merchant: MerchantId;
  /** Of the open epoch: names the connection too. */
  readonly stream: StreamId;
  /** Tried in turn; one at least. */
  readonly addresses: readonly Address[];
  /** Asked for each connection. @throws when a file cannot be read */
  readonly credentials: () => Credentials;
  readonly reconnectMaxMs: number;
  /** What the buffer is at before anything can be shipped, in words; null when it is ready. */
  readonly preparing: () => string | null;
  readonly log: {
    info(message: string): void;
    warn(message: string): void;
  };
}

/** For `/v1/status` and the metrics. */
export interface ShipperReport {
  readonly state: 'offline' | 'connecting' | 'greeting' | 'preparing' | 'shipping' | 'draining' | 'stopped';
  /** How things stand, for people. */
  readonly words: string;
  readonly address: string;
  /** Why the last connection ended or failed; null before. */
  readonly lastError: string | null;
  /** Milliseconds since 1970 of `lastError`. */
  readonly lastErrorAt: number | null;
  readonly batchesInFlight: number;
  /** Whether the collector, connected as it is, has owed an answer for long. */
  readonly silent: boolean;
  readonly collector: Readonly<CollectorState> & {
    /** Collector's clock less the operating system's, milliseconds; null before the first answer. */
    readonly clockOffsetMs: number | null;
  };
  readonly counters: Readonly<ShipCounters>;
}

export class Shipper {
  readonly #with: ShipperDependencies;
  readonly #view = unknownCollector();
  readonly #counters = zeroCounters();
  readonly #trueTime = new CollectorClock();
  readonly #arrivals = new ArrivalRate();
  readonly #stopping = new AbortController();
  #state: State = 'waiting';
  #address: Address;
  #session: Session | null = null;
  #conversation: CollectorProtocol | null = null;
  #lastError: { readonly words: string; readonly at: number } | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(dependencies: ShipperDependencies) {
    assert(dependencies.addresses.length > 0, 'there is a collector to connect to');
    this.#with = dependencies;
    this.#address = dependencies.addresses[0]!;
    const { outbox, timers } = dependencies;
    outbox.onPending(() => {
      this.#arrivals.note(timers.now());
      this.#conversation?.pump();
    });
    outbox.onLoss(() => this.#conversation?.lossesAdded());
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Waits briefly for acks of what is on its way, signs off, and ends the connection. */
  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    const conversation = this.#conversation;
    if (conversation !== null) {
      const { timers } = this.#with;
      let cancel = (): void => {};
      const enough = new Promise<void>((resolve) => {
        cancel = timers.after(DRAIN_MS, resolve);
      });
      await Promise.race([conversation.drain(), enough]);
      cancel();
    }
    this.#stopping.abort(new Error('the agent stops'));
    await this.#session?.end();
    await this.#running;
    this.#become('stopped');
  }

  /** Before anything more is shipped, the buffer is to hear the collector's time: the machine's clock was set. */
  greetAgain(): void {
    if (this.#conversation !== null && this.#conversation.state !== 'greeting')
      this.#session?.abort(new Error('the clock of this machine was set: the collector is asked for the time again'));
  }

  report(): ShipperReport {
    const { host, port } = this.#address;
    const { timers, wallClock } = this.#with;
    return {
      state: this.#state === 'talking' ? this.#talkingState() : this.#state === 'waiting' ? 'offline' : this.#state,
      words: this.#words(),
      address: `${host}:${port}`,
      lastError: this.#lastError?.words ?? null,
      lastErrorAt: this.#lastError?.at ?? null,
      batchesInFlight: this.#conversation?.inFlight ?? 0,
      silent: this.#unansweredMs >= SILENT_MS,
      collector: { ...this.#view, clockOffsetMs: this.#trueTime.offsetFrom(wallClock(), timers.now()) },
      counters: { ...this.#counters },
    };
  }

  get #unansweredMs(): number {
    return this.#conversation?.unansweredMs ?? 0;
  }

  #talkingState(): 'greeting' | 'preparing' | 'shipping' | 'draining' | 'offline' {
    const state = this.#conversation?.state ?? 'over';
    return state === 'over' ? 'offline' : state;
  }

  #words(): string {
    switch (this.#state) {
      case 'waiting':
        return this.#lastError === null
          ? 'about to connect'
          : `not connected: ${this.#lastError.words}; tries again by itself`;
      case 'connecting':
        return this.#lastError === null ? 'connecting' : `connecting again; before: ${this.#lastError.words}`;
      case 'talking':
        if (this.#conversation?.state === 'preparing')
          return `connected; before anything is shipped: ${this.#with.preparing() ?? 'the buffer is made ready'}`;
        if (this.#unansweredMs >= SILENT_MS)
          return `connected, but the collector has not answered for ${Math.floor(this.#unansweredMs / 1000)} s`;
        return this.#view.holding === null
          ? 'connected'
          : `connected, but ${this.#view.holding}; tries again by itself`;
      case 'stopped':
        return 'stopped';
    }
  }

  #become(state: State): void {
    assert(NEXT[this.#state].includes(state), `${this.#state} -> ${state}`);
    this.#state = state;
  }

  async #run(): Promise<void> {
    const { addresses, reconnectMaxMs, random, now, log } = this.#with;
    const { signal } = this.#stopping;
    for (let failures = 0, at = 0; ; ) {
      this.#address = addresses[at % addresses.length]!;
      this.#become('connecting');
      const { good, reason } = await this.#connection();
      this.#become('waiting');
      if (signal.aborted) return;
      const words = explainError(reason, this.#address);
      if (words !== this.#lastError?.words || good) log.warn(`not shipping: ${words}`);
      this.#lastError = { words, at: now() };
      if (good) failures = 0;
      else at++;
      await this.#wait(reconnectDelay(failures++, reconnectMaxMs, random));
      if (signal.aborted) return;
    }
  }

  #wait(ms: number): Promise<void> {
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#with.timers.after(ms, done);
      signal.addEventListener('abort', done);
    });
  }

  /** From connecting to the end of the connection. */
  async #connection(): Promise<{ good: boolean; reason: unknown }> {
    const { merchant, terminal, stream, credentials, timers, now, wallClock, log } = this.#with;
    const batch = topic(merchant, terminal, 'batch');
    const status = topic(merchant, terminal, 'status');
    const ack = topic(merchant, terminal, 'ack');
    const ctl = topic(merchant, terminal, 'ctl');
    let session: Session;
    let used: Credentials;
    try {
      used = credentials();
      session = await openSession(
        {
          address: this.#address,
          clientId: stream,
          username: `${merchant}/${terminal}`,
          credentials: used,
          topics: [ack, ctl],
          timers,
          now,
        },
        this.#stopping.signal,
      );
    } catch (reason) {
      return { good: false, reason };
    }
    const since = timers.now();
    this.#session = session;
    // A stop between the last grant and here found no session that it could end.
    if (this.#stopping.signal.aborted) session.abort(new Error('the agent stops'));
    this.#become('talking');
    this.#counters.connections++;
    log.info(`connected to ${this.#address.host} port ${this.#address.port}`);
    const conversation = new CollectorProtocol(
      {
        ...this.#with,
        view: this.#view,
        counters: this.#counters,
        trueTime: this.#trueTime,
        arrivals: this.#arrivals,
      },
      {
        batch: (payload) => session.publish(batch, payload),
        status: (payload) => session.publish(status, payload),
        abort: (error) => session.abort(error),
      },
    );
    this.#conversation = conversation;
    session.receive((from, payload) => {
      // `ctl` is reserved: whoever sends on it speaks a later version.
      const envelope = from === ack ? decodeAcks(payload) : null;
      if (envelope !== null) conversation.onAcks(envelope);
      else if (from === ack) log.warn('the collector sent an ack that is none');
    });
    conversation.sendGreeting();
    const outdated = (reason: Error): void => session.abort(reason);
    const time = (): number => this.#trueTime.now(timers.now()) ?? wallClock();
    const endWatch = watchCredentials({
      used,
      isTls: this.#address.protocol !== 'mqtt',
      read: credentials,
      timers,
      now: time,
      wallClock,
      outdated,
      collectorEnds: session.certificateEnds,
    });
    const reason = await session.closed;
    endWatch();
    conversation.close();
    this.#conversation = null;
    this.#session = null;
    await conversation.settled;
    return { good: conversation.progressed || timers.now() - since >= STEADY_MS, reason };
  }
}

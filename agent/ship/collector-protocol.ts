/**
 * The protocol of one session with the collector: greet, ship, settle what it acknowledges.
 *
 *     greeting --answer--> preparing --outbox.greeted--> shipping --drain--> draining
 *         \_____________________\____________________________\__________________\___closed--> over
 *
 * Invariants:
 * - Nothing is shipped before the status of the greeting was answered and the buffer has applied
 *   the answer.
 * - Only what `BatchScheduler` reports as acknowledged is settled; PUBACK only times the line.
 * - The connection is cut when the line passes nothing, when the collector does not answer in time
 *   what has arrived, and when the buffer cannot be read or written.
 */
import assert from 'node:assert/strict';
import type { AckEnvelope } from '../../shared/wire/messages.ts';
import type { Settlement } from '../port/outbox.ts';
import { BatchScheduler, type BatchSchedulerDependencies } from './batching/batch-scheduler.ts';
import { AnswerTimeout } from './line/answer-timeout.ts';
import { LineMeter, type LineReport } from './line/line-meter.ts';
import type { ClockEstimate } from './status/collector-time.ts';
import { StatusReporter, type StatusReporterDependencies } from './status/status-reporter.ts';

/** PINGREQ. */
const PING_BYTES = 2;

type State = 'greeting' | 'preparing' | 'shipping' | 'draining' | 'over';
const NEXT: Readonly<Record<State, readonly State[]>> = {
  greeting: ['preparing', 'over'],
  preparing: ['shipping', 'over'],
  shipping: ['draining', 'over'],
  draining: ['over'],
  over: [],
};

export interface SessionChannel {
  /** @param arrived to be called when the broker has it */
  batch(payload: Uint8Array, arrived: () => void): void;
  /** @param arrived to be called when the broker has it */
  status(payload: Uint8Array, arrived: () => void): void;
  ping(answered: () => void): void;
  /** Cuts the connection. */
  abort(reason: Error): void;
}

export type CollectorProtocolDependencies = StatusReporterDependencies &
  BatchSchedulerDependencies & {
    /** Called with the measured collector clock after each of its answers but the greeting's. */
    readonly onCollectorTime: (measure: ClockEstimate) => void;
  };

export class CollectorProtocol {
  readonly #with: CollectorProtocolDependencies;
  readonly #channel: SessionChannel;
  readonly #line: LineMeter;
  readonly #scheduler: BatchScheduler;
  readonly #reporter: StatusReporter;
  readonly #timeout: AnswerTimeout;
  #state: State = 'greeting';
  /** Number of settlements that are not durable yet. */
  #settling = 0;
  #settled: Promise<void> = Promise.resolve();
  #drained: (() => void) | null = null;
  #progressed = false;
  /** Of each status without an answer of its own: says that it has arrived. */
  readonly #statuses: (() => void)[] = [];
  /** When the first status arrived, monotonic milliseconds; null before. */
  #greetingArrival: number | null = null;

  constructor(dependencies: CollectorProtocolDependencies, channel: SessionChannel) {
    this.#with = dependencies;
    this.#channel = channel;
    this.#line = new LineMeter(() => dependencies.timers.now());
    this.#reporter = new StatusReporter(dependencies, {
      publish: (payload) => this.#sendStatus(payload),
      onReadError: (error) => this.#cutUnreadable(error),
      onOtherStore: () =>
        this.#cut("the collector's store lacks what it acknowledged: connecting again, to send it again"),
    });
    this.#timeout = new AnswerTimeout(this.#line, dependencies.timers, (reason) => channel.abort(reason));
    this.#scheduler = new BatchScheduler(dependencies, this.#line, {
      send: (payload, arrived) => this.#publish(payload.length, (done) => channel.batch(payload, done), arrived),
      clearThrough: () => this.#reporter.clearThroughOfBatch(),
      onOversized: (settlement) => this.#settle([settlement]),
      onReady: () => this.pump(),
    });
  }

  /** Sends the first status; its answer lets shipping begin. */
  sendGreeting(): void {
    this.#readBuffer(() => this.#reporter.send());
  }

  get state(): State {
    return this.#state;
  }

  /** Batches in flight. */
  get inFlight(): number {
    return this.#scheduler.inFlight;
  }

  get line(): LineReport & { readonly overdueMs: number } {
    return { ...this.#line.report(), overdueMs: this.#timeout.overdueMs(this.#oldestArrival) };
  }

  /** Whether the collector stored something in this session. */
  get progressed(): boolean {
    return this.#progressed;
  }

  /** Resolves when everything acknowledged so far is settled, or could not be. */
  get settled(): Promise<void> {
    return this.#settled;
  }

  /** Call when more is pending, or may be sent. */
  pump(): void {
    if (this.#state === 'shipping')
      this.#readBuffer(() => {
        this.#scheduler.pump();
        if (this.#hasSkippedEvents()) {
          this.#scheduler.rescan();
          this.#scheduler.pump();
        }
        this.#reporter.changed();
      });
    this.#armTimeout();
  }

  /** Call when loss records were added. */
  lossesAdded(): void {
    if (this.#state === 'greeting' || this.#state === 'over') return;
    this.#scheduler.lossesAdded();
    this.#reporter.lossesAdded();
    this.pump();
  }

  ping(answered: () => void): void {
    this.#publish(PING_BYTES, (arrived) => this.#channel.ping(arrived), answered);
  }

  onAcks(envelope: AckEnvelope): void {
    if (this.#state === 'over') return;
    this.#timeout.answered();
    if (envelope.acks.length === 0) this.#statuses.shift()?.();
    Object.assign(this.#with.view, { storeGen: envelope.storeGen, credit: envelope.credit });
    this.#reporter.onAcks(envelope);
    const settlements = this.#scheduler.onAcks(envelope);
    if (this.#state === 'greeting') {
      this.#prepare(envelope.storeGen);
      return;
    }
    if (settlements.length > 0) this.#progressed = true;
    this.#reportTime();
    this.#settle(settlements);
    this.pump();
    this.#checkDrained();
  }

  /**
   * Sends no more batches. Resolves when those in flight are answered and settled and the agent has
   * signed off, or when the session is over.
   */
  async drain(): Promise<void> {
    if (this.#state !== 'shipping') return;
    this.#become('draining');
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
      this.#checkDrained();
    });
  }

  /** Call when the connection is closed. */
  close(): void {
    if (this.#state === 'over') return;
    this.#become('over');
    this.#timeout.clear();
    this.#scheduler.close();
    this.#reporter.close();
    this.#drained?.();
  }

  #reportTime(): void {
    const { collectorClock, timers, onCollectorTime } = this.#with;
    const measure = collectorClock.measure(timers.now());
    if (measure !== null && this.#state !== 'preparing') onCollectorTime(measure);
  }

  #prepare(storeGen: string): void {
    const { outbox, collectorClock, timers } = this.#with;
    const measure = collectorClock.measure(timers.now());
    if (measure === null) {
      this.#cut("the collector's clock is not within the years 2000 to 2099");
      return;
    }
    this.#become('preparing');
    this.#armTimeout();
    outbox.greeted({ storeGen, ...measure }).then(
      () => {
        if (this.#state !== 'preparing') return;
        this.#become('shipping');
        this.#readBuffer(() => this.#scheduler.begin());
        this.pump();
      },
      (error: unknown) => this.#cut(`the buffer cannot be written: ${(error as Error).message}`, error),
    );
  }

  /** Whether an event became pending again, behind the lanes' cursors. */
  #hasSkippedEvents(): boolean {
    const { outbox } = this.#with;
    return this.#settling === 0 && this.#scheduler.idle && outbox.pendingCount(0, outbox.lastId()) > 0;
  }

  #become(state: State): void {
    assert(NEXT[this.#state].includes(state), `${this.#state} -> ${state}`);
    this.#state = state;
  }

  #cut(message: string, cause?: unknown): void {
    this.#channel.abort(new Error(message, { cause }));
  }

  /** A read error of the buffer ends the session; the next one reads again. */
  #readBuffer(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#cutUnreadable(error);
    }
  }

  #cutUnreadable(error: unknown): void {
    this.#cut(`the buffer cannot be read: ${(error as Error).message}`, error);
  }

  /** When what has waited longest for an answer arrived; null when nothing waits. */
  get #oldestArrival(): number | null {
    return this.#state === 'greeting' ? this.#greetingArrival : this.#scheduler.oldestArrival;
  }

  /** @returns says that it has arrived */
  #publish(bytes: number, publish: (arrived: () => void) => void, arrived: () => void): () => void {
    const passed = this.#line.published(bytes);
    const note = (): void => {
      passed();
      arrived();
    };
    publish(() => {
      if (this.#state === 'over') return;
      note();
      this.pump();
    });
    this.#armTimeout();
    return note;
  }

  /** While the buffer prepares, nothing waits for the collector. */
  #armTimeout(): void {
    if (this.#state === 'preparing' || this.#state === 'over') this.#timeout.clear();
    else this.#timeout.arm(this.#oldestArrival);
  }

  #sendStatus(payload: Uint8Array): void {
    const send = (arrived: () => void): void => this.#channel.status(payload, arrived);
    this.#statuses.push(
      this.#publish(payload.length, send, () => {
        this.#greetingArrival ??= this.#with.timers.now();
      }),
    );
  }

  #settle(settlements: readonly Settlement[]): void {
    if (settlements.length === 0) return;
    const { outbox, counters } = this.#with;
    this.#settling++;
    this.#settled = outbox.settle(settlements).then(
      () => {
        this.#settling--;
        for (const settlement of settlements) {
          if (settlement.kind === 'loss-stored') counters.lossesStored++;
          else {
            const count = settlement.lastSeq - settlement.firstSeq + 1;
            counters[settlement.kind === 'stored' ? 'eventsStored' : 'eventsQuarantined'] += count;
          }
        }
        this.pump();
        this.#checkDrained();
      },
      (error: unknown) => this.#cut(`the buffer cannot be written: ${(error as Error).message}`, error),
    );
  }

  #checkDrained(): void {
    if (this.#state !== 'draining' || this.#drained === null || this.inFlight > 0 || this.#settling > 0) return;
    this.#readBuffer(() => this.#reporter.send(true));
    this.#drained();
    this.#drained = null;
  }
}

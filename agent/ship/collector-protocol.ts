/**
 * The protocol of one session with the collector: greet, ship, settle what it acknowledges.
 *
 *     greeting --answer--> preparing --outbox.greeted--> shipping --drain--> draining
 *         \_____________________\____________________________\__________________\___closed--> over
 *
 * Invariants:
 * - Nothing is shipped before the status of the greeting was answered and the buffer has applied
 *   the answer.
 * - Only what `BatchScheduler` reports as acknowledged is settled; PUBACK means nothing.
 * - The connection is cut when the collector does not answer in time, and when the buffer cannot be
 *   read or written.
 */
import assert from 'node:assert/strict';
import type { AckEnvelope } from '../../shared/wire/messages.ts';
import type { Settlement } from '../port/outbox.ts';
import { BatchScheduler, type BatchSchedulerDependencies } from './batching/batch-scheduler.ts';
import { NamedTimers } from './connection/named-timers.ts';
import type { ClockEstimate } from './status/collector-time.ts';
import { StatusReporter, type StatusReporterDependencies } from './status/status-reporter.ts';

/** How long the collector may take to answer. */
const ANSWER_MS = 30_000;

type State = 'greeting' | 'preparing' | 'shipping' | 'draining' | 'over';
const NEXT: Readonly<Record<State, readonly State[]>> = {
  greeting: ['preparing', 'over'],
  preparing: ['shipping', 'over'],
  shipping: ['draining', 'over'],
  draining: ['over'],
  over: [],
};

export interface SessionChannel {
  batch(payload: Uint8Array): void;
  status(payload: Uint8Array): void;
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
  readonly #scheduler: BatchScheduler;
  readonly #reporter: StatusReporter;
  readonly #timeouts: NamedTimers<'answer'>;
  #state: State = 'greeting';
  /** Number of settlements that are not durable yet. */
  #settling = 0;
  #settled: Promise<void> = Promise.resolve();
  #drained: (() => void) | null = null;
  #progressed = false;
  /** When the collector last answered, or was first asked; monotonic milliseconds. */
  #answeredAt: number;

  constructor(dependencies: CollectorProtocolDependencies, channel: SessionChannel) {
    this.#with = dependencies;
    this.#channel = channel;
    this.#answeredAt = dependencies.timers.now();
    this.#reporter = new StatusReporter(dependencies, {
      publish: (payload) => channel.status(payload),
      onReadError: (error) => this.#cutUnreadable(error),
    });
    this.#timeouts = new NamedTimers(dependencies.timers);
    this.#scheduler = new BatchScheduler(dependencies, {
      send: (payload) => channel.batch(payload),
      clearThrough: () => this.#reporter.clearThrough(),
      onOversized: (settlement) => this.#settle([settlement]),
      onReady: () => this.pump(),
    });
  }

  /** Sends the first status; its answer lets shipping begin. */
  sendGreeting(): void {
    this.#timeouts.set('answer', ANSWER_MS, () => this.#cut('the collector does not answer'));
    this.#readBuffer(() => this.#reporter.send());
  }

  get state(): State {
    return this.#state;
  }

  /** Batches in flight. */
  get inFlight(): number {
    return this.#scheduler.inFlight;
  }

  /** How long the collector has owed an answer, milliseconds; 0 when it owes none. */
  get unansweredMs(): number {
    const { oldestSentAt } = this.#scheduler;
    if (this.#state !== 'greeting' && oldestSentAt === null) return 0;
    return this.#with.timers.now() - Math.max(this.#answeredAt, oldestSentAt ?? 0);
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
    if (this.#state !== 'shipping') return;
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

  onAcks(envelope: AckEnvelope): void {
    if (this.#state === 'over') return;
    const { view, timers } = this.#with;
    this.#answeredAt = timers.now();
    view.storeGen = envelope.storeGen;
    view.credit = envelope.credit;
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
    this.#armTimeout();
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
    this.#timeouts.clear();
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
    this.#timeouts.cancel('answer');
    this.#become('preparing');
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

  /**
   * Whether an event is pending that neither waits in a lane nor is in flight: it became pending
   * again, behind the lanes' cursors.
   */
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

  /** Cuts the connection when the oldest batch is not answered in time. */
  #armTimeout(): void {
    const { oldestSentAt } = this.#scheduler;
    if (oldestSentAt === null) {
      this.#timeouts.cancel('answer');
      return;
    }
    const left = oldestSentAt + ANSWER_MS - this.#with.timers.now();
    this.#timeouts.set('answer', left, () => this.#cut('the collector does not answer'));
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

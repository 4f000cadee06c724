/**
 * One session's talk with the collector: greet, ship, settle what it acknowledges.
 *
 *     greeting --answer--> preparing --outbox.greeted--> shipping --drain--> draining
 *         \_____________________\____________________________\__________________\___closed--> over
 *
 * Invariants:
 * - Nothing is shipped before the greeting's status was answered, and the buffer has done what the answer means for it.
 * - Only what `Shipment` says is acknowledged is settled; PUBACK means nothing.
 * - What the collector does not answer in time ends the connection; so does a buffer that cannot be read or written.
 */
import assert from 'node:assert/strict';
import type { AckEnvelope } from '../../shared/wire/messages.ts';
import type { Settlement } from '../port/outbox.ts';
import { BatchScheduler, type BatchSchedulerDependencies } from './batching/batch-scheduler.ts';
import { NamedTimers } from './connection/named-timers.ts';
import type { ClockEstimate } from './status/collector-time.ts';
import { StatusReporter, type StatusReporterDependencies } from './status/status-reporter.ts';

/** How long the collector may take for an answer. */
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
    /** Told what the collector's clock was found to show, with each of its answers after the greeting. */
    readonly timeTold: (measure: ClockEstimate) => void;
  };

export class CollectorProtocol {
  readonly #with: CollectorProtocolDependencies;
  readonly #channel: SessionChannel;
  readonly #shipment: BatchScheduler;
  readonly #teller: StatusReporter;
  readonly #alarms: NamedTimers<'answer'>;
  #state: State = 'greeting';
  /** How many settlements are not durable yet. */
  #settling = 0;
  #settled: Promise<void> = Promise.resolve();
  #drained: (() => void) | null = null;
  #progressed = false;
  /** When the collector said something last, or was first asked, monotonic milliseconds. */
  #heardAt: number;

  constructor(dependencies: CollectorProtocolDependencies, channel: SessionChannel) {
    this.#with = dependencies;
    this.#channel = channel;
    this.#heardAt = dependencies.timers.now();
    this.#teller = new StatusReporter(dependencies, {
      publish: (payload) => channel.status(payload),
      failed: (error) => this.#unreadable(error),
    });
    this.#alarms = new NamedTimers(dependencies.timers);
    this.#shipment = new BatchScheduler(dependencies, {
      send: (payload) => channel.batch(payload),
      clearThrough: () => this.#teller.clearThrough(),
      misfit: (settlement) => this.#settle([settlement]),
      ready: () => this.pump(),
    });
  }

  /** Tells the collector how things stand; its answer lets shipping begin. */
  sendGreeting(): void {
    this.#alarms.set('answer', ANSWER_MS, () => this.#cut('the collector does not answer'));
    this.#reading(() => this.#teller.send());
  }

  get state(): State {
    return this.#state;
  }

  /** Batches on their way. */
  get inFlight(): number {
    return this.#shipment.inFlight;
  }

  /** For how long the collector has owed an answer, milliseconds; 0 when it owes none. */
  get unansweredMs(): number {
    const { oldestSentAt } = this.#shipment;
    if (this.#state !== 'greeting' && oldestSentAt === null) return 0;
    return this.#with.timers.now() - Math.max(this.#heardAt, oldestSentAt ?? 0);
  }

  /** Whether the collector took something in this session. */
  get progressed(): boolean {
    return this.#progressed;
  }

  /** Resolves when what was acknowledged so far is settled, or could not be. */
  get settled(): Promise<void> {
    return this.#settled;
  }

  /** More is pending, or may be sent. */
  pump(): void {
    if (this.#state !== 'shipping') return;
    this.#reading(() => {
      this.#shipment.pump();
      if (this.#passedOver()) {
        this.#shipment.rescan();
        this.#shipment.pump();
      }
      this.#teller.changed();
    });
    this.#watch();
  }

  /** There are more loss records. */
  lossesAdded(): void {
    if (this.#state === 'greeting' || this.#state === 'over') return;
    this.#shipment.lossesAdded();
    this.#teller.lossesAdded();
    this.pump();
  }

  onAcks(envelope: AckEnvelope): void {
    if (this.#state === 'over') return;
    const { view, timers } = this.#with;
    this.#heardAt = timers.now();
    view.storeGen = envelope.storeGen;
    view.credit = envelope.credit;
    this.#teller.onAcks(envelope);
    const settlements = this.#shipment.onAcks(envelope);
    if (this.#state === 'greeting') {
      this.#prepare(envelope.storeGen);
      return;
    }
    if (settlements.length > 0) this.#progressed = true;
    this.#tellTime();
    this.#settle(settlements);
    this.pump();
    this.#watch();
    this.#checkDrained();
  }

  /** Sends no more batches; resolves when those on their way are answered and settled, and the agent has signed off; or when it is over. */
  async drain(): Promise<void> {
    if (this.#state !== 'shipping') return;
    this.#become('draining');
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
      this.#checkDrained();
    });
  }

  /** The connection is gone. */
  close(): void {
    if (this.#state === 'over') return;
    this.#become('over');
    this.#alarms.clear();
    this.#shipment.close();
    this.#teller.close();
    this.#drained?.();
  }

  #tellTime(): void {
    const { trueTime, timers, timeTold } = this.#with;
    const measure = trueTime.measure(timers.now());
    if (measure !== null && this.#state !== 'preparing') timeTold(measure);
  }

  #prepare(storeGen: string): void {
    const { outbox, trueTime, timers } = this.#with;
    const measure = trueTime.measure(timers.now());
    if (measure === null) {
      this.#cut("the collector's clock is not within the years 2000 to 2099");
      return;
    }
    this.#alarms.cancel('answer');
    this.#become('preparing');
    outbox.greeted({ storeGen, ...measure }).then(
      () => {
        if (this.#state !== 'preparing') return;
        this.#become('shipping');
        this.#reading(() => this.#shipment.begin());
        this.pump();
      },
      (error: unknown) => this.#cut(`the buffer cannot be written: ${(error as Error).message}`, error),
    );
  }

  /** Whether something is pending that neither waits nor is on its way: it turned pending again, behind what was sent. */
  #passedOver(): boolean {
    const { outbox } = this.#with;
    return this.#settling === 0 && this.#shipment.idle && outbox.pendingCount(0, outbox.lastId()) > 0;
  }

  #become(state: State): void {
    assert(NEXT[this.#state].includes(state), `${this.#state} -> ${state}`);
    this.#state = state;
  }

  #cut(message: string, cause?: unknown): void {
    this.#channel.abort(new Error(message, { cause }));
  }

  /** What the buffer throws ends the session; the next one reads anew. */
  #reading(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#unreadable(error);
    }
  }

  #unreadable(error: unknown): void {
    this.#cut(`the buffer cannot be read: ${(error as Error).message}`, error);
  }

  /** Cuts the connection when the oldest batch is not answered in time. */
  #watch(): void {
    const { oldestSentAt } = this.#shipment;
    if (oldestSentAt === null) {
      this.#alarms.cancel('answer');
      return;
    }
    const left = oldestSentAt + ANSWER_MS - this.#with.timers.now();
    this.#alarms.set('answer', left, () => this.#cut('the collector does not answer'));
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
    this.#reading(() => this.#teller.send(true));
    this.#drained();
    this.#drained = null;
  }
}

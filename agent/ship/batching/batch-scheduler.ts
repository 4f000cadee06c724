/**
 * Schedules the batches of one session: which one is sent next, when, and what its ack leads to.
 *
 * Invariants:
 * - Only an ack that names stream, range and checksum of a batch in flight removes it from the
 *   window.
 * - What the collector did not store returns to its lane: no pending event is skipped during the
 *   session.
 * - While several batches may be in flight, one slot is left to the live lane.
 * - No more is given to the line than it passes in some seconds; see `LineMeter`.
 */
import { streamId, type TerminalId } from '../../../shared/ids.ts';
import { hourOf } from '../../../shared/time.ts';
import { type EncodedBatch, encodeLoss, MAX_WIRE_BYTES } from '../../../shared/wire/batch.ts';
import type { AckEnvelope } from '../../../shared/wire/messages.ts';
import type { Outbox, Settlement } from '../../port/outbox.ts';
import type { Timers } from '../../port/timers.ts';
import { jitteredDelay } from '../connection/backoff.ts';
import type { LineMeter } from '../line/line-meter.ts';
import type { CollectorState, ShipCounters } from '../status/collector-state.ts';
import type { CollectorClock } from '../status/collector-time.ts';
import { AckHandler } from './ack-handler.ts';
import type { ArrivalRate } from './arrival-rate.ts';
import { BatchSizer, type Fitted } from './batch-sizer.ts';
import { HoldOff } from './hold-off.ts';
import { type BatchContent, type InFlight, InFlightWindow, type LaneName } from './in-flight-window.ts';
import { PendingRun, type Run } from './lane.ts';
import { LaneRotation } from './lane-rotation.ts';
import { Lanes } from './lanes.ts';
import { type LargeEvent, LargeEvents, oversized } from './large-events.ts';
import { Linger } from './linger.ts';
import { LossLane } from './loss-lane.ts';

/**
 * With less room than this in the window a batch would be too small: waiting for an ack is better.
 */
const MIN_ROOM_BYTES = 8 * 1024;
/** This many events are sent at once, whatever else is expected. */
const ENOUGH_EVENTS = 1_000;
/**
 * Upper bound of the random delay before a backlog starts, so that agents that lost their collector
 * together do not all send their backlogs at once.
 */
const BACKLOG_AFTER_MS = 2_000;
const NO_CREDIT_MS = 5_000;

export interface BatchSchedulerHooks {
  /** @param arrived called when the broker has it @returns says so, and may be called again */
  send(payload: Uint8Array, arrived: () => void): () => void;
  /** See `BatchHeader.clearThrough`. */
  clearThrough(): number;
  /** An event that fits into no batch was quarantined. */
  onOversized(settlement: Settlement): void;
  /** A delay has ended: `pump` may send something. */
  onReady(): void;
}

export interface BatchSchedulerDependencies {
  readonly terminal: TerminalId;
  readonly outbox: Outbox;
  readonly arrivals: ArrivalRate;
  readonly lingerMs: number;
  /** From 0 to less than 1. */
  readonly random: () => number;
  readonly timers: Timers;
  readonly collectorClock: CollectorClock;
  readonly view: CollectorState;
  readonly counters: ShipCounters;
  /** Called after each backlog batch was built. */
  readonly backlogSent: () => void;
}

export class BatchScheduler {
  readonly #with: BatchSchedulerDependencies;
  readonly #hooks: BatchSchedulerHooks;
  readonly #losses: LossLane;
  readonly #lanes: Lanes;
  readonly #rotation = new LaneRotation();
  readonly #linger: Linger;
  readonly #holdOff: HoldOff;
  readonly #window = new InFlightWindow();
  readonly #line: LineMeter;
  readonly #large: LargeEvents;
  readonly #ackHandler: AckHandler;
  /** One per lane: a single sale compresses unlike a thousand. */
  readonly #sizers = { live: new BatchSizer(), backlog: new BatchSizer() };

  constructor(dependencies: BatchSchedulerDependencies, line: LineMeter, hooks: BatchSchedulerHooks) {
    const { outbox, arrivals, lingerMs, timers } = dependencies;
    this.#with = dependencies;
    this.#hooks = hooks;
    this.#line = line;
    this.#large = new LargeEvents(line);
    this.#losses = new LossLane(outbox);
    this.#lanes = new Lanes(outbox);
    this.#linger = new Linger(arrivals, lingerMs, timers, hooks.onReady);
    this.#holdOff = new HoldOff(timers, hooks.onReady);
    this.#ackHandler = new AckHandler({
      ...dependencies,
      losses: this.#losses,
      lanes: this.#lanes,
      holdOff: this.#holdOff,
    });
  }

  /** Batches in flight. */
  get inFlight(): number {
    return this.#window.size;
  }

  /** See `InFlightWindow`. */
  get oldestArrival(): number | null {
    return this.#window.oldestArrival;
  }

  /** Whether no event is in flight or waits in a lane. */
  get idle(): boolean {
    return this.#window.size === 0 && this.#large.size === 0 && this.#lanes.empty;
  }

  /**
   * Begins shipping, once the collector has answered and the buffer is ready.
   *
   * @throws on a disk error
   */
  begin(): void {
    this.rescan();
    if (this.#lanes.backlog.waiting > 0) this.#holdOff.set('backlog', this.#with.random() * BACKLOG_AFTER_MS);
  }

  /**
   * Reads everything pending again, while idle: an event became pending again behind the lanes'
   * cursors.
   */
  rescan(): void {
    const { collectorClock, timers } = this.#with;
    const now = timers.now();
    this.#large.clear();
    this.#lanes.begin(hourOf(collectorClock.now(now) ?? 0));
  }

  lossesAdded(): void {
    this.#losses.added();
  }

  /** Sends as much as window and line allow. @throws on a disk error */
  pump(): void {
    for (;;) {
      const { room } = this.#window;
      if (room < MIN_ROOM_BYTES || this.#line.isFull || this.#holdOff.isActive('everything')) return;
      const large = this.#dueLarge();
      if (large !== null) {
        if (!this.#sendLarge(large, room)) return;
        continue;
      }
      const lane = this.#rotation.order.find((lane) => this.#maySend(lane) && this.#sendFrom(lane, room));
      if (lane === undefined) return;
      this.#rotation.sent(lane);
    }
  }

  /** @returns what the acks settle */
  onAcks({ acks, credit, serverTime }: AckEnvelope): Settlement[] {
    this.#window.credit = credit;
    // The hold-off is not extended: nothing can be sent during it, so further acks with credit 0
    // are answers to older batches and no news.
    if (credit === 0 && !this.#holdOff.isActive('everything'))
      this.#holdOff.set('everything', jitteredDelay(NO_CREDIT_MS, this.#with.random));
    const { counters, collectorClock, timers } = this.#with;
    return acks.flatMap((ack) => {
      const batch = this.#window.acked(ack);
      if (batch === null) {
        counters.unmatched++;
        return [];
      }
      batch.arrived();
      collectorClock.addSample(serverTime, batch.sentAt, timers.now());
      return this.#ackHandler.apply(batch, ack) ?? [];
    });
  }

  close(): void {
    this.#linger.reset();
    this.#holdOff.clear();
  }

  #maySend(lane: LaneName): boolean {
    if (lane === 'live') return true;
    const { slots, size } = this.#window;
    const leavesOne = slots === 1 || size - this.#window.of('live') < slots - 1;
    return leavesOne && !(lane === 'backlog' && this.#holdOff.isActive('backlog'));
  }

  /** @returns whether something was sent or quarantined */
  #sendFrom(lane: LaneName, room: number): boolean {
    switch (lane) {
      case 'losses':
        return this.#sendLoss(room);
      case 'live':
        if (!this.#isLiveDue() || !this.#sendEvents(lane, room)) return false;
        this.#linger.reset();
        return true;
      case 'backlog':
        if (!this.#sendEvents(lane, room)) return false;
        this.#with.backlogSent();
        return true;
    }
  }

  /**
   * Whether the live lane should send now: there is enough for a batch, or nothing more is
   * expected.
   */
  #isLiveDue(): boolean {
    const waiting = this.#lanes.liveWaiting();
    if (waiting === 0) return false;
    const enough = waiting >= ENOUGH_EVENTS || this.#sizers.live.estimate(waiting) >= this.#line.batchBytes;
    return enough || this.#linger.isDue(this.#window.of('live') > 0);
  }

  #sendLoss(room: number): boolean {
    const loss = this.#losses.next();
    if (loss === null) return false;
    const { epoch, firstSeq, hour, count } = loss;
    const clearThrough = this.#hooks.clearThrough();
    const encoded = encodeLoss({ epoch, firstSeq, hour, clearThrough }, count, loss.loss);
    if (encoded.bytes.length > room) return false;
    this.#losses.markSent();
    this.#send(encoded, { lane: 'losses', loss });
    return true;
  }

  #sendEvents(lane: 'live' | 'backlog', room: number): boolean {
    const queue = this.#lanes[lane];
    const run = queue.nextRun();
    if (run === null) return false;
    const { batchBytes } = this.#line;
    const fitted = this.#fit(lane, run, Math.min(batchBytes, room));
    if (fitted !== null) {
      queue.markSent(fitted.sent);
      this.#send(fitted.encoded, { lane, sent: fitted.sent });
      return true;
    }
    if (room < batchBytes) return false;
    const { id } = run.first;
    queue.markSent({ firstId: id, lastId: id });
    this.#large.add({ lane, id, bytes: this.#sizers[lane].estimate(1), since: this.#with.timers.now() });
    return true;
  }

  #fit(lane: 'live' | 'backlog', run: Run, maxBytes: number, most?: number): Fitted | null {
    return this.#sizers[lane].fit(run, maxBytes, this.#hooks.clearThrough(), this.#ackHandler.dictionary, most);
  }

  #dueLarge(): LargeEvent | null {
    if (this.#large.size === 0) return null;
    const { live, backlog } = this.#lanes;
    const nothingSmaller = live.waiting === 0 && (backlog.waiting === 0 || !this.#maySend('backlog'));
    return this.#large.due(this.#with.timers.now(), nothingSmaller, (lane) => this.#maySend(lane));
  }

  /** @returns false when it waits for room in the window */
  #sendLarge(large: LargeEvent, room: number): boolean {
    const { lane, id } = large;
    const { outbox, timers } = this.#with;
    const run = PendingRun.in(outbox, { after: id - 1, upTo: id });
    const fitted = run === null ? null : this.#fit(lane, run, Math.min(MAX_WIRE_BYTES, room), 1);
    if (run !== null && fitted === null && this.#window.size > 0) return false;
    this.#large.sent(large, timers.now());
    if (fitted !== null) this.#send(fitted.encoded, { lane, sent: fitted.sent });
    // Ingest rejects such events; only a buffer that another version filled can hold one.
    else if (run !== null) this.#hooks.onOversized(oversized(run));
    return true;
  }

  #send({ bytes, header }: EncodedBatch, content: BatchContent): void {
    const { terminal, timers, counters } = this.#with;
    const { epoch, firstSeq, count, bodyCrc, dictionary } = header;
    const batch: InFlight = {
      content,
      stream: streamId(terminal, epoch),
      first: firstSeq,
      last: firstSeq + count - 1,
      sum: bodyCrc,
      dictionary,
      bytes: bytes.length,
      sentAt: timers.now(),
      arrivedAt: null,
      arrived: () => undefined,
    };
    this.#window.sent(batch);
    batch.arrived = this.#hooks.send(bytes, () => {
      batch.arrivedAt ??= timers.now();
    });
    counters.batchesSent++;
    counters.bytesSent += bytes.length;
  }
}

/**
 * What is on its way in one session: which batch goes next, when, and what an ack makes of it.
 *
 * Invariants:
 * - Only an ack that names stream, range and checksum of a batch on its way takes it out of the window.
 * - What the collector did not take goes back to its lane: no pending event is passed over while the session lasts.
 * - While several batches may be on their way, one of them is left to what is new.
 */
import { streamId, type TerminalId } from '../../../shared/ids.ts';
import { hourOf } from '../../../shared/time.ts';
import { type EncodedBatch, encodeLoss, MAX_WIRE_BYTES } from '../../../shared/wire/batch.ts';
import type { AckEnvelope } from '../../../shared/wire/messages.ts';
import type { Outbox, Settlement } from '../../port/outbox.ts';
import type { Timers } from '../../port/timers.ts';
import { jitteredDelay } from '../connection/backoff.ts';
import type { CollectorState, ShipCounters } from '../status/collector-state.ts';
import type { CollectorClock } from '../status/collector-time.ts';
import { AckHandler } from './ack-handler.ts';
import type { ArrivalRate } from './arrival-rate.ts';
import { BatchSizer } from './batch-sizer.ts';
import { HoldOff } from './hold-off.ts';
import { type Cargo, InFlightWindow, type LaneName } from './in-flight-window.ts';
import { LaneRotation } from './lane-rotation.ts';
import { Lanes } from './lanes.ts';
import { Linger } from './linger.ts';
import { LossLane } from './loss-lane.ts';

/** A quarter of the window's bytes, so that four batches fill it; a single event may be larger. */
const TARGET_WIRE_BYTES = 64 * 1024;
/** Below this much room in the window a batch would be a poor one: better wait for an ack. */
const LEAST_ROOM_BYTES = 8 * 1024;
/** So many events are worth a batch, whoever may come. */
const WORTH_SENDING = 1_000;
/** A backlog begins after anything up to so long: agents that lost their collector together come back with theirs spread out. */
const BACKLOG_AFTER_MS = 2_000;
const NO_CREDIT_MS = 5_000;

export interface BatchSchedulerHooks {
  send(payload: Uint8Array): void;
  /** See `BatchHeader.clearThrough`. */
  clearThrough(): number;
  /** An event fits into no batch. */
  misfit(settlement: Settlement): void;
  /** A wait is over: `pump` may send something. */
  ready(): void;
}

export interface BatchSchedulerDependencies {
  readonly terminal: TerminalId;
  readonly outbox: Outbox;
  readonly arrivals: ArrivalRate;
  readonly lingerMs: number;
  /** From 0 to less than 1. */
  readonly random: () => number;
  readonly timers: Timers;
  readonly trueTime: CollectorClock;
  readonly view: CollectorState;
  readonly counters: ShipCounters;
  /** Called after each batch of the backlog that was built. */
  readonly backlogSent: () => void;
}

export class BatchScheduler {
  readonly #with: BatchSchedulerDependencies;
  readonly #hooks: BatchSchedulerHooks;
  readonly #losses: LossLane;
  readonly #lanes: Lanes;
  readonly #turns = new LaneRotation();
  readonly #linger: Linger;
  readonly #patience: HoldOff;
  readonly #window = new InFlightWindow();
  readonly #outcomes: AckHandler;
  /** One a lane: a single sale packs unlike a thousand. */
  readonly #fitters = { live: new BatchSizer(), backlog: new BatchSizer() };

  constructor(dependencies: BatchSchedulerDependencies, hooks: BatchSchedulerHooks) {
    const { outbox, arrivals, lingerMs, timers } = dependencies;
    this.#with = dependencies;
    this.#hooks = hooks;
    this.#losses = new LossLane(outbox);
    this.#lanes = new Lanes(outbox);
    this.#linger = new Linger(arrivals, lingerMs, timers, hooks.ready);
    this.#patience = new HoldOff(timers, hooks.ready);
    this.#outcomes = new AckHandler({
      ...dependencies,
      losses: this.#losses,
      lanes: this.#lanes,
      patience: this.#patience,
    });
  }

  /** Batches on their way. */
  get inFlight(): number {
    return this.#window.size;
  }

  /** When the oldest batch on its way was sent, monotonic milliseconds; null when there is none. */
  get oldestSentAt(): number | null {
    return this.#window.oldest?.sentAt ?? null;
  }

  /** Whether no event is on its way, or waits to be. */
  get idle(): boolean {
    return this.#window.size === 0 && this.#lanes.empty;
  }

  /** The collector has answered, and the buffer is ready: what is pending waits to be sent. @throws on a fault of the disk */
  begin(): void {
    this.rescan();
    if (this.#lanes.backlog.waiting > 0) this.#patience.set('backlog', this.#with.random() * BACKLOG_AFTER_MS);
  }

  /** Looks at all that is pending anew, while it is idle: something turned pending again behind what was sent. */
  rescan(): void {
    const { trueTime, timers } = this.#with;
    const now = timers.now();
    this.#lanes.begin(hourOf(trueTime.now(now) ?? 0));
  }

  lossesAdded(): void {
    this.#losses.added();
  }

  /** Sends what the window takes. @throws on a fault of the disk */
  pump(): void {
    for (;;) {
      const { room } = this.#window;
      if (room < LEAST_ROOM_BYTES || this.#patience.isActive('everything')) return;
      const lane = this.#turns.order.find((lane) => this.#may(lane) && this.#sendFrom(lane, room));
      if (lane === undefined) return;
      this.#turns.sent(lane);
    }
  }

  /** @returns what the acks settle */
  onAcks({ acks, credit, serverTime }: AckEnvelope): Settlement[] {
    this.#window.credit = credit;
    // Not longer than it is held back already: what is not sent can't be answered, so whatever else says 0 is no news.
    if (credit === 0 && !this.#patience.isActive('everything'))
      this.#patience.set('everything', jitteredDelay(NO_CREDIT_MS, this.#with.random));
    const { counters, trueTime, timers } = this.#with;
    return acks.flatMap((ack) => {
      const batch = this.#window.acked(ack);
      if (batch === null) {
        counters.unmatched++;
        return [];
      }
      trueTime.heard(serverTime, batch.sentAt, timers.now());
      return this.#outcomes.apply(batch, ack) ?? [];
    });
  }

  close(): void {
    this.#linger.left();
    this.#patience.clear();
  }

  #may(lane: LaneName): boolean {
    if (lane === 'live') return true;
    const { slots, size } = this.#window;
    const leavesOne = slots === 1 || size - this.#window.of('live') < slots - 1;
    return leavesOne && !(lane === 'backlog' && this.#patience.isActive('backlog'));
  }

  /** @returns whether something was sent, or set aside */
  #sendFrom(lane: LaneName, room: number): boolean {
    switch (lane) {
      case 'losses':
        return this.#sendLoss(room);
      case 'live':
        if (!this.#ripe() || !this.#sendEvents(lane, room)) return false;
        this.#linger.left();
        return true;
      case 'backlog':
        if (!this.#sendEvents(lane, room)) return false;
        this.#with.backlogSent();
        return true;
    }
  }

  /** Whether what is new should go now: it is enough for a batch, or nothing better is expected. */
  #ripe(): boolean {
    const waiting = this.#lanes.liveWaiting();
    if (waiting === 0) return false;
    const enough = waiting >= WORTH_SENDING || this.#fitters.live.estimate(waiting) >= TARGET_WIRE_BYTES;
    return enough || this.#linger.ripe(this.#window.of('live') > 0);
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
    const feed = this.#lanes[lane];
    const fitter = this.#fitters[lane];
    const run = feed.nextRun();
    if (run === null) return false;
    const clear = this.#hooks.clearThrough();
    const fitted =
      fitter.fit(run, Math.min(TARGET_WIRE_BYTES, room), clear, this.#outcomes.dictionary) ??
      fitter.fit(run, Math.min(MAX_WIRE_BYTES, room), clear, this.#outcomes.dictionary, 1);
    if (fitted !== null) {
      feed.markSent(fitted.sent);
      this.#send(fitted.encoded, { lane, sent: fitted.sent });
      return true;
    }
    if (this.#window.size > 0) return false;
    // Ingest refuses such events; only a buffer that another version filled can hold one.
    const { id, epoch, seq } = run.first;
    feed.markSent({ firstId: id, lastId: id });
    this.#hooks.misfit({ kind: 'quarantined', epoch, firstSeq: seq, lastSeq: seq, reason: 'fits into no batch' });
    return true;
  }

  #send({ bytes, header }: EncodedBatch, cargo: Cargo): void {
    const { terminal, timers, counters } = this.#with;
    const { epoch, firstSeq, count, bodyCrc, dictionary } = header;
    this.#window.sent({
      cargo,
      stream: streamId(terminal, epoch),
      first: firstSeq,
      last: firstSeq + count - 1,
      sum: bodyCrc,
      dictionary,
      bytes: bytes.length,
      sentAt: timers.now(),
    });
    this.#hooks.send(bytes);
    counters.batchesSent++;
    counters.bytesSent += bytes.length;
  }
}

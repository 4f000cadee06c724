/**
 * One session's talk with the collector: greet, ship, settle what it acknowledges.
 *
 *     greeting --answer--> shipping --drain--> draining
 *         \___________________\____________________\___closed--> over
 *
 * Invariants:
 * - Nothing is shipped before the greeting's status was answered.
 * - Only an ack that names stream, range and checksum of a batch on its way settles it; PUBACK means nothing.
 * - What the collector did not take is on its way or waits in the feed: no pending event is passed over in a session, and a new session
 *   starts from the oldest.
 * - A batch of several that is refused is halved and sent again; only a single event is quarantined.
 * - A batch on its way is answered within `ANSWER_MS`, or the connection is cut.
 */
import assert from 'node:assert/strict';
import { parseStreamId, streamId, type TerminalId } from '../../shared/ids.ts';
import { MAX_WIRE_BYTES } from '../../shared/wire/batch.ts';
import type { Ack, AckEnvelope } from '../../shared/wire/messages.ts';
import type { Outbox, PendingEvent, SeqRange, Settlement } from '../buffer/port.ts';
import { patientDelay } from './backoff.ts';
import type { CollectorView, ShipCounters } from './collector-view.ts';
import { Feed } from './feed.ts';
import { Fitter } from './fit.ts';
import { StatusTeller, type StatusTellerDependencies } from './status-teller.ts';
import { Alarms, type Timers } from './timers.ts';
import { type InFlight, Window } from './window.ts';

const ANSWER_MS = 30_000;
/** A quarter of the window's bytes, so that four batches fill it; a single event may be larger. */
const TARGET_WIRE_BYTES = 64 * 1024;
/** Below this much room in the window a batch would be a poor one: better wait for an ack. */
const LEAST_ROOM_BYTES = 8 * 1024;
/** So many events are worth a batch while others are on their way. */
const WORTH_SENDING = 1_000;
const BUSY_MS = 5_000;
/** A collector may ask for patience, not for ever. */
const MAX_BUSY_MS = 15 * 60_000;
const UNSUPPORTED_MS = 5 * 60_000;
const DAMAGED_MS = 1_000;
const MAX_DAMAGED_MS = 30_000;

type State = 'greeting' | 'shipping' | 'draining' | 'over';
const NEXT: Readonly<Record<State, readonly State[]>> = {
  greeting: ['shipping', 'over'],
  shipping: ['draining', 'over'],
  draining: ['over'],
  over: [],
};

export interface Channel {
  batch(payload: Uint8Array): void;
  status(payload: Uint8Array): void;
  /** Cuts the connection. */
  abort(reason: Error): void;
}

export interface ConversationDependencies extends StatusTellerDependencies {
  readonly terminal: TerminalId;
  readonly outbox: Outbox;
  readonly lingerMs: number;
  readonly random: () => number;
  readonly timers: Timers;
  readonly view: CollectorView;
  readonly counters: ShipCounters;
}

export class Conversation {
  readonly #with: ConversationDependencies;
  readonly #channel: Channel;
  readonly #feed: Feed;
  readonly #teller: StatusTeller;
  readonly #alarms: Alarms<'answer' | 'linger' | 'pause'>;
  readonly #fitter = new Fitter();
  readonly #window = new Window();
  #state: State = 'greeting';
  #lingered = false;
  #pausedUntil = 0;
  #damagedInARow = 0;
  /** How many settlements are not durable yet. */
  #settling = 0;
  #settled: Promise<void> = Promise.resolve();
  #drained: (() => void) | null = null;
  #progressed = false;

  constructor(dependencies: ConversationDependencies, channel: Channel) {
    this.#with = dependencies;
    this.#channel = channel;
    this.#feed = new Feed(dependencies.outbox);
    this.#teller = new StatusTeller(dependencies, (payload) => channel.status(payload));
    this.#alarms = new Alarms(dependencies.timers);
  }

  /** Tells the collector how things stand; its answer lets shipping begin. */
  greet(): void {
    this.#alarms.set('answer', ANSWER_MS, () => this.#cut('the collector does not answer'));
    this.#reading(() => this.#teller.tell());
  }

  get state(): State {
    return this.#state;
  }

  /** Batches on their way. */
  get inFlight(): number {
    return this.#window.size;
  }

  /** Whether the collector took something in this session. */
  get progressed(): boolean {
    return this.#progressed;
  }

  /** Resolves when what was acknowledged so far is settled, or could not be. */
  get settled(): Promise<void> {
    return this.#settled;
  }

  /** More is pending. */
  wake(): void {
    this.#reading(() => {
      this.#pump();
      if (this.#state === 'shipping') this.#teller.changed();
    });
  }

  answered(envelope: AckEnvelope): void {
    if (this.#state === 'over') return;
    const { view, now, random } = this.#with;
    view.clockOffsetMs = Math.round(envelope.serverTime - now());
    view.storeGen = envelope.storeGen;
    view.credit = envelope.credit;
    this.#window.credit = envelope.credit;
    if (this.#state === 'greeting') this.#become('shipping');
    if (envelope.credit === 0) this.#pause(patientDelay(BUSY_MS, random));
    this.#settle(envelope.acks.flatMap((ack) => this.#outcome(ack) ?? []));
    this.#watch();
    this.#reading(() => {
      this.#pump();
      if (this.#state === 'shipping') this.#teller.changed();
    });
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
    this.#teller.close();
    this.#drained?.();
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
      this.#cut(`the buffer cannot be read: ${(error as Error).message}`, error);
    }
  }

  #pause(ms: number): void {
    const { timers } = this.#with;
    this.#pausedUntil = Math.max(this.#pausedUntil, timers.now() + ms);
    this.#alarms.set('pause', this.#pausedUntil - timers.now(), () => this.wake());
  }

  /** Cuts the connection when the oldest batch is not answered in time. */
  #watch(): void {
    const { oldest } = this.#window;
    if (oldest === null) this.#alarms.cancel('answer');
    else
      this.#alarms.set('answer', oldest.sentAt + ANSWER_MS - this.#with.timers.now(), () =>
        this.#cut('the collector does not answer'),
      );
  }

  /** Sends what the window takes. */
  #pump(): void {
    while (this.#state === 'shipping' && !this.#alarms.has('pause')) {
      const { room, size } = this.#window;
      const { waiting } = this.#feed;
      if (room < LEAST_ROOM_BYTES || waiting === 0) return;
      // An idle till's sale leaves at once. While a batch is on its way, what comes meanwhile gathers: for its ack, for enough, or for long.
      if (
        size > 0 &&
        !this.#lingered &&
        waiting < WORTH_SENDING &&
        this.#fitter.estimate(waiting) < TARGET_WIRE_BYTES
      ) {
        if (!this.#alarms.has('linger')) this.#alarms.set('linger', this.#with.lingerMs, () => this.#lingerOver());
        return;
      }
      const next = this.#feed.next();
      if (next.length === 0 || !this.#send(next, room)) return;
      this.#lingered = false;
      this.#alarms.cancel('linger');
    }
  }

  #lingerOver(): void {
    this.#lingered = true;
    this.wake();
  }

  /** @returns false when the window has no room for the first of them */
  #send(next: readonly PendingEvent[], room: number): boolean {
    const { terminal, timers, counters } = this.#with;
    const clear = this.#teller.clearThrough();
    const fitted =
      this.#fitter.fit(next, Math.min(TARGET_WIRE_BYTES, room), clear) ??
      this.#fitter.fit(next.slice(0, 1), Math.min(MAX_WIRE_BYTES, room), clear);
    if (fitted === null) {
      if (this.#window.size > 0) return false;
      // Ingest refuses such events; only a buffer that another version filled can hold one.
      const [{ epoch, seq }] = next as [PendingEvent];
      this.#feed.take(next.slice(0, 1));
      this.#settle([{ kind: 'quarantined', epoch, firstSeq: seq, lastSeq: seq, reason: 'does not fit into a batch' }]);
      return true;
    }
    const { encoded, events } = fitted;
    const { epoch, firstSeq, count, bodyCrc } = encoded.header;
    this.#window.sent({
      ...this.#feed.take(events),
      stream: streamId(terminal, epoch),
      first: firstSeq,
      last: firstSeq + count - 1,
      sum: bodyCrc,
      bytes: encoded.bytes.length,
      sentAt: timers.now(),
    });
    this.#channel.batch(encoded.bytes);
    counters.batchesSent++;
    counters.bytesSent += encoded.bytes.length;
    if (this.#window.size === 1) this.#watch();
    return true;
  }

  /** @returns how the batch's events are settled; null when they are not */
  #outcome(ack: Ack): Settlement | null {
    const { counters, view, random } = this.#with;
    const batch = this.#window.acked(ack);
    if (batch === null) {
      counters.unmatched++;
      return null;
    }
    counters[ack.result]++;
    if (ack.result !== 'damaged') this.#damagedInARow = 0;
    const range: SeqRange = { epoch: parseStreamId(batch.stream).epoch, firstSeq: batch.first, lastSeq: batch.last };
    switch (ack.result) {
      case 'stored':
        this.#progressed = true;
        view.holding = null;
        return { kind: 'stored', ...range };
      case 'invalid':
        this.#progressed = true;
        if (batch.first === batch.last)
          return { kind: 'quarantined', ...range, reason: ack.reason ?? 'the collector refused it' };
        this.#halve(batch);
        return null;
      case 'damaged':
        // Once may be chance.
        if (this.#damagedInARow++ > 0)
          this.#pause(patientDelay(Math.min(MAX_DAMAGED_MS, DAMAGED_MS * 2 ** this.#damagedInARow), random));
        break;
      case 'unsupported':
        view.holding = `the collector does not understand this agent's batches (${ack.reason ?? 'no reason given'})`;
        this.#pause(patientDelay(UNSUPPORTED_MS, random));
        break;
      case 'busy':
        view.holding = `the collector is busy${ack.reason === undefined ? '' : `: ${ack.reason}`}`;
        this.#pause(patientDelay(Math.min(MAX_BUSY_MS, ack.retryAfterMs ?? BUSY_MS), random));
        break;
    }
    this.#feed.again(batch);
    return null;
  }

  #halve({ firstId, lastId }: InFlight): void {
    const middle = firstId + Math.floor((lastId - firstId) / 2);
    this.#feed.again({ firstId, lastId: middle });
    this.#feed.again({ firstId: middle + 1, lastId });
  }

  #settle(settlements: readonly Settlement[]): void {
    if (settlements.length === 0) return;
    const { outbox, counters } = this.#with;
    this.#settling++;
    this.#settled = outbox.settle(settlements).then(
      () => {
        this.#settling--;
        for (const { kind, firstSeq, lastSeq } of settlements) {
          if (kind === 'stored') counters.eventsStored += lastSeq - firstSeq + 1;
          else counters.eventsQuarantined += lastSeq - firstSeq + 1;
        }
        if (this.#state === 'shipping') this.#reading(() => this.#teller.changed());
        this.#checkDrained();
      },
      (error: unknown) => this.#cut(`the buffer cannot be written: ${(error as Error).message}`, error),
    );
  }

  #checkDrained(): void {
    if (this.#state !== 'draining' || this.#drained === null || this.#window.size > 0 || this.#settling > 0) return;
    this.#reading(() => this.#teller.tell(true));
    this.#drained();
    this.#drained = null;
  }
}

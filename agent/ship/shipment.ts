/**
 * What is on its way in one session: which batch goes next, when, and what an ack makes of it.
 *
 * Invariants:
 * - Only an ack that names stream, range and checksum of a batch on its way takes it out of the window.
 * - What the collector did not take goes back to the feed: no pending event is passed over while the session lasts.
 * - A batch of several that is refused is halved and sent again; only a single event is quarantined.
 */
import { parseStreamId, streamId, type TerminalId } from '../../shared/ids.ts';
import { MAX_WIRE_BYTES } from '../../shared/wire/batch.ts';
import type { Ack, AckEnvelope } from '../../shared/wire/messages.ts';
import type { Outbox, PendingEvent, SeqRange, Settlement } from '../buffer/port.ts';
import { patientDelay } from './backoff.ts';
import type { CollectorView, ShipCounters } from './collector-view.ts';
import { Feed } from './feed.ts';
import { Fitter } from './fit.ts';
import { Alarms, type Timers } from './timers.ts';
import { type InFlight, Window } from './window.ts';

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

export interface ShipmentHooks {
  send(payload: Uint8Array): void;
  /** See `BatchHeader.clearThrough`. */
  clearThrough(): number;
  /** An event fits into no batch. */
  misfit(settlement: Settlement): void;
  /** A wait is over: `pump` may send something. */
  ready(): void;
}

export interface ShipmentDependencies {
  readonly terminal: TerminalId;
  readonly outbox: Outbox;
  readonly lingerMs: number;
  /** From 0 to less than 1. */
  readonly random: () => number;
  readonly timers: Timers;
  readonly view: CollectorView;
  readonly counters: ShipCounters;
}

export class Shipment {
  readonly #with: ShipmentDependencies;
  readonly #hooks: ShipmentHooks;
  readonly #feed: Feed;
  readonly #alarms: Alarms<'linger' | 'pause'>;
  readonly #fitter = new Fitter();
  readonly #window = new Window();
  #lingered = false;
  #pausedUntil = 0;
  #damagedInARow = 0;

  constructor(dependencies: ShipmentDependencies, hooks: ShipmentHooks) {
    this.#with = dependencies;
    this.#hooks = hooks;
    this.#feed = new Feed(dependencies.outbox);
    this.#alarms = new Alarms(dependencies.timers);
  }

  /** Batches on their way. */
  get inFlight(): number {
    return this.#window.size;
  }

  /** When the oldest batch on its way was sent, monotonic milliseconds; null when there is none. */
  get oldestSentAt(): number | null {
    return this.#window.oldest?.sentAt ?? null;
  }

  /** Sends what the window takes. @throws on a fault of the disk */
  pump(): void {
    while (!this.#alarms.has('pause')) {
      const { room } = this.#window;
      const { waiting } = this.#feed;
      if (room < LEAST_ROOM_BYTES || waiting === 0) return;
      if (!this.#worthSending(waiting)) {
        if (!this.#alarms.has('linger')) this.#alarms.set('linger', this.#with.lingerMs, () => this.#lingerOver());
        return;
      }
      const next = this.#feed.next();
      if (next.length === 0 || !this.#send(next, room)) return;
      this.#lingered = false;
      this.#alarms.cancel('linger');
    }
  }

  /** @returns what the acks settle */
  answered({ acks, credit }: AckEnvelope): Settlement[] {
    this.#window.credit = credit;
    if (credit === 0) this.#pause(BUSY_MS);
    return acks.flatMap((ack) => this.#outcome(ack) ?? []);
  }

  close(): void {
    this.#alarms.clear();
  }

  /**
   * An idle till's sale leaves at once. While a batch is on its way, what comes meanwhile gathers: for its ack, for enough, or for as long as
   * it may linger.
   */
  #worthSending(waiting: number): boolean {
    return (
      this.#window.size === 0 ||
      this.#lingered ||
      waiting >= WORTH_SENDING ||
      this.#fitter.estimate(waiting) >= TARGET_WIRE_BYTES
    );
  }

  #lingerOver(): void {
    this.#lingered = true;
    this.#hooks.ready();
  }

  /** Sends nothing for so long, and up to half as long again. */
  #pause(ms: number): void {
    const { timers, random } = this.#with;
    this.#pausedUntil = Math.max(this.#pausedUntil, timers.now() + patientDelay(ms, random));
    this.#alarms.set('pause', this.#pausedUntil - timers.now(), () => this.#hooks.ready());
  }

  /** @returns false when the window has no room for the first of them */
  #send(next: readonly PendingEvent[], room: number): boolean {
    const { terminal, timers, counters } = this.#with;
    const clear = this.#hooks.clearThrough();
    const fitted =
      this.#fitter.fit(next, Math.min(TARGET_WIRE_BYTES, room), clear) ??
      this.#fitter.fit(next.slice(0, 1), Math.min(MAX_WIRE_BYTES, room), clear);
    if (fitted === null) {
      if (this.#window.size > 0) return false;
      // Ingest refuses such events; only a buffer that another version filled can hold one.
      const [{ epoch, seq }] = next as [PendingEvent];
      this.#feed.take(next.slice(0, 1));
      this.#hooks.misfit({ kind: 'quarantined', epoch, firstSeq: seq, lastSeq: seq, reason: 'fits into no batch' });
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
    this.#hooks.send(encoded.bytes);
    counters.batchesSent++;
    counters.bytesSent += encoded.bytes.length;
    return true;
  }

  /** @returns how the batch's events are settled; null when they are not */
  #outcome(ack: Ack): Settlement | null {
    const { counters, view } = this.#with;
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
        view.holding = null;
        return { kind: 'stored', ...range };
      case 'invalid':
        if (batch.first === batch.last) {
          return { kind: 'quarantined', ...range, reason: ack.reason ?? 'the collector refused it' };
        }
        this.#halve(batch);
        return null;
      case 'damaged':
        // Once may be chance.
        if (this.#damagedInARow++ > 0) this.#pause(Math.min(MAX_DAMAGED_MS, DAMAGED_MS * 2 ** this.#damagedInARow));
        break;
      case 'unsupported':
        view.holding = `the collector does not understand this agent's batches (${ack.reason ?? 'no reason given'})`;
        this.#pause(UNSUPPORTED_MS);
        break;
      case 'busy':
        view.holding = `the collector is busy${ack.reason === undefined ? '' : `: ${ack.reason}`}`;
        this.#pause(Math.min(MAX_BUSY_MS, ack.retryAfterMs ?? BUSY_MS));
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
}

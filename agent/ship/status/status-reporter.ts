/**
 * Decides when to send a status to the collector: at the start, when a backlog begins or is
 * drained, when the last batch said that less is complete than is now, when events were lost, and
 * otherwise every quarter of an hour. Its answers measure the clock.
 */
import { hourOf } from '../../../shared/time.ts';
import { type AckEnvelope, encodeStatus } from '../../../shared/wire/messages.ts';
import type { Outbox } from '../../port/outbox.ts';
import type { Timers } from '../../port/timers.ts';
import { NamedTimers } from '../connection/named-timers.ts';
import { clearThrough } from './clearance.ts';
import type { CollectorClock } from './collector-time.ts';
import { statusMessage } from './status-message.ts';

const EVERY_MS = 15 * 60_000;
/** A sale in flight is no backlog, and losses come in groups, so both are reported with a delay. */
const SOON_MS = 10_000;
/** Loss records that are read to find their epochs. */
const MAX_LOSSES = 256;

export interface StatusReporterDependencies {
  readonly outbox: Outbox;
  readonly version: string;
  /**
   * Arrival of the oldest uncommitted request, milliseconds since 1970; null when there is none.
   */
  readonly oldestRequest: () => number | null;
  /** The agent's disciplined clock, milliseconds since 1970. */
  readonly now: () => number;
  /** The operating system's clock, milliseconds since 1970: reported, never used. */
  readonly wallClock: () => number;
  /** From 0 to less than 1. */
  readonly random: () => number;
  readonly timers: Timers;
  readonly collectorClock: CollectorClock;
}

export interface StatusReporterHooks {
  publish(payload: Uint8Array): void;
  /** The buffer could not be read when a status was due. */
  onReadError(error: unknown): void;
  /** An answer shows another generation of the store than that of the greeting. */
  onOtherStore(): void;
}

export class StatusReporter {
  readonly #with: StatusReporterDependencies;
  readonly #hooks: StatusReporterHooks;
  readonly #alarms: NamedTimers<'regular' | 'backlog' | 'clear' | 'losses'>;
  /** Content of the last status. */
  #lastSent = { pending: false, clear: false };
  /** The last clearance that a batch or a status told. */
  #told = 0;
  /** When the oldest possibly unanswered status was sent, monotonic milliseconds. */
  #statusSentAt: number | null = null;
  /** Of the greeting's answer; null before. */
  #storeGen: string | null = null;

  constructor(dependencies: StatusReporterDependencies, hooks: StatusReporterHooks) {
    this.#with = dependencies;
    this.#hooks = hooks;
    this.#alarms = new NamedTimers(dependencies.timers);
  }

  /** See `BatchHeader.clearThrough`. It is told with the batch. */
  clearThroughOfBatch(): number {
    this.#told = this.#clearThrough();
    return this.#told;
  }

  #clearThrough(): number {
    const { outbox, oldestRequest, now, collectorClock, timers } = this.#with;
    return clearThrough({
      oldestPending: outbox.oldestPending(),
      oldestRequest: oldestRequest(),
      now: now(),
      collectorNow: collectorClock.now(timers.now()),
    });
  }

  /** @param signingOff see `StatusFacts` @throws on a disk error */
  send(signingOff = false): void {
    const { outbox, version, random, timers, collectorClock, wallClock } = this.#with;
    const holdings = outbox.holdings();
    const clear = this.#clearThrough();
    this.#told = clear;
    const now = timers.now();
    this.#statusSentAt ??= now;
    this.#lastSent = { pending: holdings.pending > 0, clear: clear > 0 };
    this.#alarms.cancel('backlog');
    this.#alarms.cancel('clear');
    this.#alarms.cancel('losses');
    this.#alarms.set('regular', EVERY_MS * (0.75 + random() / 2), () => this.#sendScheduled());
    const message = statusMessage({
      version,
      holdings,
      acknowledged: outbox.acknowledged(),
      clearThrough: clear,
      clockOffsetMs: collectorClock.offsetFrom(wallClock(), now),
      unsentLosses: new Set(outbox.losses(MAX_LOSSES).map(({ epoch }) => epoch)),
      signingOff,
    });
    this.#hooks.publish(encodeStatus(message));
  }

  /**
   * An answer without batches answers a status: at the earliest, the oldest that may be unanswered.
   * If a status was answered together with a batch, that time is too early, and this one
   * measurement too vague to be used.
   */
  onAcks({ acks, serverTime, storeGen }: AckEnvelope): void {
    this.#storeGen ??= storeGen;
    if (this.#storeGen !== storeGen) this.#hooks.onOtherStore();
    if (acks.length > 0 || this.#statusSentAt === null) return;
    const { collectorClock, timers } = this.#with;
    collectorClock.addSample(serverTime, this.#statusSentAt, timers.now());
    this.#statusSentAt = null;
  }

  /**
   * Call when something was accepted or settled, or the clock became known.
   *
   * @throws on a disk error
   */
  changed(): void {
    const { outbox } = this.#with;
    const pending = outbox.pendingCount(0, outbox.lastId()) > 0;
    if (!pending) this.#alarms.cancel('backlog');
    else if (!this.#lastSent.pending && !this.#alarms.has('backlog'))
      this.#alarms.set('backlog', SOON_MS, () => this.#sendScheduled());
    const drained = this.#lastSent.pending && !pending;
    const clear = this.#clearThrough();
    const canSay = !this.#lastSent.clear && clear > 0;
    if (drained || canSay) this.send();
    // A batch of earlier hours told no more than their begin.
    else if (!pending && hourOf(clear) > hourOf(this.#told) && !this.#alarms.has('clear'))
      this.#alarms.set('clear', SOON_MS, () => this.#sendScheduled());
  }

  lossesAdded(): void {
    if (!this.#alarms.has('losses')) this.#alarms.set('losses', SOON_MS, () => this.#sendScheduled());
  }

  #sendScheduled(): void {
    try {
      this.send();
    } catch (error) {
      this.#hooks.onReadError(error);
    }
  }

  close(): void {
    this.#alarms.clear();
  }
}

/**
 * When the collector is told how things stand: at the start, when a backlog begins or is drained, when events were given up, else now and
 * then. Its answers tell its clock.
 */
import { type AckEnvelope, encodeStatus } from '../../../shared/wire/messages.ts';
import type { Outbox } from '../../port/outbox.ts';
import type { Timers } from '../../port/timers.ts';
import { NamedTimers } from '../connection/named-timers.ts';
import { clearThrough } from './clearance.ts';
import type { CollectorClock } from './collector-time.ts';
import { statusMessage } from './status-message.ts';

const EVERY_MS = 15 * 60_000;
/** A sale on its way is no backlog; what is given up is given up in crowds. */
const SOON_MS = 10_000;
/** Loss records looked at for the epochs that they are of. */
const MAX_LOSSES = 256;

export interface StatusReporterDependencies {
  readonly outbox: Outbox;
  readonly version: string;
  /** Arrival of the oldest request that is not committed, milliseconds since 1970; null when there is none. */
  readonly oldestRequest: () => number | null;
  /** What the agent takes for the time, milliseconds since 1970. */
  readonly now: () => number;
  /** The operating system's clock, milliseconds since 1970: told, never used. */
  readonly wallClock: () => number;
  /** From 0 to less than 1. */
  readonly random: () => number;
  readonly timers: Timers;
  readonly trueTime: CollectorClock;
}

export interface StatusReporterHooks {
  publish(payload: Uint8Array): void;
  /** The buffer could not be read when it was time to tell. */
  failed(error: unknown): void;
}

export class StatusReporter {
  readonly #with: StatusReporterDependencies;
  readonly #hooks: StatusReporterHooks;
  readonly #alarms: NamedTimers<'regular' | 'backlog' | 'losses'>;
  /** What the last status said. */
  #told = { pending: false, clear: false };
  /** When the oldest status was sent that may not be answered yet, monotonic milliseconds. */
  #askedAt: number | null = null;

  constructor(dependencies: StatusReporterDependencies, hooks: StatusReporterHooks) {
    this.#with = dependencies;
    this.#hooks = hooks;
    this.#alarms = new NamedTimers(dependencies.timers);
  }

  /** See `BatchHeader.clearThrough`. */
  clearThrough(): number {
    const { outbox, oldestRequest, now, trueTime, timers } = this.#with;
    return clearThrough({
      oldestPending: outbox.oldestPending(),
      oldestRequest: oldestRequest(),
      now: now(),
      collectorNow: trueTime.now(timers.now()),
    });
  }

  /** @param signingOff see `StatusFacts` @throws on a fault of the disk */
  send(signingOff = false): void {
    const { outbox, version, random, timers, trueTime, wallClock } = this.#with;
    const holdings = outbox.holdings();
    const clear = this.clearThrough();
    const now = timers.now();
    this.#askedAt ??= now;
    this.#told = { pending: holdings.pending > 0, clear: clear > 0 };
    this.#alarms.cancel('backlog');
    this.#alarms.cancel('losses');
    this.#alarms.set('regular', EVERY_MS * (0.75 + random() / 2), () => this.#timed());
    const message = statusMessage({
      version,
      holdings,
      clearThrough: clear,
      clockOffsetMs: trueTime.offsetFrom(wallClock(), now),
      unsentLosses: new Set(outbox.losses(MAX_LOSSES).map(({ epoch }) => epoch)),
      signingOff,
    });
    this.#hooks.publish(encodeStatus(message));
  }

  /**
   * An answer that names no batch is one to a status: to the oldest that may be unanswered, at the earliest. An answer that came together
   * with a batch's makes that too early, and the measure too vague to be used, once.
   */
  onAcks({ acks, serverTime }: AckEnvelope): void {
    if (acks.length > 0 || this.#askedAt === null) return;
    const { trueTime, timers } = this.#with;
    trueTime.heard(serverTime, this.#askedAt, timers.now());
    this.#askedAt = null;
  }

  /** Something was accepted, settled or learnt. @throws on a fault of the disk */
  changed(): void {
    const { outbox } = this.#with;
    const pending = outbox.pendingCount(0, outbox.lastId()) > 0;
    if (!pending) this.#alarms.cancel('backlog');
    else if (!this.#told.pending && !this.#alarms.has('backlog'))
      this.#alarms.set('backlog', SOON_MS, () => this.#timed());
    const drained = this.#told.pending && !pending;
    const canSay = !this.#told.clear && this.clearThrough() > 0;
    if (drained || canSay) this.send();
  }

  lossesAdded(): void {
    if (!this.#alarms.has('losses')) this.#alarms.set('losses', SOON_MS, () => this.#timed());
  }

  #timed(): void {
    try {
      this.send();
    } catch (error) {
      this.#hooks.failed(error);
    }
  }

  close(): void {
    this.#alarms.clear();
  }
}

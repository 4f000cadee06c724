/** When the collector is told how things stand: at the start, when a backlog begins or is drained, else now and then. */
import { encodeStatus } from '../../shared/wire/messages.ts';
import type { Outbox } from '../buffer/port.ts';
import { clearThrough } from './clearance.ts';
import type { CollectorView } from './collector-view.ts';
import { statusMessage } from './status-message.ts';
import { Alarms, type Timers } from './timers.ts';

const EVERY_MS = 15 * 60_000;
/** A sale on its way is no backlog. */
const BACKLOG_MS = 10_000;

export interface StatusTellerDependencies {
  readonly outbox: Outbox;
  readonly version: string;
  /** Arrival of the oldest request that is not committed, milliseconds since 1970; null when there is none. */
  readonly oldestRequest: () => number | null;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** From 0 to less than 1. */
  readonly random: () => number;
  readonly timers: Timers;
  readonly view: CollectorView;
}

export interface StatusTellerHooks {
  publish(payload: Uint8Array): void;
  /** The buffer could not be read when it was time to tell. */
  failed(error: unknown): void;
}

export class StatusTeller {
  readonly #with: StatusTellerDependencies;
  readonly #hooks: StatusTellerHooks;
  readonly #alarms: Alarms<'regular' | 'backlog'>;
  /** What the last status said. */
  #told = { pending: false, clear: false };

  constructor(dependencies: StatusTellerDependencies, hooks: StatusTellerHooks) {
    this.#with = dependencies;
    this.#hooks = hooks;
    this.#alarms = new Alarms(dependencies.timers);
  }

  /** See `BatchHeader.clearThrough`. */
  clearThrough(): number {
    const { outbox, oldestRequest, now, view } = this.#with;
    return clearThrough({
      oldestPending: outbox.oldestPending(),
      oldestRequest: oldestRequest(),
      now: now(),
      clockOffsetMs: view.clockOffsetMs,
    });
  }

  /** @param signingOff see `statusMessage` @throws on a fault of the disk */
  tell(signingOff = false): void {
    const { outbox, version, view, random } = this.#with;
    const holdings = outbox.holdings();
    const clear = this.clearThrough();
    this.#told = { pending: holdings.pending > 0, clear: clear > 0 };
    this.#alarms.cancel('backlog');
    this.#alarms.set('regular', EVERY_MS * (0.75 + random() / 2), () => this.#timed());
    this.#hooks.publish(encodeStatus(statusMessage(version, holdings, clear, view.clockOffsetMs, signingOff)));
  }

  /** Something was accepted, settled or learnt. @throws on a fault of the disk */
  changed(): void {
    const pending = this.#with.outbox.pendingAfter(0) > 0;
    if (!pending) this.#alarms.cancel('backlog');
    else if (!this.#told.pending && !this.#alarms.has('backlog'))
      this.#alarms.set('backlog', BACKLOG_MS, () => this.#timed());
    const drained = this.#told.pending && !pending;
    const canSay = !this.#told.clear && this.clearThrough() > 0;
    if (drained || canSay) this.tell();
  }

  #timed(): void {
    try {
      this.tell();
    } catch (error) {
      this.#hooks.failed(error);
    }
  }

  close(): void {
    this.#alarms.clear();
  }
}

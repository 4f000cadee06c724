/**
 * What a running agent remembers of itself for support: samples of the last day, and the
 * connection's history.
 */
import type { Timers } from '../port/timers.ts';
import { ConnectionLog } from './connection-log.ts';
import { type HistorySample, SAMPLE_EVERY_MS, SampleHistory } from './sample-history.ts';

export interface SelfMonitorOptions {
  /** Gets the connection's events too. */
  readonly log: { info(message: string): void; warn(message: string): void };
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly timers: Timers;
  /** Events accepted since the start. */
  readonly accepted: () => number;
  /** Null while the buffer cannot be read. */
  readonly held: () => { readonly pending: number; readonly bytes: number } | null;
}

export class SelfMonitor {
  readonly #with: SelfMonitorOptions;
  readonly history = new SampleHistory();
  readonly connections: ConnectionLog;
  #cancel = (): void => {};

  constructor(options: SelfMonitorOptions) {
    this.#with = options;
    this.connections = new ConnectionLog(options.log, options.now);
  }

  start(): void {
    const latest = this.latest();
    if (latest !== null) this.history.add(latest);
    this.#cancel = this.#with.timers.after(SAMPLE_EVERY_MS, () => this.start());
  }

  stop(): void {
    this.#cancel();
  }

  /** As it is now; null while the buffer cannot be read. */
  latest(): HistorySample | null {
    const { now, timers, accepted, held } = this.#with;
    const found = held();
    return found === null ? null : { at: now(), elapsed: timers.now(), accepted: accepted(), ...found };
  }
}

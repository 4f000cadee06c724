/** What a running agent remembers of itself for support: the last day, what became of the connection, whether the buffer takes events. */

import type { Intake } from '../port/intake.ts';
import type { Timers } from '../port/timers.ts';
import { ConnectionLog } from './connection-log.ts';
import { RefusalTracker } from './refusal-tracker.ts';
import { type HistorySample, SAMPLE_EVERY_MS, SampleHistory } from './sample-history.ts';

export interface SelfMonitorOptions {
  readonly intake: Intake;
  /** Told of the connection too. */
  readonly log: { info(message: string): void; warn(message: string): void };
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly timers: Timers;
  /** Events accepted since the start. */
  readonly accepted: () => number;
  /** Null while the buffer can't be asked. */
  readonly held: () => { readonly pending: number; readonly bytes: number } | null;
}

export class SelfMonitor {
  readonly #with: SelfMonitorOptions;
  readonly history = new SampleHistory();
  readonly connections: ConnectionLog;
  readonly intake: RefusalTracker;
  #cancel = (): void => {};

  constructor(options: SelfMonitorOptions) {
    this.#with = options;
    this.connections = new ConnectionLog(options.log, options.now);
    this.intake = new RefusalTracker(options.intake);
  }

  start(): void {
    const latest = this.latest();
    if (latest !== null) this.history.add(latest);
    this.#cancel = this.#with.timers.after(SAMPLE_EVERY_MS, () => this.start());
  }

  stop(): void {
    this.#cancel();
  }

  /** As it is now; null while the buffer can't be asked. */
  latest(): HistorySample | null {
    const { now, timers, accepted, held } = this.#with;
    const found = held();
    return found === null ? null : { at: now(), elapsed: timers.now(), accepted: accepted(), ...found };
  }
}

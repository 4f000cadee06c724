/**
 * Counts the rows of an hour that is kept up with the raw log, a few at a time: whether all that
 * were folded are there, and no others. It is the net below updates, which look at what arrived
 * lately: a row that became visible late, was restored with its old time, or is gone.
 *
 * A pass begins `checkMs` after the one before began, and takes as long if the hour is asked
 * for as often as its size needs; a piece of it follows an update, while nobody waits for it.
 */
import { Buffer } from 'node:buffer';
import { Slices } from '../../../shared/cooperative.ts';
import type { TerminalId } from '../../../shared/ids.ts';
import type { Kind } from '../../../shared/keys.ts';
import type { RawRow } from '../../store/event-log.ts';
import type { Lane } from './folded-terminal.ts';
import type { LiveHour, LiveHourOptions } from './live-hour.ts';

/** Keys of a piece: some 2 ms at least, some 40 at most. */
const MIN_KEYS = 500;
const MAX_KEYS = 10_000;

type CheckOptions = Pick<LiveHourOptions, 'log' | 'merchant' | 'hour' | 'clock'> & {
  /** From the begin of a pass to that of the next one. */
  readonly checkMs: number;
};

export class HourCheck {
  readonly #options: CheckOptions;
  readonly #hour: LiveHour;
  /** Monotonic, milliseconds. */
  #begunAt: number;
  /** Key at which the pass under way goes on. */
  #next: Uint8Array | null = null;
  #isRunning = false;
  #done = 0;
  /** Rows that were folded when the pass began. */
  #rows = 0;

  constructor(options: CheckOptions, hour: LiveHour) {
    this.#options = options;
    this.#hour = hour;
    this.#begunAt = options.clock();
  }

  /** One piece, if one is due. The hour's next update folds again what is suspect. */
  async run(): Promise<void> {
    const { log, merchant, hour, clock, checkMs } = this.#options;
    const share = (): number => (clock() - this.#begunAt) / checkMs;
    if (!this.#isRunning) {
      if (share() < 1) return;
      this.#begin();
    }
    const end = this.#done + Math.min(Math.max(share() * this.#rows - this.#done, MIN_KEYS), MAX_KEYS);
    const slices = new Slices();
    let lane: { readonly of: Lane | null; readonly terminal: TerminalId; readonly kind: string } | null = null;
    const start = this.#next === null ? {} : { start: this.#next };
    for await (const row of log.scan(merchant, hour, hour + 1, { keysOnly: true, ...start })) {
      await slices.pause();
      const { kind, terminal } = row.key;
      if (lane === null || lane.terminal !== terminal || lane.kind !== kind) {
        if (lane !== null) this.#compare(lane.terminal, lane.of);
        this.#next = row.rowKey;
        if (this.#done >= end) return;
        lane = { of: this.#laneOf(terminal, kind), terminal, kind };
      }
      this.#done++;
      this.#count(row, lane.of);
    }
    if (lane !== null) this.#compare(lane.terminal, lane.of);
    this.#end();
  }

  #laneOf(terminal: TerminalId, kind: Kind): Lane | null {
    const lane = this.#hour.terminals.get(terminal)?.[kind];
    if (lane === undefined) return null;
    [lane.seen, lane.pass] = [0, this.#hour.pass];
    return lane;
  }

  #begin(): void {
    this.#begunAt = this.#options.clock();
    [this.#isRunning, this.#next, this.#done, this.#rows] = [true, null, 0, 0];
    this.#hour.pass++;
    for (const { losses, events } of this.#hour.terminals.values()) this.#rows += losses.rows + events.rows;
  }

  #count({ rowKey, key, arrival }: RawRow, lane: Lane | null): void {
    if (lane !== null && Buffer.compare(rowKey, lane.lastKey) <= 0) lane.seen++;
    // What arrived since is for the next update.
    else if (arrival < this.#hour.seenThrough) this.#suspect(key.terminal);
  }

  #compare(terminal: TerminalId, lane: Lane | null): void {
    if (lane !== null && lane.seen !== lane.rows) this.#suspect(terminal);
  }

  /** Lanes of which no row is left. */
  #end(): void {
    const { terminals, pass } = this.#hour;
    for (const [terminal, { losses, events }] of terminals)
      if ([losses, events].some((lane) => lane.rows > 0 && lane.pass < pass)) this.#suspect(terminal);
    this.#isRunning = false;
  }

  /** What is parked is folded again in time anyway. */
  #suspect(terminal: TerminalId): void {
    if (this.#hour.terminals.get(terminal)?.parked == null) this.#hour.suspects.add(terminal);
  }
}

/** Port through which the buffer uses the agent's clock. */
import type { Greeting } from './outbox.ts';

/** A period in which the agent's clock ran evenly. */
export interface ClockSegment {
  /** Identifies the boot whose boot-time clock it follows. */
  readonly boot: string;
  /** What it shows when the boot-time clock shows 0: whole milliseconds since 1970. */
  readonly origin: number;
  /** Whether the collector's clock has confirmed it: its timestamps may be shipped unchanged. */
  readonly right: boolean;
}

/** The collector's clock relative to the boot-time clock of a boot. */
export interface CollectorTimeReading {
  readonly boot: string;
  /**
   * What the collector's clock shows when the boot-time clock shows 0: whole milliseconds since
   * 1970.
   */
  readonly origin: number;
  /** When it was received, by the collector's clock. */
  readonly at: number;
  /** Clocks that differ by less are considered equal. */
  readonly toleranceMs: number;
}

/** A timestamp, and the segment of the clock that gave it. */
export interface Stamp {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly segment: ClockSegment;
  /** What the machine's wall clock shows, milliseconds since 1970. */
  readonly wall: number;
  /**
   * Whether the machine's wall clock is known to be wrong: tills on this machine take their times
   * from it.
   */
  readonly suspect: boolean;
}

/** The agent's disciplined clock. */
export interface EventClock {
  /** Milliseconds since 1970. Checks first whether the machine's clock was set. */
  now(): number;
  /** A timestamp in the segment of the last `now`. */
  stamp(): Stamp;
  /**
   * Collector's time minus the machine's wall clock, milliseconds; null if the collector was not
   * heard in this boot.
   */
  readonly offset: number | null;
  /** Milliseconds since the clock started, suspends included. */
  running(): number;
  /**
   * The time by which retention is measured: it does not follow a jump until the collector confirms
   * it.
   */
  retention(): number;
  /**
   * Passes on what a buffer knows about time when it is opened.
   *
   * @param last the last reading of the collector's clock, of whichever boot
   * @param seen times that the agent has used since, in order
   */
  recall(last: CollectorTimeReading | null, seen: readonly number[]): void;
  /**
   * Begins a segment that is right.
   *
   * @returns the reading it adopts; null when the collector's clock is impossible
   */
  compare(measure: Pick<Greeting, 'trueTimeOrigin' | 'uncertaintyMs'>): CollectorTimeReading | null;
}

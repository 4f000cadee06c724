/** What the buffer needs of the agent's clock. */
import type { Greeting } from './outbox.ts';

/** A stretch in which the agent's clock went evenly. */
export interface ClockSegment {
  /** Names the boot of the operating system whose steady clock it goes by. */
  readonly boot: string;
  /** What it shows when the steady clock shows 0: whole milliseconds since 1970. */
  readonly origin: number;
  /** Whether the collector's clock has confirmed it: what it stamps may be shipped as it is. */
  readonly right: boolean;
}

/** The collector's clock against the steady clock of a boot. */
export interface CollectorTimeReading {
  readonly boot: string;
  /** What the collector's clock shows when the steady clock shows 0: whole milliseconds since 1970. */
  readonly origin: number;
  /** When that was heard, by the collector's clock. */
  readonly at: number;
  /** Clocks that differ by less agree. */
  readonly toleranceMs: number;
}

/** A moment, and the clock that tells it. */
export interface Stamp {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly segment: ClockSegment;
  /** Whether the machine's wall clock is known wrong: tills on this machine take the times that they give from it. */
  readonly suspect: boolean;
}

/** The agent's clock. */
export interface EventClock {
  /** Milliseconds since 1970. Looks first whether the machine's clock was set. */
  now(): number;
  /** By the same segment as what `now` said last. */
  stamp(): Stamp;
  /** True time less the machine's wall clock, milliseconds; null while the collector was not heard in this boot. */
  readonly offset: number | null;
  /** Milliseconds since it started; it counts suspends. */
  running(): number;
  /** What time it is for what is kept for a while: while nobody has confirmed a jump, time passes as it did before. */
  retention(): number;
  /**
   * What a buffer that is opened knows of time.
   *
   * @param last heard of the collector's clock, whichever boot that was in
   * @param seen what the agent took for the time since, in the order in which it did
   */
  recall(last: CollectorTimeReading | null, seen: readonly number[]): void;
  /** Begins a segment that is right. @returns what it takes for true; null when the collector's clock is impossible */
  compare(measure: Pick<Greeting, 'trueTimeOrigin' | 'uncertaintyMs'>): CollectorTimeReading | null;
}

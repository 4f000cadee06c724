/**
 * The agent's disciplined clock: the boot-time clock plus an origin, so that a jump of the wall
 * clock never moves it undetected.
 *
 * The origin comes from the best source known: the collector's clock, if it was received in this
 * boot; else the wall clock, if it may be right; else the latest time that is known to have passed.
 * A *segment* is a period with one origin. Invariants:
 * - `now()` is the boot-time clock plus the segment's origin, throughout a segment.
 * - A start, or a wall clock that was set, begins a segment that is not `right`: the collector has
 *   to decide which of the two clocks is correct. A set wall clock is also reported to the
 *   listeners. Only `compare` begins a segment that is `right`.
 * - Once the collector's clock is known, a wall clock that contradicts it is no longer followed.
 */

import { DAY_MS, MAX_TS } from '../../shared/time.ts';
import type { ClockSegment, CollectorTimeReading, EventClock, Stamp } from '../port/event-clock.ts';
import { BootTimeClock } from './boottime-clock.ts';
import type { MachineClocks } from './machine-clocks.ts';

/**
 * No agent of this version ran earlier. A machine without a clock battery starts in 1970 or 2000.
 */
export const EARLIEST = Date.UTC(2026, 0, 1);
/** How far the wall clock may move against the boot-time clock before it counts as set. */
const STEP_MS = 2_000;
/** Clocks that differ by less are considered equal. */
const TOLERANCE_MS = 10_000;
/** Drift of an undisciplined quartz oscillator. */
const MAX_DRIFT = 100e-6;
/** How far a correct wall clock may lag behind the collector's. */
const BEHIND_MS = 60_000;
/** A longer claimed power-off time is not believed until the collector confirms it. */
const LONGEST_OFF_MS = 30 * DAY_MS;

export class DisciplinedClock implements EventClock {
  readonly #machine: MachineClocks;
  readonly #bootClock: BootTimeClock;
  readonly #startedAt: number;
  readonly #listeners = new Set<() => void>();
  #segment: ClockSegment;
  /** Wall clock minus boot-time clock. */
  #wallOrigin: number;
  /** The smallest origin since the start. */
  #leastOrigin: number;
  /** The collector's clock, if it was received in this boot. */
  #collectorReading: CollectorTimeReading | null = null;
  /** A time that has certainly passed: the last one the collector reported. */
  #floor = EARLIEST;
  /**
   * The latest time that has passed according to unconfirmed clocks, implausible jumps excluded.
   */
  #known = EARLIEST;

  constructor(machine: MachineClocks) {
    this.#machine = machine;
    this.#bootClock = new BootTimeClock(machine);
    this.#startedAt = this.#bootClock.now();
    this.#wallOrigin = machine.wall() - this.#startedAt;
    this.#leastOrigin = Number.POSITIVE_INFINITY;
    this.#segment = this.#newSegment(Number.NEGATIVE_INFINITY);
  }

  now(): number {
    this.detectStep();
    return this.#at();
  }

  stamp(): Stamp {
    const suspect = this.#collectorReading === null ? !this.#mayBeRight() : !this.#agrees(this.#collectorReading);
    const wall = Math.floor(this.#bootClock.now() + this.#wallOrigin);
    return { at: this.#at(), segment: this.#segment, wall, suspect };
  }

  running(): number {
    return this.#bootClock.now() - this.#startedAt;
  }

  get offset(): number | null {
    return this.#collectorReading === null ? null : Math.round(this.#collectorReading.origin - this.#wallOrigin);
  }

  /** Registers a listener for wall clock steps. @returns removes it */
  onStep(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Detects whether the wall clock was set. */
  detectStep(): void {
    if (!this.#stepped()) return;
    // The machine may have been suspended, with both clocks correct.
    this.#bootClock.detectSuspend();
    if (!this.#stepped()) return;
    this.#wallOrigin = this.#machine.wall() - this.#bootClock.now();
    this.#segment = this.#newSegment(this.#segment.origin);
    for (const listener of this.#listeners) listener();
  }

  retention(): number {
    if (this.#collectorReading !== null) return this.#at();
    const claimed = this.#bootClock.now() + this.#leastOrigin;
    return claimed - this.#known > LONGEST_OFF_MS ? this.#known + this.running() : claimed;
  }

  recall(last: CollectorTimeReading | null, seen: readonly number[]): void {
    if (this.#segment.right) return;
    if (last !== null && this.#collectorReading === null) {
      this.#floor = Math.max(EARLIEST, last.at);
      if (last.boot === this.#machine.boot) this.#collectorReading = last;
    }
    this.#known = Math.max(this.#known, last === null ? (seen[0] ?? EARLIEST) : this.#floor);
    for (const at of seen) if (at - this.#known <= LONGEST_OFF_MS) this.#known = Math.max(this.#known, at);
    this.#leastOrigin = Number.POSITIVE_INFINITY;
    this.#segment = this.#newSegment(this.#segment.origin);
  }

  compare({
    trueTimeOrigin,
    uncertaintyMs,
  }: {
    trueTimeOrigin: number;
    uncertaintyMs: number;
  }): CollectorTimeReading | null {
    this.detectStep();
    const { boot, processStart } = this.#machine;
    const origin = Math.round(trueTimeOrigin - processStart - this.#bootClock.suspendedMs);
    const at = Math.round(this.#bootClock.now() + origin);
    const believable = at >= EARLIEST && at < MAX_TS;
    if (believable) {
      this.#collectorReading = { boot, origin, at, toleranceMs: Math.ceil(Math.max(TOLERANCE_MS, uncertaintyMs)) };
      this.#floor = at;
    }
    this.#segment = { ...this.#newSegment(this.#segment.origin), right: true };
    return believable ? this.#collectorReading : null;
  }

  /**
   * Processes the collector's clock during a session. If this clock has drifted out of tolerance,
   * begins a new segment, so that later timestamps are right again.
   */
  hear(measure: { trueTimeOrigin: number; uncertaintyMs: number }): void {
    const origin = measure.trueTimeOrigin - this.#machine.processStart - this.#bootClock.suspendedMs;
    const strayed = Math.abs(origin - this.#segment.origin) > Math.max(TOLERANCE_MS, measure.uncertaintyMs);
    if (strayed && this.#segment.right) this.compare(measure);
  }

  #at(): number {
    return Math.floor(this.#bootClock.now() + this.#segment.origin);
  }

  #stepped(): boolean {
    return Math.abs(this.#machine.wall() - this.#bootClock.now() - this.#wallOrigin) > STEP_MS;
  }

  /** Whether the wall clock may be right, as far as can be told without the collector. */
  #mayBeRight(): boolean {
    const wall = this.#bootClock.now() + this.#wallOrigin;
    return wall >= this.#floor - BEHIND_MS && wall < MAX_TS;
  }

  /** Whether the wall clock agrees with the collector's. */
  #agrees({ origin, at, toleranceMs }: CollectorTimeReading): boolean {
    const age = Math.max(0, this.#bootClock.now() + origin - at);
    return Math.abs(this.#wallOrigin - origin) <= toleranceMs + age * MAX_DRIFT;
  }

  /** @param before origin of the segment that ends; kept where nothing better is known */
  #newSegment(before: number): ClockSegment {
    let origin: number;
    if (this.#collectorReading !== null)
      origin = this.#agrees(this.#collectorReading) ? this.#wallOrigin : this.#collectorReading.origin;
    else if (this.#mayBeRight()) origin = this.#wallOrigin;
    else origin = Math.max(before, Math.max(this.#floor, this.#known) - this.#bootClock.now());
    origin = Math.round(origin);
    this.#leastOrigin = Math.min(this.#leastOrigin, origin);
    return { boot: this.#machine.boot, origin, right: false };
  }
}

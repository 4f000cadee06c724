/**
 * What the agent takes for the time: a steady clock plus an origin, so that no jump of the wall clock moves it unnoticed.
 *
 * The origin comes from the best that is known: the collector's clock, once it was heard in this boot; else the wall clock, if it may be
 * right; else the latest time that is known to have passed. A *segment* is a stretch with one origin. Invariants:
 * - `now()` differs from the steady clock by the segment's origin, all through a segment.
 * - A wall clock that was set begins a segment that is not right (the collector has to say which of the two clocks is) and is told to
 *   the listeners; so does a start. `compare` alone begins one that is right.
 * - Once the collector's clock is known, a wall clock that contradicts it is followed no more.
 */

import { DAY_MS, MAX_TS } from '../../shared/time.ts';
import type { ClockSegment, CollectorTimeReading, EventClock, Stamp } from '../port/event-clock.ts';
import { BootTimeClock } from './boottime-clock.ts';
import type { MachineClocks } from './machine-clocks.ts';

/** No agent of this version ran earlier. A machine without a battery starts in 1970 or in 2000. */
export const EARLIEST = Date.UTC(2026, 0, 1);
/** What the wall clock may move against the steady one without having been set. */
const STEP_MS = 2_000;
/** Clocks that differ by less agree. */
const TOLERANCE_MS = 10_000;
/** How far a quartz strays, unattended. */
const STRAY = 100e-6;
/** A wall clock may be a little behind the collector's, and nothing be wrong with it. */
const BEHIND_MS = 60_000;
/** A machine that claims to have been off for longer is believed once the collector says so too. */
const LONGEST_OFF_MS = 30 * DAY_MS;

export class DisciplinedClock implements EventClock {
  readonly #machine: MachineClocks;
  readonly #steady: BootTimeClock;
  readonly #startedAt: number;
  readonly #listeners = new Set<() => void>();
  #segment: ClockSegment;
  /** Wall clock less steady clock. */
  #wallOrigin: number;
  /** The least origin since the start. */
  #leastOrigin: number;
  /** The collector's clock, heard in this boot. */
  #truth: CollectorTimeReading | null = null;
  /** A time that has passed: the last that the collector told. */
  #floor = EARLIEST;
  /** The latest that passed, by clocks that nobody confirmed, but without a leap. */
  #known = EARLIEST;

  constructor(machine: MachineClocks) {
    this.#machine = machine;
    this.#steady = new BootTimeClock(machine);
    this.#startedAt = this.#steady.now();
    this.#wallOrigin = machine.wall() - this.#startedAt;
    this.#leastOrigin = Number.POSITIVE_INFINITY;
    this.#segment = this.#begun(Number.NEGATIVE_INFINITY);
  }

  now(): number {
    this.detectStep();
    return this.#at();
  }

  stamp(): Stamp {
    const suspect = this.#truth === null ? !this.#mayBeRight() : !this.#agrees(this.#truth);
    return { at: this.#at(), segment: this.#segment, suspect };
  }

  running(): number {
    return this.#steady.now() - this.#startedAt;
  }

  get offset(): number | null {
    return this.#truth === null ? null : Math.round(this.#truth.origin - this.#wallOrigin);
  }

  /** Called when the wall clock was set. @returns ends that */
  onStep(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Looks whether the wall clock was set. */
  detectStep(): void {
    if (!this.#stepped()) return;
    // Or the machine was suspended, and both clocks are right.
    this.#steady.detectSuspend();
    if (!this.#stepped()) return;
    this.#wallOrigin = this.#machine.wall() - this.#steady.now();
    this.#segment = this.#begun(this.#segment.origin);
    for (const listener of this.#listeners) listener();
  }

  retention(): number {
    if (this.#truth !== null) return this.#at();
    const claimed = this.#steady.now() + this.#leastOrigin;
    return claimed - this.#known > LONGEST_OFF_MS ? this.#known + this.running() : claimed;
  }

  recall(last: CollectorTimeReading | null, seen: readonly number[]): void {
    if (this.#segment.right) return;
    if (last !== null && this.#truth === null) {
      this.#floor = Math.max(EARLIEST, last.at);
      if (last.boot === this.#machine.boot) this.#truth = last;
    }
    this.#known = Math.max(this.#known, last === null ? (seen[0] ?? EARLIEST) : this.#floor);
    for (const at of seen) if (at - this.#known <= LONGEST_OFF_MS) this.#known = Math.max(this.#known, at);
    this.#leastOrigin = Number.POSITIVE_INFINITY;
    this.#segment = this.#begun(this.#segment.origin);
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
    const origin = Math.round(trueTimeOrigin - processStart - this.#steady.suspendedMs);
    const at = Math.round(this.#steady.now() + origin);
    const believable = at >= EARLIEST && at < MAX_TS;
    if (believable) {
      this.#truth = { boot, origin, at, toleranceMs: Math.ceil(Math.max(TOLERANCE_MS, uncertaintyMs)) };
      this.#floor = at;
    }
    this.#segment = { ...this.#begun(this.#segment.origin), right: true };
    return believable ? this.#truth : null;
  }

  /** The collector's clock, told in the midst of a session: what is stamped from here on is right again, should this clock have strayed. */
  hear(measure: { trueTimeOrigin: number; uncertaintyMs: number }): void {
    const origin = measure.trueTimeOrigin - this.#machine.processStart - this.#steady.suspendedMs;
    const strayed = Math.abs(origin - this.#segment.origin) > Math.max(TOLERANCE_MS, measure.uncertaintyMs);
    if (strayed && this.#segment.right) this.compare(measure);
  }

  #at(): number {
    return Math.floor(this.#steady.now() + this.#segment.origin);
  }

  #stepped(): boolean {
    return Math.abs(this.#machine.wall() - this.#steady.now() - this.#wallOrigin) > STEP_MS;
  }

  /** Whether the wall clock may be right, for all that is known without the collector. */
  #mayBeRight(): boolean {
    const wall = this.#steady.now() + this.#wallOrigin;
    return wall >= this.#floor - BEHIND_MS && wall < MAX_TS;
  }

  /** Whether the wall clock shows what the collector's would. */
  #agrees({ origin, at, toleranceMs }: CollectorTimeReading): boolean {
    const age = Math.max(0, this.#steady.now() + origin - at);
    return Math.abs(this.#wallOrigin - origin) <= toleranceMs + age * STRAY;
  }

  /** @param before the origin of the segment that ends: goes on where nothing better is known */
  #begun(before: number): ClockSegment {
    let origin: number;
    if (this.#truth !== null) origin = this.#agrees(this.#truth) ? this.#wallOrigin : this.#truth.origin;
    else if (this.#mayBeRight()) origin = this.#wallOrigin;
    else origin = Math.max(before, Math.max(this.#floor, this.#known) - this.#steady.now());
    origin = Math.round(origin);
    this.#leastOrigin = Math.min(this.#leastOrigin, origin);
    return { boot: this.#machine.boot, origin, right: false };
  }
}

/**
 * Two lanes of jobs. **Live**: of an hour or a day that ended not long ago; a merchant waits for
 * it. **Late**: of what was sent long after, a month's backlog of a thousand tills at worst. Live
 * jobs of all salts run first. Late ones have the rest of the minute, in which nothing else gets
 * due: marks are due by whole minutes.
 *
 * Late jobs are held, so many at most; those beyond are listed again.
 */
import type { MerchantId } from '../../../shared/ids.ts';
import { DAY_MS, dayOfHour, HOUR_MS } from '../../../shared/time.ts';
import type { LogicSet } from '../../store/logic-versions.ts';
import type { Job } from './jobs.ts';

/** An hour or day that ended before is late. Longer than a first run may take. */
export const LATE_AFTER_MS = 2 * HOUR_MS;
/** Bounds of memory, and of how long the other salts wait for their turn. A day has 25 jobs. */
const JOBS_PER_MERCHANT = 32;
const JOBS_PER_SALT = 128;
/** An hour and its day: of each merchant, however many a backlog of others has. */
const JOBS_AT_LEAST = 2;
/** When so many are held, no further salt is listed. */
const JOBS_HELD = 1_024;
const LENGTH_MS = { hour: HOUR_MS, day: DAY_MS } as const;

export interface LateMerchant {
  readonly merchant: MerchantId;
  readonly salt: number;
  /** As they were after the marks had been listed. */
  readonly logics: LogicSet;
  readonly jobs: Job[];
}

export class LateJobs {
  readonly #merchants: LateMerchant[] = [];
  /** How many were held of a salt. */
  readonly #held = new Map<number, number>();
  /** How many of all salts are to be run. */
  #waiting = 0;
  /** Salts with more than is held. */
  readonly left = new Set<number>();

  /** Takes the late ones of a merchant's jobs, as many as fit. @returns the live ones */
  take(jobs: readonly Job[], { merchant, salt, logics }: Omit<LateMerchant, 'jobs'>, now: number): Job[] {
    const late = jobs.filter((job) => isLate(job, now));
    if (late.length === 0) return [...jobs];
    const held = this.#held.get(salt) ?? 0;
    const fits = Math.max(JOBS_AT_LEAST, Math.min(JOBS_PER_MERCHANT, JOBS_PER_SALT - held));
    // Finality wants the rows of all hours before it: it would make them itself.
    const last = jobs.filter(({ level }) => level === 'finality');
    const taken = [...late.sort(byDay), ...last].slice(0, fits);
    this.#held.set(salt, held + taken.length);
    this.#waiting += taken.length;
    if (taken.length < late.length + last.length) this.left.add(salt);
    if (taken.length > 0) this.#merchants.push({ merchant, salt, logics, jobs: taken });
    return jobs.filter((job) => job.level !== 'finality' && !isLate(job, now));
  }

  get isFull(): boolean {
    return this.#waiting >= JOBS_HELD;
  }

  /** A job of the next merchant in turn; null: there is none but of merchants that are busy. */
  next(isBusy: (merchant: MerchantId) => boolean): { readonly of: LateMerchant; readonly job: Job } | null {
    const at = this.#merchants.findIndex(({ merchant }) => !isBusy(merchant));
    const [of] = at < 0 ? [] : this.#merchants.splice(at, 1);
    const job = of?.jobs.shift();
    if (of === undefined || job === undefined) return null;
    this.#waiting--;
    if (of.jobs.length > 0) this.#merchants.push(of);
    return { of, job };
  }

  /** What is held is listed again; but another pass goes on with a merchant that is busy. */
  drop(isBusy: (merchant: MerchantId) => boolean): void {
    for (const { salt, merchant } of this.#merchants.splice(0)) if (!isBusy(merchant)) this.left.add(salt);
  }
}

export function isLate({ level, time }: Job, now: number): boolean {
  return level !== 'finality' && (time + 1) * LENGTH_MS[level] + LATE_AFTER_MS <= now;
}

const dayOf = ({ level, time }: Job): number => (level === 'hour' ? dayOfHour(time) : time);

/** The hours of a day, then the day, then the hours of the next one. */
const byDay = (a: Job, b: Job): number =>
  dayOf(a) - dayOf(b) || Number(a.level === 'day') - Number(b.level === 'day') || a.time - b.time;

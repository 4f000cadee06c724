/**
 * When an hour is due after a batch of it became durable, and when a mark that says so may be left out.
 *
 * A mark may be skipped only if this process itself made one durable for that hour which names that terminal, and its clock, after the batch's
 * put returned, is still 10 s before that mark's minute. Then no run has listed that mark yet (the 10 s are for clocks that differ), so the
 * run that lists it reads the batch. A wall clock that is set back would say so again of a mark that is gone: so the time until then has to be
 * left by the monotonic clock as well.
 */
import type { MerchantId, TerminalId } from '../../shared/ids.ts';
import { HOUR_MS, MINUTE_MS, minuteOf } from '../../shared/time.ts';
import { dueMinute } from '../store/due-marks.ts';

export const SKIP_MARGIN_MS = 10_000;
/** An hour that starts later than this ahead of the clock counts as late: else a till with a wrong clock would hide its figures until then. */
const MAX_AHEAD_MS = HOUR_MS;

/**
 * Minutes since 1970: a grace after the hour's end while it is open, else the next minute.
 *
 * @param now milliseconds since 1970, read after the batch's put returned
 */
export function minuteDue(hour: number, now: number, graceMs: number): number {
  const start = hour * HOUR_MS;
  const end = start + HOUR_MS;
  const open = now < end && start - now <= MAX_AHEAD_MS;
  return open ? dueMinute(end, now, graceMs) : minuteOf(now) + 1;
}

export interface MarkSubject {
  readonly merchant: MerchantId;
  /** Hours since 1970. */
  readonly hour: number;
  readonly terminal: TerminalId;
}

/** What both clocks said after the batch's put returned. */
export interface Moment {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Monotonic milliseconds. */
  readonly clock: number;
}

/** The latest mark that names a terminal. */
interface Made {
  /** Until when it covers: milliseconds since 1970, and monotonic. */
  readonly until: number;
  readonly clockUntil: number;
}

/** The marks that this process made durable. Forgetting any of them is always safe: it costs one more mark. */
export class DurableMarkCache {
  readonly #maxRemembered: number;
  readonly #made = new Map<string, Made>();

  constructor(maxRemembered: number) {
    this.#maxRemembered = maxRemembered;
  }

  covers(subject: MarkSubject, { now, clock }: Moment): boolean {
    const made = this.#made.get(nameOf(subject));
    return made !== undefined && now <= made.until && clock <= made.clockUntil;
  }

  /** To be called once the mark is durable, with the moment that its minute was worked out from. */
  record(subject: MarkSubject, minute: number, { now, clock }: Moment): void {
    const name = nameOf(subject);
    const until = minute * MINUTE_MS - SKIP_MARGIN_MS;
    const clockUntil = clock + until - now;
    const before = this.#made.get(name);
    if (before !== undefined && before.clockUntil >= clockUntil) return;
    if (this.#made.size >= this.#maxRemembered) this.#made.clear();
    this.#made.set(name, { until, clockUntil });
  }
}

const nameOf = ({ merchant, hour, terminal }: MarkSubject): string => `${merchant}/${hour}/${terminal}`;

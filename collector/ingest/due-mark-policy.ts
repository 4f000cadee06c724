/**
 * Policy: when an hour is due after a batch of it became durable, and when its due mark may be
 * skipped.
 *
 * A due mark may be skipped only if this process itself made one durable for that hour which names
 * that terminal, and its clock, after the batch's put returned, is still 10 s before that mark's
 * minute. Then no run has listed that mark yet (the 10 s allow for clock differences), so the run
 * that lists it reads the batch. A wall clock that is set back would claim the same of a deleted
 * mark, so the monotonic clock must allow that time as well.
 */
import type { MerchantId, TerminalId } from '../../shared/ids.ts';
import { HOUR_MS, MINUTE_MS, minuteOf } from '../../shared/time.ts';
import { dueMinute } from '../store/due-marks.ts';

export const SKIP_MARGIN_MS = 10_000;
/**
 * An hour that starts later than this ahead of the clock counts as late; otherwise a till with a
 * wrong clock would hide its figures until then.
 */
const MAX_AHEAD_MS = HOUR_MS;

/**
 * The due minute: while the hour is open, a grace after its end; afterwards the next minute.
 * Minutes since 1970.
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

/** Both clocks, read after the batch's put returned. */
export interface Moment {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Monotonic milliseconds. */
  readonly clock: number;
}

/** The latest due mark that names a terminal. */
interface Coverage {
  /** End of its coverage: milliseconds since 1970, and monotonic. */
  readonly until: number;
  readonly clockUntil: number;
}

/**
 * The due marks that this process made durable. Forgetting any of them is always safe: it costs one
 * more mark.
 */
export class DurableMarkCache {
  readonly #maxRemembered: number;
  readonly #made = new Map<string, Coverage>();

  constructor(maxRemembered: number) {
    this.#maxRemembered = maxRemembered;
  }

  covers(subject: MarkSubject, { now, clock }: Moment): boolean {
    const made = this.#made.get(nameOf(subject));
    return made !== undefined && now <= made.until && clock <= made.clockUntil;
  }

  /** Call it once the due mark is durable, with the moment from which its minute was calculated. */
  record(subject: MarkSubject, minute: number, { now, clock }: Moment): void {
    const name = nameOf(subject);
    const until = minute * MINUTE_MS - SKIP_MARGIN_MS;
    const clockUntil = clock + until - now;
    const before = this.#made.get(name);
    if (before !== undefined && before.clockUntil >= clockUntil) return;
    this.#made.delete(name);
    if (this.#made.size >= this.#maxRemembered) {
      const [oldest] = this.#made.keys();
      this.#made.delete(oldest!);
    }
    this.#made.set(name, { until, clockUntil });
  }

  forgetAll(): void {
    this.#made.clear();
  }
}

const nameOf = ({ merchant, hour, terminal }: MarkSubject): string => `${merchant}/${hour}/${terminal}`;

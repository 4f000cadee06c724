/**
 * When an hour is due after a batch of it became durable, and when a mark that says so may be left out.
 *
 * A mark may be skipped only if this process itself made one durable for that hour which names that terminal, and its clock, after the batch's
 * put returned, is still 10 s before that mark's minute. Then no run has listed that mark yet (the 10 s are for clocks that differ), so the
 * run that lists it reads the batch.
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

/** The marks that this process made durable. Forgetting any of them is always safe: it costs one more mark. */
export class MadeMarks {
  readonly #maxRemembered: number;
  /** Minute of the latest mark that names the terminal. */
  readonly #minutes = new Map<string, number>();

  constructor(maxRemembered: number) {
    this.#maxRemembered = maxRemembered;
  }

  /** @param now milliseconds since 1970, read after the batch's put returned */
  covers(subject: MarkSubject, now: number): boolean {
    const minute = this.#minutes.get(nameOf(subject));
    return minute !== undefined && now <= minute * MINUTE_MS - SKIP_MARGIN_MS;
  }

  /** To be called once the mark is durable. */
  made(subject: MarkSubject, minute: number): void {
    const name = nameOf(subject);
    const before = this.#minutes.get(name);
    if (before !== undefined && before >= minute) return;
    if (this.#minutes.size >= this.#maxRemembered) this.#minutes.clear();
    this.#minutes.set(name, minute);
  }
}

const nameOf = ({ merchant, hour, terminal }: MarkSubject): string => `${merchant}/${hour}/${terminal}`;

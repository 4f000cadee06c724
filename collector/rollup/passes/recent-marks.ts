/**
 * Which due marks of a salt are listed for live jobs: those of the last minutes, however many older
 * ones a backlog has.
 *
 * What lies before was listed by this process, and its live jobs are done: the minute moves on to
 * that of each list, or to the first one with a live job that is not. Only the order of work
 * depends on it: what is older is listed too, once live jobs were run. So no mark is forgotten that
 * comes more than a minute after its own, of a collector that hung or whose clock is behind.
 */
import { MINUTE_MS } from '../../../shared/time.ts';
import { LATE_AFTER_MS } from './late-jobs.ts';

/** An hour's marks are of minutes after its end, so those of live jobs are not older. */
const LIVE_MINUTES = LATE_AFTER_MS / MINUTE_MS;

export class RecentMarks {
  /** By salt. */
  readonly #from = new Map<number, number>();

  /** The minute to begin with; at first all. A clock that was set back is before the last list. */
  from(salt: number, through: number): number {
    const from = this.#from.get(salt);
    return from === undefined ? 0 : Math.max(through - LIVE_MINUTES, Math.min(from, through));
  }

  /**
   * The marks of a salt were listed, and live jobs run. Those of the same minute are listed again:
   * some may be made durable just now.
   *
   * @param undone the first minute of a live job that is still to be run; infinite: of none
   */
  listed(salt: number, through: number, undone: number): void {
    this.#from.set(salt, Math.min(through, undone));
  }
}

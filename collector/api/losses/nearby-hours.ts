/**
 * Finds the hours near a given hour that have raw rows, for a walk back in time: each hour is
 * queried once.
 */
import type { MerchantId } from '../../../shared/ids.ts';
import type { EventLog } from '../../store/event-log.ts';

export class NearbyHours {
  readonly #log: EventLog;
  readonly #merchant: MerchantId;
  readonly #reach: number;
  /** All hours with rows from `#from` on that the walk may still need. */
  #from = Number.POSITIVE_INFINITY;
  #hours: number[] = [];

  /** @param reach how many hours before and after an hour count as near it */
  constructor(log: EventLog, merchant: MerchantId, reach: number) {
    this.#log = log;
    this.#merchant = merchant;
    this.#reach = reach;
  }

  /**
   * @param hour not later than in the previous call
   * @returns the hours with rows, nearest first
   */
  async of(hour: number): Promise<readonly number[]> {
    const [from, end] = [Math.max(0, hour - this.#reach), hour + this.#reach + 1];
    const unknown = await Array.fromAsync(this.#log.hours(this.#merchant, from, Math.min(this.#from, end)));
    this.#hours = [...unknown, ...this.#hours.filter((known) => known < end)];
    this.#from = from;
    return this.#hours.toSorted((a, b) => Math.abs(a - hour) - Math.abs(b - hour));
  }
}

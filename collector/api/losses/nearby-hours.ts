/** Which of the hours around an hour have raw rows at all, for a walk that goes back in time: each is asked for once. */
import type { MerchantId } from '../../../shared/ids.ts';
import type { EventLog } from '../../store/event-log.ts';

export class HoursAround {
  readonly #log: EventLog;
  readonly #merchant: MerchantId;
  readonly #reach: number;
  /** What is known: all the hours with rows from `#from` on, as far as the walk may still ask for them. */
  #from = Number.POSITIVE_INFINITY;
  #hours: number[] = [];

  /** @param reach how many hours before and after one are around it */
  constructor(log: EventLog, merchant: MerchantId, reach: number) {
    this.#log = log;
    this.#merchant = merchant;
    this.#reach = reach;
  }

  /** @param hour not later than in the call before. @returns the hours with rows, the nearest first */
  async of(hour: number): Promise<readonly number[]> {
    const [from, end] = [Math.max(0, hour - this.#reach), hour + this.#reach + 1];
    const unknown = await Array.fromAsync(this.#log.hours(this.#merchant, from, Math.min(this.#from, end)));
    this.#hours = [...unknown, ...this.#hours.filter((known) => known < end)];
    this.#from = from;
    return this.#hours.toSorted((a, b) => Math.abs(a - hour) - Math.abs(b - hour));
  }
}

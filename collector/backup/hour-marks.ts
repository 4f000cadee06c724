/** The due marks of a restored raw log: each hour of a merchant with rows, and its finality. */
import { type EventsKey, parseEventsKey } from '../../shared/keys.ts';
import { HOUR_MS, minuteOf } from '../../shared/time.ts';
import { type DueMarks, dueMinute, type NewDueMark } from '../store/due-marks.ts';

const MARKS_PER_WRITE = 1_000;

export interface HourMarksOptions {
  readonly marks: Pick<DueMarks, 'add'>;
  /** How long after its end an hour is rolled up. */
  readonly graceMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Rows come in key order, so those of an hour follow each other. */
export class HourMarks {
  readonly #options: HourMarksOptions;
  #last: Pick<EventsKey, 'merchant' | 'hour'> | null = null;
  #waiting: NewDueMark[] = [];
  /** How many were made. */
  count = 0;

  constructor(options: HourMarksOptions) {
    this.#options = options;
  }

  /** @returns whether there are enough for a write */
  add(rowKey: Uint8Array): boolean {
    const { merchant, hour } = parseEventsKey(rowKey);
    if (this.#last?.merchant !== merchant || this.#last.hour !== hour) {
      const { now, graceMs } = this.#options;
      const minute = dueMinute((hour + 1) * HOUR_MS, now(), graceMs);
      if (this.#last?.merchant !== merchant)
        this.#waiting.push({ minute: minuteOf(now()) + 1, merchant, level: 'finality', time: 0, terminals: [] });
      // It names no terminals: the first run of an hour without a row takes all.
      this.#waiting.push({ minute, merchant, level: 'hour', time: hour, terminals: [] });
      this.#last = { merchant, hour };
      this.count++;
    }
    return this.#waiting.length >= MARKS_PER_WRITE;
  }

  /** Durable when it resolves. The rows they are of must be so before. */
  async write(): Promise<void> {
    const marks = this.#waiting;
    this.#waiting = [];
    for (let at = 0; at < marks.length; at += MARKS_PER_WRITE)
      await this.#options.marks.add(marks.slice(at, at + MARKS_PER_WRITE));
  }
}

/**
 * Due marks of a clock that was ahead and was set right: their minute comes in a year. They are
 * made again for the next minute, once it is noticed that the clock was set back, and at a start.
 */
import { DAY_MS, HOUR_MS, MINUTE_MS, minuteOf } from '../../../shared/time.ts';
import type { DueMark, DueMarks } from '../../store/due-marks.ts';
import { StoreUnavailable } from '../../store/tables.ts';
import { ROLLUP_LIMITS } from '../limits.ts';

/** No mark of a right clock is later, unless its hour is: a day's end, a parked hour's next try. */
const FAR_MINUTES = (2 * DAY_MS + ROLLUP_LIMITS.parkedRetryMost.value) / MINUTE_MS;
/** The clocks are read one after the other. */
const SET_BACK_MS = 1_000;
const FAR_MARKS_PER_WRITE = 500;
const LAST_MINUTE = 2 ** 32 - 2;
const LENGTH_MS = { hour: HOUR_MS, day: DAY_MS, finality: 0 } as const;

export interface FarMarksOptions {
  readonly marks: Pick<DueMarks, 'due' | 'add' | 'remove'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly salts: number;
}

export class FarMarks {
  readonly #options: FarMarksOptions;
  /** By how much the wall clock is ahead of the monotonic one; null: not brought forward yet. */
  #offset: number | null = null;

  constructor(options: FarMarksOptions) {
    this.#options = options;
  }

  /** Call it before a pass. Goes through the marks at the first call, and after a step back. */
  async bringForward(): Promise<void> {
    const { now, clock, salts } = this.#options;
    const offset = now() - clock();
    if (this.#offset === null || offset < this.#offset - SET_BACK_MS)
      for (let salt = 0; salt < salts; salt++) await this.#tryBringForward(salt);
    this.#offset = offset;
  }

  async #tryBringForward(salt: number): Promise<void> {
    try {
      await this.#bringForward(salt);
    } catch (fault) {
      // A mark that cannot be read keeps its salt's others where they are, and nothing else.
      if (fault instanceof StoreUnavailable) throw fault;
    }
  }

  async #bringForward(salt: number): Promise<void> {
    const minute = minuteOf(this.#options.now());
    const far: DueMark[] = [];
    for await (const mark of this.#options.marks.due(salt, LAST_MINUTE, { fromMinute: minute + FAR_MINUTES })) {
      const end = minuteOf((mark.time + 1) * LENGTH_MS[mark.level]);
      // Of events that were stamped ahead of time: the hour itself is to come.
      if (mark.minute <= end + FAR_MINUTES) continue;
      if (far.push(mark) === FAR_MARKS_PER_WRITE) await this.#move(far.splice(0), minute);
    }
    await this.#move(far, minute);
  }

  /** The new marks are durable before the others are deleted. */
  async #move(far: readonly DueMark[], minute: number): Promise<void> {
    if (far.length === 0) return;
    const { marks } = this.#options;
    await marks.add(far.map(({ rowKey: _, ...mark }) => ({ ...mark, minute: minute + 1 })));
    await marks.remove(far);
  }
}

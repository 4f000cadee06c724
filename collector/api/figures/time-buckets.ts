/** The buckets of a series: which one a slot belongs to, and how each is shown. */
import type { Cooperative } from '../../../shared/cooperative.ts';
import { eachBucket, formatZoned, type Interval, type Range, slotOf } from '../../../shared/time.ts';
import { badParameter } from '../query/problem.ts';

const MAX_BUCKETS = 10_000;
const BUCKETS_PER_YIELD = 64;

export class TimeBuckets {
  /** First slot of each bucket, and the first slot after the last one. */
  readonly #starts: readonly number[];
  /** Start and end of each bucket, milliseconds since 1970. */
  readonly froms: readonly number[];
  readonly ends: readonly number[];
  /** Start of each bucket, as RFC 3339 in the zone. */
  readonly labels: readonly string[];
  /** The bucket found last: slots come in order, mostly. */
  #last = 0;

  private constructor(found: readonly Range[], labels: string[]) {
    this.froms = found.map(({ from }) => from);
    this.ends = found.map(({ to }) => to);
    this.#starts = [...this.froms.map(slotOf), slotOf(this.ends.at(-1)!)];
    this.labels = labels;
  }

  /** @throws Problem 400 on more than `MAX_BUCKETS` buckets */
  static *of(range: Range, interval: Interval, tz: string): Cooperative<TimeBuckets> {
    const found: Range[] = [];
    const labels: string[] = [];
    for (const { from, to, start } of eachBucket(range, interval, tz)) {
      if (found.length >= MAX_BUCKETS)
        throw badParameter(
          'interval',
          `gives more than ${MAX_BUCKETS} points: ask for a shorter range or a longer interval`,
        );
      found.push({ from, to });
      if (labels.push(formatZoned(start)) % BUCKETS_PER_YIELD === 0) yield;
    }
    return new TimeBuckets(found, labels);
  }

  get length(): number {
    return this.labels.length;
  }

  /** Index of the bucket of a slot; null: the slot is outside of the range. */
  indexOf(slot: number): number | null {
    const starts = this.#starts;
    if (slot >= starts[this.#last]! && slot < starts[this.#last + 1]!) return this.#last;
    if (slot < starts[0]! || slot >= starts[this.length]!) return null;
    let [low, high] = [0, this.length];
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! <= slot) low = middle;
      else high = middle;
    }
    this.#last = low;
    return low;
  }

  /** How many buckets end at or before a slot. */
  endedBy(slot: number): number {
    const index = this.indexOf(slot);
    if (index !== null) return index;
    return slot < this.#starts[0]! ? 0 : this.length;
  }
}

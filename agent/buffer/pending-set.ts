/**
 * Which events are pending, in memory: closed ranges of ids, and how many a UTC hour. Small, since events are accepted and acked in runs.
 *
 * Invariants: the ranges ascend, do not touch and are not empty; `count` is the sum of their lengths and of the hours' counts. It changes
 * only after the commit that changes the rows.
 */
import assert from 'node:assert/strict';

/** A closed range of ids. */
export interface IdRange {
  readonly first: number;
  readonly last: number;
}

export class PendingSet {
  #ranges: IdRange[] = [];
  readonly #hours = new Map<number, number>();
  /** Null: to be searched for. */
  #oldest: number | null = null;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get ranges(): readonly IdRange[] {
    return this.#ranges;
  }

  /** The least UTC hour with a pending event; null when nothing is pending. */
  get oldestHour(): number | null {
    if (this.#count === 0) return null;
    if (this.#oldest === null) {
      let oldest = Number.POSITIVE_INFINITY;
      for (const hour of this.#hours.keys()) if (hour < oldest) oldest = hour;
      this.#oldest = oldest;
    }
    return this.#oldest;
  }

  countAfter(id: number): number {
    let count = 0;
    for (let at = this.#ranges.length - 1; at >= 0; at--) {
      const { first, last } = this.#ranges[at]!;
      if (last <= id) break;
      count += last - Math.max(first, id + 1) + 1;
    }
    return count;
  }

  /**
   * Adds ids above all that are here.
   *
   * @param hours how many of them lie in each hour
   */
  append({ first, last }: IdRange, hours: ReadonlyMap<number, number>): void {
    const newest = this.#ranges.at(-1);
    assert(newest === undefined || newest.last < first, 'appended ids ascend');
    if (newest !== undefined && newest.last + 1 === first)
      this.#ranges[this.#ranges.length - 1] = { first: newest.first, last };
    else this.#ranges.push({ first, last });
    this.#count += last - first + 1;
    for (const [hour, count] of hours) {
      this.#hours.set(hour, (this.#hours.get(hour) ?? 0) + count);
      if (this.#oldest !== null && hour < this.#oldest) this.#oldest = hour;
    }
  }

  /**
   * Takes out what is here of a range.
   *
   * @param hours how many of those taken out lie in each hour, as the rows say
   * @returns false when that does not add up: the file is damaged, and this set must be loaded anew
   */
  remove({ first, last }: IdRange, hours: ReadonlyMap<number, number>): boolean {
    const kept: IdRange[] = [];
    let removed = 0;
    for (const range of this.#ranges) {
      if (range.last < first || range.first > last) {
        kept.push(range);
        continue;
      }
      removed += Math.min(range.last, last) - Math.max(range.first, first) + 1;
      if (range.first < first) kept.push({ first: range.first, last: first - 1 });
      if (range.last > last) kept.push({ first: last + 1, last: range.last });
    }
    let inHours = 0;
    for (const [hour, count] of hours) {
      inHours += count;
      const left = (this.#hours.get(hour) ?? 0) - count;
      if (left < 0) return false;
      if (left > 0) this.#hours.set(hour, left);
      else {
        this.#hours.delete(hour);
        if (hour === this.#oldest) this.#oldest = null;
      }
    }
    this.#ranges = kept;
    this.#count -= removed;
    return removed === inHours;
  }
}

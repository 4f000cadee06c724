/**
 * The pending events in memory: closed ranges of ids, and a count for each UTC hour. It is small,
 * as events are accepted and acked in runs.
 *
 * Invariants: the ranges ascend, do not touch and are not empty; `count` is the sum of their
 * lengths and of the hours' counts. The set changes only after the commit that changes the rows.
 */
import assert from 'node:assert/strict';

/** A closed range of ids. */
export interface IdRange {
  readonly first: number;
  readonly last: number;
}

export class PendingSet {
  readonly #ranges: IdRange[] = [];
  readonly #hours = new Map<number, number>();
  /** Null: not known, `oldestHour` searches for it. */
  #oldest: number | null = null;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get ranges(): readonly IdRange[] {
    return this.#ranges;
  }

  /** The earliest UTC hour with a pending event; null when nothing is pending. */
  get oldestHour(): number | null {
    if (this.#count === 0) return null;
    if (this.#oldest === null) {
      let oldest = Number.POSITIVE_INFINITY;
      for (const hour of this.#hours.keys()) if (hour < oldest) oldest = hour;
      this.#oldest = oldest;
    }
    return this.#oldest;
  }

  /** UTC hours with a pending event, from this one on. */
  hoursFrom(hour: number): number[] {
    return [...this.#hours.keys()].filter((held) => held >= hour);
  }

  /** How many ids are above `after` and not above `upTo`. */
  countBetween(after: number, upTo: number): number {
    let count = 0;
    for (let at = this.indexFrom(after + 1); at < this.#ranges.length; at++) {
      const { first, last } = this.#ranges[at]!;
      if (first > upTo) break;
      count += Math.max(0, Math.min(last, upTo) - Math.max(first, after + 1) + 1);
    }
    return count;
  }

  /** Index of the first range that ends at `id` or later. */
  indexFrom(id: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]!.last < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Adds ids, none of which is in the set.
   *
   * @param hours how many of them lie in each hour
   */
  add({ first, last }: IdRange, hours: ReadonlyMap<number, number>): void {
    const at = this.indexFrom(first);
    const next = this.#ranges[at];
    const before = this.#ranges[at - 1];
    assert(first <= last && (next === undefined || next.first > last), 'added ids are new');
    const joinsBefore = before !== undefined && before.last + 1 === first;
    const joinsNext = next !== undefined && next.first === last + 1;
    const joined = { first: joinsBefore ? before.first : first, last: joinsNext ? next.last : last };
    this.#ranges.splice(joinsBefore ? at - 1 : at, Number(joinsBefore) + Number(joinsNext), joined);
    this.#count += last - first + 1;
    for (const [hour, count] of hours) {
      this.#hours.set(hour, (this.#hours.get(hour) ?? 0) + count);
      if (this.#oldest !== null && hour < this.#oldest) this.#oldest = hour;
    }
  }

  /**
   * Moves events between hours.
   *
   * @param changes by how much each hour's count changes; the sum is 0
   * @returns false when the counts do not add up: see `remove`
   */
  move(changes: ReadonlyMap<number, number>): boolean {
    this.#oldest = null;
    for (const [hour, change] of changes) {
      const count = (this.#hours.get(hour) ?? 0) + change;
      if (count < 0) return false;
      if (count > 0) this.#hours.set(hour, count);
      else this.#hours.delete(hour);
    }
    return true;
  }

  /**
   * Removes the ids of a range that are in the set.
   *
   * @param hours how many of the removed ones lie in each hour, according to the rows
   * @returns false when the counts do not add up: the file is damaged, and the set must be reloaded
   */
  remove({ first, last }: IdRange, hours: ReadonlyMap<number, number>): boolean {
    const kept: IdRange[] = [];
    const from = this.indexFrom(first);
    let to = from;
    let removed = 0;
    for (; to < this.#ranges.length; to++) {
      const range = this.#ranges[to]!;
      if (range.first > last) break;
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
    this.#ranges.splice(from, to - from, ...kept);
    this.#count -= removed;
    return removed === inHours;
  }
}

/**
 * What bounds folded into `(other)`, as far as it touches an answer: it is told of the dimension
 * that divides the answer, and a filter on a value that may be among it is refused.
 */
import { hourOf, type Range, SLOTS_PER_HOUR } from '../../../shared/time.ts';
import { type GroupKey, OTHER } from '../../aggregation/cube.ts';
import type { FoldedValues } from '../../aggregation/folded-values.ts';
import { isTrade } from '../../aggregation/partial.ts';
import { Problem } from '../query/problem.ts';

/** In `meta.truncated`. */
export interface Truncated {
  readonly dimension: string;
  /** How many values, in the hour that has most. */
  readonly values: number;
  /** What they make up, 0 to 1: of events, or of the amount of a ranking. */
  readonly share: number;
}

export interface Filter {
  readonly dimension: string;
  /** Null: events that lack the dimension. */
  readonly value: string | null;
}

export const hourOfSlot = (slot: number): number => Math.floor(slot / SLOTS_PER_HOUR);

const SHARE_DIGITS = 6;
export const shareOf = (part: number, all: number): number =>
  all === 0 ? 0 : Number((part / all).toFixed(SHARE_DIGITS));

/** Values folded in a range, hour by hour. */
export class FoldedCount {
  readonly #dimension: string | null;
  readonly #first: number;
  readonly #last: number;
  readonly #hours = new Map<number, number>();

  /** @param dimension null: of none */
  constructor(dimension: string | null, { from, to }: Range) {
    this.#dimension = dimension;
    this.#first = hourOf(from);
    this.#last = hourOf(to - 1);
  }

  has(hour: number): boolean {
    return hour >= this.#first && hour <= this.#last;
  }

  add(folded: FoldedValues): void {
    for (const { dimension, hour, values } of folded)
      if (dimension === this.#dimension && this.has(hour)) this.#hours.set(hour, (this.#hours.get(hour) ?? 0) + values);
  }

  /** Most in one hour; 0 when there is none. */
  get most(): number {
    let most = 0;
    for (const values of this.#hours.values()) most = Math.max(most, values);
    return most;
  }
}

/** The filters of a question, and whether what they ask for was kept. */
export class KeptFilters {
  readonly #filters: readonly Filter[];

  constructor(filters: readonly Filter[]) {
    // Sales, refunds and what was folded are always there.
    this.#filters = filters.filter(
      ({ dimension, value }) => value !== OTHER && !(dimension === 'type' && isTrade(value)),
    );
  }

  /**
   * To be shown each entry of a cell, and then asked.
   *
   * @returns null when no filter asks for what was folded
   */
  watch(count: FoldedCount, keys: readonly string[], folded: FoldedValues): FilterWatch | null {
    const touched = [...folded].filter(
      ({ dimension, hour }) => count.has(hour) && this.#filters.some((filter) => filter.dimension === dimension),
    );
    if (touched.length === 0) return null;
    const filters = this.#filters.map((filter) => ({ ...filter, place: keys.indexOf(filter.dimension) }));
    const seen = new Set<string>();
    return {
      see: (key, slot) => {
        for (const { dimension, value, place } of filters)
          if ((key[place] || null) === value) seen.add(`${hourOfSlot(slot)}/${dimension}`);
      },
      check: () => {
        for (const { dimension, hour, isPartial } of touched)
          if (isPartial || !seen.has(`${hour}/${dimension}`)) throw refusal(dimension);
      },
    };
  }
}

export interface FilterWatch {
  readonly see: (key: GroupKey, slot: number) => void;
  /** @throws Problem 422 */
  readonly check: () => void;
}

function refusal(dimension: string): Problem {
  const detail = `asks for a value of ${dimension} that may be among those that count under "${OTHER}" in a part of the range, because there are too many: see meta.truncated of by=${dimension}`;
  return new Problem(422, `filter ${detail}`, { errors: [{ parameter: 'filter', detail }] });
}

/** The same as a structured field (RFC 9651), for answers that have no `meta`. */
export const truncatedHeader = (truncated: readonly Truncated[]): string =>
  truncated.map(({ dimension, values, share }) => `${dimension};values=${values};share=${share}`).join(', ');

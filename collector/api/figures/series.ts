/**
 * Turns cubes into series: filters and names groups, sorts slots into buckets, calculates metrics.
 */
import {
  buckets,
  formatInstant,
  HOUR_MS,
  hourOf,
  type Interval,
  type Range,
  SLOT_MS,
  slotOf,
} from '../../../shared/time.ts';
import { mergeMeasures } from '../../aggregation/measures.ts';
import { badParameter } from '../query/problem.ts';
import { type Bucket, emptyBucket, METRICS, type MetricName, type Value } from './metric-catalog.ts';
import type { TerminalFigures } from './read-figures.ts';

const MAX_BUCKETS = 10_000;
/** Points of all series times metrics: about 20 MiB of JSON, built in half a second. */
const MAX_VALUES = 1_000_000;

export interface SeriesRequest {
  readonly range: Range;
  readonly tz: string;
  readonly interval: Interval;
  readonly metrics: readonly MetricName[];
  readonly by: string | null;
  /** All of them must match. */
  readonly filters: readonly { readonly dimension: string; readonly value: string }[];
}

export type Status = 'open' | 'provisional';

export interface Series {
  readonly key: Readonly<Record<string, string | null>>;
  readonly points: readonly Readonly<Record<string, Value | string>>[];
}

/**
 * Open while one of its hours is running. Nothing is final yet, because clearances are not
 * evaluated: whatever has ended is provisional.
 */
export const statusAt = (end: number, now: number): Status => (end > hourOf(now) * HOUR_MS ? 'open' : 'provisional');

export class SeriesBuilder {
  readonly #request: SeriesRequest;
  readonly #buckets: readonly (Range & { readonly t: string })[];
  readonly #firstSlot: number;
  /** Bucket of each slot of the range. */
  readonly #bucketOf: Uint16Array;
  readonly #keyNames: readonly string[];
  readonly #series = new Map<string, { key: Record<string, string | null>; buckets: Map<number, Bucket> }>();

  /** @throws Problem 400 on more than `MAX_BUCKETS` buckets */
  constructor(request: SeriesRequest) {
    this.#request = request;
    const found = buckets(request.range, request.interval, request.tz, MAX_BUCKETS);
    if (found === null)
      throw badParameter(
        'interval',
        `gives more than ${MAX_BUCKETS} points: ask for a shorter range or a longer interval`,
      );
    this.#buckets = found.map((range) => ({ ...range, t: formatInstant(range.from, request.tz) }));
    this.#firstSlot = slotOf(request.range.from);
    this.#bucketOf = new Uint16Array((request.range.to - request.range.from) / SLOT_MS);
    found.forEach(({ from, to }, index) => {
      this.#bucketOf.fill(index, slotOf(from) - this.#firstSlot, slotOf(to) - this.#firstSlot);
    });
    const money = request.metrics.some((name) => METRICS[name].money);
    this.#keyNames = [...(money ? ['currency'] : []), ...(request.by === null ? [] : [request.by])];
  }

  add({ terminal, figures }: TerminalFigures): void {
    const { filters } = this.#request;
    const value = (key: readonly (string | null)[], name: string): string | null =>
      name === 'terminal' ? terminal : (key[figures.keys.indexOf(name)] ?? null);
    for (const group of figures.groups()) {
      if (filters.some(({ dimension, value: wanted }) => value(group.key, dimension) !== wanted)) continue;
      let into: Map<number, Bucket> | null = null;
      for (const [slot, measures] of group.slots) {
        const index = this.#bucketOf[slot - this.#firstSlot];
        if (index === undefined) continue;
        into ??= this.#of(this.#keyNames.map((name) => value(group.key, name)));
        const bucket = into.get(index) ?? emptyBucket();
        into.set(index, bucket);
        bucket.events += measures.count;
        const [type] = group.key;
        if (type === 'sale') mergeMeasures(bucket.sales, measures);
        else if (type === 'refund') mergeMeasures(bucket.refunds, measures);
      }
    }
  }

  /**
   * One series of zeros when there is no data.
   *
   * @param now milliseconds since 1970
   */
  series(now: number): Series[] {
    if (this.#series.size === 0) this.#of(this.#keyNames.map(() => null));
    const names = [...this.#series.keys()].sort();
    return names.map((name) => {
      const { key, buckets: filled } = this.#series.get(name)!;
      return {
        key,
        points: this.#buckets.map(({ t, to }, index) => ({
          t,
          status: statusAt(to, now),
          ...this.#values(filled.get(index) ?? emptyBucket()),
        })),
      };
    });
  }

  #values(bucket: Bucket): Record<string, Value> {
    return Object.fromEntries(this.#request.metrics.map((name) => [name, METRICS[name].of(bucket)]));
  }

  #of(values: readonly (string | null)[]): Map<number, Bucket> {
    const name = JSON.stringify(values);
    let found = this.#series.get(name);
    if (found === undefined) {
      const { length: points } = this.#buckets;
      if ((this.#series.size + 1) * points * this.#request.metrics.length > MAX_VALUES) {
        throw badParameter(
          this.#request.by === null ? 'interval' : 'by',
          `gives more than ${MAX_VALUES} values in all: filter, or ask for fewer metrics, a shorter range or a longer interval`,
        );
      }
      found = {
        key: Object.fromEntries(this.#keyNames.map((key, at) => [key, values[at] ?? null])),
        buckets: new Map(),
      };
      this.#series.set(name, found);
    }
    return found.buckets;
  }
}

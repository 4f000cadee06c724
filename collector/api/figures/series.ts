/**
 * Turns cubes into series: filters and names groups, sorts slots into buckets, calculates metrics.
 *
 * Cubes come in order of time. A bucket that has ended is reduced to its values before the next
 * cube is added, so that what is held is the answer and the buckets that are still filling, never
 * the measures of the whole range.
 */
import type { Cooperative } from '../../../shared/cooperative.ts';
import type { Interval, Range } from '../../../shared/time.ts';
import type { Visit } from '../../aggregation/cell-entries.ts';
import { type GroupKey, OTHER } from '../../aggregation/cube.ts';
import type { FoldedValues } from '../../aggregation/folded-values.ts';
import { type Measures, mergeMeasures, sketchBytes } from '../../aggregation/measures.ts';
import { badParameter } from '../query/problem.ts';
import { type Bucket, emptyBucket, METRICS, type MetricName, type Value } from './metric-catalog.ts';
import type { TerminalFigures } from './read-figures.ts';
import { TimeBuckets } from './time-buckets.ts';
import { type Filter, type FilterWatch, FoldedCount, KeptFilters, shareOf, type Truncated } from './truncation.ts';

/** Points of all series times metrics. */
const MAX_VALUES = 1_000_000;
/** Memory of a bucket without sketches. */
const BUCKET_BYTES = 400;

export interface SeriesRequest {
  readonly range: Range;
  readonly tz: string;
  readonly interval: Interval;
  readonly metrics: readonly MetricName[];
  readonly by: string | null;
  /** All of them must match. */
  readonly filters: readonly Filter[];
}

export interface Series {
  readonly key: Readonly<Record<string, string | null>>;
  /** Bucket by bucket the values of all metrics; undefined: nothing happened in the bucket. */
  readonly values: readonly (Value | undefined)[];
}

/** All series of an answer. */
export interface SeriesSet {
  readonly metrics: readonly MetricName[];
  readonly buckets: TimeBuckets;
  /** Values of a bucket in which nothing happened. */
  readonly none: readonly Value[];
  readonly series: readonly Series[];
}

interface Filling {
  readonly key: Record<string, string | null>;
  readonly values: (Value | undefined)[];
  /** Buckets that have not ended. */
  readonly open: Map<number, Bucket>;
}

export class SeriesBuilder {
  readonly #request: SeriesRequest;
  readonly #buckets: TimeBuckets;
  readonly #keyNames: readonly string[];
  readonly #maxOpenBytes: number;
  readonly #folded: FoldedCount;
  readonly #kept: KeptFilters;
  /** Events in all, and those of `(other)`. */
  #events = 0;
  #others = 0;
  /** Memory of the buckets that have not ended, about. */
  #openBytes = 0;
  readonly #series = new Map<string, Filling>();
  /** Buckets before this one have ended. */
  #ended = 0;

  private constructor(request: SeriesRequest, buckets: TimeBuckets, maxOpenBytes: number) {
    this.#maxOpenBytes = maxOpenBytes;
    this.#request = request;
    this.#buckets = buckets;
    this.#folded = new FoldedCount(request.by, request.range);
    this.#kept = new KeptFilters(request.filters);
    const money = request.metrics.some((name) => METRICS[name].money);
    this.#keyNames = [...(money ? ['currency'] : []), ...(request.by === null ? [] : [request.by])];
  }

  /**
   * @param maxOpenBytes bound on the memory of the buckets that have not ended
   * @throws Problem 400 on too many buckets
   */
  static *of(request: SeriesRequest, maxOpenBytes: number): Cooperative<SeriesBuilder> {
    const buckets = yield* TimeBuckets.of(request.range, request.interval, request.tz);
    return new SeriesBuilder(request, buckets, maxOpenBytes);
  }

  /**
   * @throws Problem 400 on too many values, or too large ones; 422 when a filter asks for a value
   *   that may have been folded
   */
  *add({ terminal, firstSlot, each }: TerminalFigures): Cooperative<void> {
    yield* this.#close(this.#buckets.endedBy(firstSlot));
    let watch: FilterWatch | null = null;
    yield* each((keys, folded) => {
      const visit = this.#visitor(terminal, keys);
      if (folded.size === 0 || !this.#takes(terminal)) return visit;
      watch = this.#watch(keys, folded);
      const see = watch?.see;
      if (see === undefined) return visit;
      return (key, slot, measures) => {
        see(key, slot);
        visit(key, slot, measures);
      };
    });
    (watch as FilterWatch | null)?.check();
  }

  #watch(keys: readonly string[], folded: FoldedValues): FilterWatch | null {
    this.#folded.add(folded);
    return this.#kept.watch(this.#folded, keys, folded);
  }

  /** Whether the filters take a terminal; null: all together. */
  #takes(terminal: string | null): boolean {
    return this.#request.filters.every(({ dimension, value }) => dimension !== 'terminal' || value === terminal);
  }

  /** What the answer counts under `(other)`. */
  get truncated(): readonly Truncated[] {
    const { by } = this.#request;
    const values = this.#folded.most;
    if (by === null || values === 0 || this.#others === 0) return [];
    return [{ dimension: by, values, share: shareOf(this.#others, this.#events) }];
  }

  #visitor(terminal: string | null, keys: readonly string[]): Visit<Measures> {
    const { by, filters } = this.#request;
    // An empty value is none.
    const value = (key: GroupKey, name: string): string | null =>
      name === 'terminal' ? terminal : key[keys.indexOf(name)] || null;
    let group: GroupKey | null = null;
    let matches = false;
    let isOther = false;
    let open: Map<number, Bucket> | null = null;
    return (key, slot, measures) => {
      if (key !== group) {
        group = key;
        matches = filters.every(({ dimension, value: wanted }) => value(key, dimension) === wanted);
        isOther = by !== null && value(key, by) === OTHER;
        open = null;
      }
      const index = matches ? this.#buckets.indexOf(slot) : null;
      if (index === null) return;
      open ??= this.#of(this.#keyNames.map((name) => value(key, name)));
      let bucket = open.get(index);
      if (bucket === undefined) {
        bucket = emptyBucket();
        open.set(index, bucket);
        this.#grow(BUCKET_BYTES);
      }
      bucket.events += measures.count;
      this.#events += measures.count;
      if (isOther) this.#others += measures.count;
      const [type] = key;
      if (type === 'sale') this.#grow(mergeMeasures(bucket.sales, measures));
      else if (type === 'refund') this.#grow(mergeMeasures(bucket.refunds, measures));
    };
  }

  #grow(bytes: number): void {
    this.#openBytes += bytes;
    if (this.#openBytes <= this.#maxOpenBytes) return;
    throw badParameter(
      this.#request.by === null ? 'metrics' : 'by',
      'gives too many groups with percentiles or customers at once: filter, or ask for fewer metrics or a shorter range',
    );
  }

  /** One series of zeros when there is no data. */
  *end(): Cooperative<SeriesSet> {
    yield* this.#close(this.#buckets.length);
    if (this.#series.size === 0) this.#of(this.#keyNames.map(() => null));
    const { metrics } = this.#request;
    const empty = emptyBucket();
    return {
      metrics,
      buckets: this.#buckets,
      none: metrics.map((name) => METRICS[name].of(empty)),
      series: [...this.#series.keys()].sort().map((name) => this.#series.get(name)!),
    };
  }

  /** Reduces the buckets before `ended` to their values. */
  *#close(ended: number): Cooperative<void> {
    if (ended <= this.#ended) return;
    this.#ended = ended;
    const { metrics } = this.#request;
    for (const { open, values } of this.#series.values()) {
      for (const [index, bucket] of open) {
        if (index >= ended) continue;
        metrics.forEach((name, at) => {
          values[index * metrics.length + at] = METRICS[name].of(bucket);
        });
        open.delete(index);
        this.#openBytes -= BUCKET_BYTES + sketchBytes(bucket.sales) + sketchBytes(bucket.refunds);
        yield;
      }
    }
  }

  #of(names: readonly (string | null)[]): Map<number, Bucket> {
    const name = JSON.stringify(names);
    let found = this.#series.get(name);
    if (found === undefined) {
      const values = this.#buckets.length * this.#request.metrics.length;
      if ((this.#series.size + 1) * values > MAX_VALUES) {
        throw badParameter(
          this.#request.by === null ? 'interval' : 'by',
          `gives more than ${MAX_VALUES} values in all: filter, or ask for fewer metrics, a shorter range or a longer interval`,
        );
      }
      found = {
        key: Object.fromEntries(this.#keyNames.map((key, at) => [key, names[at] ?? null])),
        values: new Array<Value | undefined>(values),
        open: new Map(),
      };
      this.#series.set(name, found);
    }
    return found.open;
  }
}

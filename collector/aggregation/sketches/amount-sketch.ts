/**
 * Sketch of sale amounts: minimum, maximum and percentiles. Exact up to `EXACT_LIMIT` different
 * amounts. Beyond, buckets that grow by powers of gamma (DDSketch, Masson et al. 2019) give
 * percentiles within 1 %: half of it is the buckets' error, the other half is left for rounding to
 * whole minor units, which is exact up to 100 and less than 0.5 % above.
 */
export const EXACT_LIMIT = 1_000;

const ACCURACY = 0.005;
const GAMMA = (1 + ACCURACY) / (1 - ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);

/** Bucket i holds the amounts in (gamma^(i-1), gamma^i]; amount 0 has a bucket of its own. */
const ZERO_BUCKET = -1;
const bucketOf = (amount: number): number =>
  amount === 0 ? ZERO_BUCKET : Math.ceil(Math.log(amount) / LOG_GAMMA - 1e-9);
const middleOf = (bucket: number): number =>
  bucket === ZERO_BUCKET ? 0 : Math.round((2 * GAMMA ** bucket) / (GAMMA + 1));

export interface AmountSketchWire {
  readonly exact: boolean;
  readonly min: number;
  readonly max: number;
  /** amount or bucket, count, amount or bucket, count …; sorted. */
  readonly counts: readonly number[];
}

export class AmountSketch {
  #counts = new Map<number, number>();
  #exact = true;
  #total = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  /** @param amount minor units */
  add(amount: number): void {
    this.#count(this.#exact ? amount : bucketOf(amount), 1);
    if (amount < this.#min) this.#min = amount;
    if (amount > this.#max) this.#max = amount;
    this.#bound();
  }

  merge(other: AmountSketch): void {
    if (!other.#exact) this.#toBuckets();
    for (const [key, count] of other.#counts) this.#count(!this.#exact && other.#exact ? bucketOf(key) : key, count);
    if (other.#min < this.#min) this.#min = other.#min;
    if (other.#max > this.#max) this.#max = other.#max;
    this.#bound();
  }

  /** Bytes of memory, about. */
  get bytes(): number {
    return 48 * this.#counts.size;
  }

  get total(): number {
    return this.#total;
  }
  /** Defined with at least one amount. */
  get min(): number {
    return this.#min;
  }
  get max(): number {
    return this.#max;
  }

  /**
   * Nearest rank: the smallest amount that at least `percent` of all amounts do not exceed.
   *
   * @param percent whole number, 0 to 100
   */
  percentile(percent: number): number {
    const rank = Math.max(1, Math.ceil((percent * this.#total) / 100));
    let seen = 0;
    for (const [key, count] of this.#sorted()) {
      seen += count;
      if (seen >= rank) return this.#exact ? key : Math.min(Math.max(middleOf(key), this.#min), this.#max);
    }
    return this.#max;
  }

  toWire(): AmountSketchWire {
    return { exact: this.#exact, min: this.#min, max: this.#max, counts: this.#sorted().flat() };
  }

  static fromWire(wire: AmountSketchWire): AmountSketch {
    const sketch = new AmountSketch();
    sketch.#exact = wire.exact;
    sketch.#min = wire.min;
    sketch.#max = wire.max;
    for (let at = 0; at < wire.counts.length; at += 2) sketch.#count(wire.counts[at]!, wire.counts[at + 1]!);
    return sketch;
  }

  #sorted(): [number, number][] {
    return [...this.#counts].sort((a, b) => a[0] - b[0]);
  }

  #count(key: number, count: number): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
    this.#total += count;
  }

  #bound(): void {
    if (this.#exact && this.#counts.size > EXACT_LIMIT) this.#toBuckets();
  }

  #toBuckets(): void {
    if (!this.#exact) return;
    const before = this.#counts;
    this.#exact = false;
    this.#counts = new Map();
    this.#total = 0;
    for (const [amount, count] of before) this.#count(bucketOf(amount), count);
  }
}

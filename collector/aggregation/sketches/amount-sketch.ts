/**
 * Sketch of sale amounts: minimum, maximum and percentiles. Exact up to `EXACT_LIMIT` different
 * amounts. Beyond, buckets that grow by powers of gamma (DDSketch, Masson et al. 2019) give
 * percentiles within 1 %: half of it is the buckets' error, the other half is left for rounding to
 * whole minor units, which is exact up to 100 and less than 0.5 % above.
 */
import { NumberTable } from './number-table.ts';
import type { Packed } from './packed.ts';

export const EXACT_LIMIT = 1_000;

/** Memory of an amount or bucket, about. */
const NUMBER_BYTES = 48;
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
  /** Amounts or buckets, and parallel to them how many there are of each. */
  #keys = new NumberTable();
  #counts: number[] = [];
  #exact = true;
  #total = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;
  /** As it stands in a cell, until something is added; the numbers are read when asked for. */
  #packed: Packed<AmountSketchWire> | null = null;

  /**
   * @param amount minor units
   * @returns by how many bytes of memory it grew
   */
  add(amount: number): number {
    this.#unpack();
    const before = this.#keys.size;
    this.#count(this.#exact ? amount : bucketOf(amount), 1);
    if (amount < this.#min) this.#min = amount;
    if (amount > this.#max) this.#max = amount;
    this.#bound();
    return NUMBER_BYTES * (this.#keys.size - before);
  }

  merge(other: AmountSketch): void {
    this.#unpack();
    other.#read();
    if (!other.#exact) this.#toBuckets();
    const { numbers } = other.#keys;
    for (let at = 0; at < numbers.length; at++) {
      const key = numbers[at]!;
      this.#count(!this.#exact && other.#exact ? bucketOf(key) : key, other.#counts[at]!);
      // So that the table of a merge stays as small as that of a sketch.
      this.#bound();
    }
    if (other.#min < this.#min) this.#min = other.#min;
    if (other.#max > this.#max) this.#max = other.#max;
  }

  /** Bytes of memory, about. */
  get bytes(): number {
    return NUMBER_BYTES * (this.#packed?.size ?? this.#keys.size);
  }

  get total(): number {
    this.#read();
    return this.#total;
  }
  /** Defined with at least one amount. */
  get min(): number {
    this.#read();
    return this.#min;
  }
  get max(): number {
    this.#read();
    return this.#max;
  }

  /** Its bytes in the cell that it was read from; null once something was added. */
  get packed(): Uint8Array | null {
    return this.#packed?.bytes ?? null;
  }

  /**
   * Nearest rank: the smallest amount that at least `percent` of all amounts do not exceed.
   *
   * @param percent whole number, 0 to 100
   */
  percentile(percent: number): number {
    const { exact, counts } = this.toWire();
    const rank = Math.max(1, Math.ceil((percent * this.#total) / 100));
    let seen = 0;
    for (let at = 0; at < counts.length; at += 2) {
      const key = counts[at]!;
      seen += counts[at + 1]!;
      if (seen >= rank) return exact ? key : Math.min(Math.max(middleOf(key), this.#min), this.#max);
    }
    return this.#max;
  }

  toWire(): AmountSketchWire {
    this.#read();
    const keys = Float64Array.from(this.#keys.numbers).sort();
    const counts = new Array<number>(2 * keys.length);
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at]!;
      counts[2 * at] = key;
      counts[2 * at + 1] = this.#counts[this.#keys.place(key)]!;
    }
    return { exact: this.#exact, min: this.#min, max: this.#max, counts };
  }

  static fromWire(wire: AmountSketchWire): AmountSketch {
    const sketch = new AmountSketch();
    sketch.#fill(wire);
    return sketch;
  }

  /** The sketch of a cell. */
  static fromPacked(packed: Packed<AmountSketchWire>): AmountSketch {
    const sketch = new AmountSketch();
    sketch.#packed = packed;
    return sketch;
  }

  /** Reads the numbers of a packed sketch; it stays packed. */
  #read(): void {
    if (this.#packed !== null && this.#keys.size === 0) this.#fill(this.#packed.read());
  }

  #unpack(): void {
    if (this.#packed === null) return;
    this.#read();
    this.#packed = null;
  }

  #fill({ exact, min, max, counts }: AmountSketchWire): void {
    this.#exact = exact;
    this.#min = min;
    this.#max = max;
    for (let at = 0; at < counts.length; at += 2) this.#count(counts[at]!, counts[at + 1]!);
  }

  #count(key: number, count: number): void {
    const place = this.#keys.place(key);
    if (place === this.#counts.length) this.#counts.push(count);
    else this.#counts[place]! += count;
    this.#total += count;
  }

  #bound(): void {
    if (this.#exact && this.#keys.size > EXACT_LIMIT) this.#toBuckets();
  }

  #toBuckets(): void {
    if (!this.#exact) return;
    const { numbers } = this.#keys;
    const counts = this.#counts;
    this.#exact = false;
    this.#keys = new NumberTable();
    this.#counts = [];
    this.#total = 0;
    for (let at = 0; at < numbers.length; at++) this.#count(bucketOf(numbers[at]!), counts[at]!);
  }
}

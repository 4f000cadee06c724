/**
 * What was looked up for one batch of events, by the indexes of its texts: where its combinations
 * of values and its articles are counted, and its customers' hashes. What is not remembered is
 * looked up again. There is one such memory, whatever the number of folds, of less than a MiB.
 */
import { NO_TEXT } from '../../shared/wire/event-columns.ts';
import type { ItemMeasures, Measures } from './measures.ts';

/** Texts of a batch that are remembered, those of the lowest indexes. */
const TEXTS = 16 * 1024;
/** Combinations of values, and indexes that tell one from others. */
const COMBINATIONS = 256;
const MAX_WIDTH = 16;
/** Stamps are whole numbers of 32 bits. */
const LAST_STAMP = 2 ** 31 - 2;
const MIX = 0x9e3779b1;

export class BatchMemory {
  /** Of the batch: what bears another stamp is another batch's. */
  #batch = 0;
  #last = 0;
  /** Of the articles in one currency and slot of the batch. */
  #articles = 0;
  #currency = NO_TEXT;
  #slot = 0;
  readonly #articleStamps = new Int32Array(TEXTS);
  readonly #articleMeasures: (ItemMeasures | null)[] = new Array<ItemMeasures | null>(TEXTS).fill(null);
  readonly #customerStamps = new Int32Array(TEXTS);
  readonly #customerHashes = new Float64Array(TEXTS);
  readonly #combinationStamps = new Int32Array(COMBINATIONS);
  readonly #combinations = new Int32Array(COMBINATIONS * MAX_WIDTH);
  readonly #measures: (Measures | null)[] = new Array<Measures | null>(COMBINATIONS).fill(null);

  /** Forgets everything: another batch comes, or cubes changed. */
  forget(): void {
    if (this.#last > LAST_STAMP) {
      this.#last = 0;
      for (const stamps of [this.#articleStamps, this.#customerStamps, this.#combinationStamps]) stamps.fill(0);
    }
    this.#batch = ++this.#last;
    this.#articles = 0;
  }

  /** Lets go of what it points to. */
  release(): void {
    this.forget();
    this.#articleMeasures.fill(null);
    this.#measures.fill(null);
  }

  /** The place of a combination of values: see `measuresAt`. */
  placeOf(combination: Int32Array): number {
    let hash = 0;
    for (let at = 0; at < combination.length; at++)
      hash = Math.imul((hash << 5) ^ (hash >>> 27) ^ combination[at]!, MIX);
    return hash >>> 24;
  }

  /** @returns undefined when it is not remembered */
  measuresAt(place: number, combination: Int32Array): Measures | undefined {
    if (this.#combinationStamps[place] !== this.#batch) return undefined;
    const found = this.#combinations;
    for (let at = 0, from = place * MAX_WIDTH; at < combination.length; at++)
      if (found[from + at] !== combination[at]) return undefined;
    return this.#measures[place]!;
  }

  setMeasures(place: number, combination: Int32Array, measures: Measures): void {
    if (combination.length > MAX_WIDTH) return;
    this.#combinationStamps[place] = this.#batch;
    this.#combinations.set(combination, place * MAX_WIDTH);
    this.#measures[place] = measures;
  }

  /** To be called before articles are asked for. */
  articlesOf(currency: number, slot: number): void {
    if (this.#articles !== 0 && currency === this.#currency && slot === this.#slot) return;
    this.#currency = currency;
    this.#slot = slot;
    this.#articles = ++this.#last;
  }

  /** @returns undefined when it is not remembered */
  article(sku: number): ItemMeasures | undefined {
    return this.#articleStamps[sku] === this.#articles ? this.#articleMeasures[sku]! : undefined;
  }

  setArticle(sku: number, measures: ItemMeasures): void {
    if (sku >= TEXTS) return;
    this.#articleStamps[sku] = this.#articles;
    this.#articleMeasures[sku] = measures;
  }

  /** @returns undefined when it is not remembered */
  customer(name: number): number | undefined {
    return this.#customerStamps[name] === this.#batch ? this.#customerHashes[name] : undefined;
  }

  setCustomer(name: number, hash: number): void {
    if (name >= TEXTS) return;
    this.#customerStamps[name] = this.#batch;
    this.#customerHashes[name] = hash;
  }
}

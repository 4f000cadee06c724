/**
 * Counts events into a partial aggregate, from their columns. Where an event's numbers belong is
 * looked up once for each combination of values, and remembered.
 */
import type { Cooperative } from '../../shared/cooperative.ts';
import { slotOf } from '../../shared/time.ts';
import { beginOf, type EventColumns, NO_TEXT, type Texts } from '../../shared/wire/event-columns.ts';
import { BatchMemory } from './batch-memory.ts';
import type { Group } from './cube.ts';
import { addExact, negateExact } from './logic/exact-sum.ts';
import type { LogicRules } from './logic/logic-rules.ts';
import type { Logic } from './logic/logic-version.ts';
import type { ItemMeasures, Measures } from './measures.ts';
import type { PartialAggregate } from './partial.ts';
import { AmountSketch } from './sketches/amount-sketch.ts';
import { CustomerHashes, DistinctSketch } from './sketches/distinct-sketch.ts';

/** Items counted between two turns of the event loop: about a tenth of a millisecond. */
const ITEMS_A_TURN = 1_000;
/** Bytes of memory for what is remembered, and of a map and an entry in it, about. */
const MAX_REMEMBERED_BYTES = 1024 * 1024;
const MAP_BYTES = 256;
const ENTRY_BYTES = 64;
/** Dim keys of a batch whose places are remembered, by their indexes. */
const MAX_KEYS = 1_024;
const NO_PLACES: readonly number[] = [];

type Value = string | null;
/** By one value after the other; the last map holds groups. */
type Places = Map<Value, unknown>;

/** Of the counter that counted last: however many folds there are, one of them remembers. */
const remembered = {
  of: null as EventCounter | null,
  figures: new Map() as Places,
  articles: new Map() as Places,
  bytes: 0,
};
/** Of the batch that is counted. */
const memory = new BatchMemory();
/** Names are hashed alike by all. */
const hashes = new CustomerHashes();
/** Stands for an empty name, which is none. */
const NO_CUSTOMER = -1;

function forget(): void {
  remembered.of = null;
  remembered.figures = new Map();
  remembered.articles = new Map();
  remembered.bytes = 0;
}

/** What begins a combination of values; those of the dimensions follow, the customer's is apart. */
const [SLOT, TYPE, CURRENCY, STORE, DIMENSIONS] = [0, 1, 2, 3, 4];

export class EventCounter {
  readonly #part: PartialAggregate;
  readonly #rules: LogicRules;
  /** By dimension key: its place among the dimensions; the customer's is behind them. */
  readonly #places = new Map<string, number[]>();
  /** Of the event: its slot and texts. */
  readonly #combination: Int32Array;
  #customer = NO_TEXT;
  #generations = 0;
  /** Of the batch: its columns, the places of the dim keys, and the type that came last. */
  #columns: EventColumns | null = null;
  #keyPlaces: (readonly number[] | null)[] = [];
  #type = NO_TEXT;
  #typeText = '';

  constructor(logic: Logic, part: PartialAggregate) {
    this.#part = part;
    this.#rules = logic.rules;
    for (const [place, name] of [...logic.dimensions, 'customer'].entries())
      this.#places.set(name, [...(this.#places.get(name) ?? []), place]);
    this.#combination = new Int32Array(DIMENSIONS + logic.dimensions.length);
  }

  /** Lets go of what is remembered: nothing is counted for now. */
  release(): void {
    if (remembered.of !== this) return;
    forget();
    memory.release();
  }

  /** Counts the events from one on. */
  *count(columns: EventColumns, first: number): Cooperative<void> {
    this.#begin(columns);
    let items = 0;
    for (let event = Math.max(0, first); event < columns.count; event++) {
      this.#count(columns, event);
      items += 1 + columns.itemEnds[event]! - beginOf(columns.itemEnds, event);
      if (items < ITEMS_A_TURN) continue;
      items = 0;
      yield;
      // Another counter may have had its turn.
      this.#begin(columns);
    }
  }

  #begin(columns: EventColumns): void {
    if (this.#columns !== columns || remembered.of !== this) {
      memory.forget();
      this.#columns = columns;
      this.#keyPlaces = [];
      this.#type = NO_TEXT;
    }
    this.#forgetOthers();
  }

  #count(columns: EventColumns, event: number): void {
    const { figures, tally } = this.#part;
    const slot = slotOf(columns.ts[event]!);
    const amount = columns.amount[event]!;
    const type = this.#typeOf(columns, event);
    this.#combine(columns, event, slot);
    const measures = this.#measures(columns, slot, type);
    tally.events++;
    measures.count++;
    const hasAmount = !Number.isNaN(amount);
    if (hasAmount) measures.amount = addExact(measures.amount, amount);
    if (type !== 'sale' && type !== 'refund') return;
    const isSale = type === 'sale';
    if (isSale && hasAmount) {
      measures.tickets ??= new AmountSketch();
      figures.bytes += measures.tickets.add(amount);
    }
    const customer = this.#customer === NO_TEXT ? NO_CUSTOMER : this.#hashOf(columns, this.#customer);
    if (customer !== NO_CUSTOMER) {
      measures.customers ??= new DistinctSketch();
      figures.bytes += measures.customers.add(customer);
    }
    this.#countItems(columns, event, slot, measures, isSale);
  }

  #countItems(columns: EventColumns, event: number, slot: number, measures: Measures, isSale: boolean): void {
    const { itemEnds } = columns;
    const { skus, qtys, prices, totals } = columns.items;
    const currency = columns.currency[event]!;
    memory.articlesOf(currency, slot);
    for (let at = beginOf(itemEnds, event), end = itemEnds[event]!; at < end; at++) {
      const quantity = qtys[at]!;
      // A voided line counts nothing.
      if (quantity === 0) continue;
      measures.quantity = addExact(measures.quantity, quantity);
      const sku = skus[at]!;
      const article = memory.article(sku) ?? this.#article(columns, currency, sku, slot);
      const [price, total] = [prices[at]!, totals === null ? Number.NaN : totals[at]!];
      const amount = this.#rules.lineAmount(
        quantity,
        Number.isNaN(price) ? null : price,
        Number.isNaN(total) ? null : total,
      );
      article.quantity = addExact(article.quantity, isSale ? quantity : -quantity);
      article.amount = addExact(article.amount, isSale ? amount : negateExact(amount));
    }
  }

  #typeOf({ type, texts }: EventColumns, event: number): string {
    const index = type[event]!;
    if (index !== this.#type) {
      this.#type = index;
      this.#typeText = this.#rules.typeOf(texts.at(index));
    }
    return this.#typeText;
  }

  #combine(columns: EventColumns, event: number, slot: number): void {
    const { dimEnds, dimKeys, dimValues } = columns;
    const combination = this.#combination;
    combination.fill(NO_TEXT);
    combination[SLOT] = slot;
    combination[TYPE] = columns.type[event]!;
    combination[CURRENCY] = columns.currency[event]!;
    combination[STORE] = columns.store[event]!;
    this.#customer = NO_TEXT;
    const ofCustomer = combination.length - DIMENSIONS;
    for (let at = beginOf(dimEnds, event), end = dimEnds[event]!; at < end; at++) {
      const places = this.#keyPlaces[dimKeys[at]!] ?? this.#placesOf(columns, dimKeys[at]!);
      for (let of = 0; of < places.length; of++)
        if (places[of] === ofCustomer) this.#customer = dimValues[at]!;
        else combination[DIMENSIONS + places[of]!] = dimValues[at]!;
    }
  }

  #placesOf({ texts }: EventColumns, key: number): readonly number[] {
    const places = this.#places.get(texts.at(key)) ?? NO_PLACES;
    if (key < MAX_KEYS) {
      while (this.#keyPlaces.length <= key) this.#keyPlaces.push(null);
      this.#keyPlaces[key] = places;
    }
    return places;
  }

  #hashOf({ texts }: EventColumns, name: number): number {
    const known = memory.customer(name);
    if (known !== undefined) return known;
    const text = texts.at(name);
    const hash = text === '' ? NO_CUSTOMER : hashes.of(text);
    memory.setCustomer(name, hash);
    return hash;
  }

  #measures(columns: EventColumns, slot: number, type: string): Measures {
    const combination = this.#combination;
    const place = memory.placeOf(combination);
    const known = memory.measuresAt(place, combination);
    if (known !== undefined) return known;
    const { figures } = this.#part;
    const measures = figures.in(this.#group(columns.texts, type), slot);
    this.#forgetOthers();
    memory.setMeasures(place, combination, measures);
    return measures;
  }

  #group(texts: Texts, type: string): Group<Measures> {
    const combination = this.#combination;
    const valueAt = (at: number): Value => (combination[at] === NO_TEXT ? null : texts.at(combination[at]!));
    const last = combination.length - 1;
    let places = next(remembered.figures, type);
    for (let at = CURRENCY; at < last; at++) places = next(places, valueAt(at));
    const found = places.get(valueAt(last)) as Group<Measures> | undefined;
    if (found !== undefined) return found;
    const values = Array.from(combination, (_, at) => (at < CURRENCY ? null : valueAt(at))).slice(CURRENCY);
    return remember(places, valueAt(last), this.#part.figures.group([type, ...values]));
  }

  #article({ texts }: EventColumns, currency: number, sku: number, slot: number): ItemMeasures {
    const { articles } = this.#part;
    const [money, name] = [currency === NO_TEXT ? null : texts.at(currency), texts.at(sku)];
    const places = next(remembered.articles, money);
    const known = places.get(name) as Group<ItemMeasures> | undefined;
    const measures = articles.in(known ?? remember(places, name, articles.group([money, name])), slot);
    this.#forgetOthers();
    memory.articlesOf(currency, slot);
    memory.setArticle(sku, measures);
    return measures;
  }

  /** Forgets what is another counter's, and what a cube folded, which is elsewhere now. */
  #forgetOthers(): void {
    const { figures, articles } = this.#part;
    const generations = figures.generation + articles.generation;
    if (remembered.of === this && generations === this.#generations) return;
    forget();
    memory.forget();
    remembered.of = this;
    this.#generations = generations;
  }
}

function next(places: Places, value: Value): Places {
  let found = places.get(value) as Places | undefined;
  if (found === undefined) {
    found = new Map();
    places.set(value, found);
    remembered.bytes += MAP_BYTES;
  }
  return found;
}

function remember<M>(places: Places, value: Value, group: Group<M>): Group<M> {
  places.set(value, group);
  remembered.bytes += ENTRY_BYTES;
  if (remembered.bytes > MAX_REMEMBERED_BYTES) forget();
  return group;
}

/**
 * Counts events into a partial aggregate, from their columns. Where an event's numbers belong is
 * looked up once for each combination of values, and remembered.
 */
import type { Cooperative } from '../../shared/cooperative.ts';
import { slotOf } from '../../shared/time.ts';
import { beginOf, type EventColumns } from '../../shared/wire/event-columns.ts';
import type { Group } from './cube.ts';
import { addExact, negateExact } from './logic/exact-sum.ts';
import type { LogicRules } from './logic/logic-rules.ts';
import type { Logic } from './logic/logic-version.ts';
import { type ItemMeasures, type Measures, sketchBytes } from './measures.ts';
import type { PartialAggregate } from './partial.ts';
import { AmountSketch } from './sketches/amount-sketch.ts';
import { CustomerHashes, DistinctSketch } from './sketches/distinct-sketch.ts';

/** Items counted between two turns of the event loop: about a tenth of a millisecond. */
const ITEMS_A_TURN = 1_000;
/** Bytes of memory for what is remembered, and of a map and an entry in it, about. */
const MAX_REMEMBERED_BYTES = 1024 * 1024;
const MAP_BYTES = 256;
const ENTRY_BYTES = 64;

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

function forget(): void {
  remembered.of = null;
  remembered.figures = new Map();
  remembered.articles = new Map();
  remembered.bytes = 0;
}

export class EventCounter {
  readonly #part: PartialAggregate;
  readonly #rules: LogicRules;
  readonly #dimensions: readonly string[];
  readonly #hashes = new CustomerHashes();
  /** By dimension key: its place in `#values`; the customer's is the last. */
  readonly #places = new Map<string, number[]>();
  /** The event's values of the dimensions, and its customer. */
  readonly #values: Value[];
  #generations = 0;

  constructor(logic: Logic, part: PartialAggregate) {
    this.#part = part;
    this.#rules = logic.rules;
    this.#dimensions = logic.dimensions;
    for (const [place, name] of [...logic.dimensions, 'customer'].entries())
      this.#places.set(name, [...(this.#places.get(name) ?? []), place]);
    this.#values = new Array<Value>(logic.dimensions.length + 1).fill(null);
  }

  /** Lets go of what is remembered: nothing is counted for now. */
  release(): void {
    if (remembered.of === this) forget();
  }

  /** Counts the events from one on. */
  *count(columns: EventColumns, first: number): Cooperative<void> {
    let items = 0;
    for (let event = Math.max(0, first); event < columns.count; event++) {
      this.#count(columns, event);
      items += 1 + columns.itemEnds[event]! - beginOf(columns.itemEnds, event);
      if (items < ITEMS_A_TURN) continue;
      items = 0;
      yield;
    }
  }

  #count(columns: EventColumns, event: number): void {
    const { figures, tally } = this.#part;
    const slot = slotOf(columns.ts[event]!);
    const type = this.#rules.typeOf(columns.type[event]!);
    const amount = columns.amount[event]!;
    this.#readValues(columns, event);
    const measures = figures.in(this.#group(type, columns.currency[event]!, columns.store[event]!), slot);
    tally.events++;
    measures.count++;
    if (amount !== null) measures.amount = addExact(measures.amount, amount);
    if (type !== 'sale' && type !== 'refund') return;
    const isSale = type === 'sale';
    const before = sketchBytes(measures);
    if (isSale && amount !== null) {
      measures.tickets ??= new AmountSketch();
      measures.tickets.add(amount);
    }
    // An empty value is none.
    const customer = this.#values[this.#dimensions.length] || null;
    if (customer !== null) {
      measures.customers ??= new DistinctSketch();
      measures.customers.add(this.#hashes.of(customer));
    }
    figures.bytes += sketchBytes(measures) - before;
    this.#countItems(columns, event, slot, measures, isSale);
  }

  #countItems(columns: EventColumns, event: number, slot: number, measures: Measures, isSale: boolean): void {
    const { items, itemEnds } = columns;
    const { articles } = this.#part;
    const currency = columns.currency[event]!;
    for (let at = beginOf(itemEnds, event), end = itemEnds[event]!; at < end; at++) {
      const quantity = items.qtys[at]!;
      // A voided line counts nothing.
      if (quantity === 0) continue;
      measures.quantity = addExact(measures.quantity, quantity);
      const article = articles.in(this.#article(currency, items.skus[at]!), slot);
      const amount = this.#rules.lineAmount(quantity, items.prices[at] ?? null, items.totals?.[at] ?? null);
      article.quantity = addExact(article.quantity, isSale ? quantity : -quantity);
      article.amount = addExact(article.amount, isSale ? amount : negateExact(amount));
    }
  }

  #readValues({ dimEnds, dimKeys, dimValues }: EventColumns, event: number): void {
    const values = this.#values;
    values.fill(null);
    for (let at = beginOf(dimEnds, event), end = dimEnds[event]!; at < end; at++) {
      const places = this.#places.get(dimKeys[at]!);
      if (places !== undefined) for (const place of places) values[place] = dimValues[at]!;
    }
  }

  #group(type: string, currency: Value, store: Value): Group<Measures> {
    this.#forgetOthers();
    const values = this.#values;
    const last = this.#dimensions.length - 1;
    let places = next(next(remembered.figures, type), currency);
    let value = store;
    for (let at = 0; at <= last; at++) {
      places = next(places, value);
      value = values[at]!;
    }
    const found = places.get(value) as Group<Measures> | undefined;
    return (
      found ?? remember(places, value, this.#part.figures.group([type, currency, store, ...values.slice(0, last + 1)]))
    );
  }

  #article(currency: Value, sku: string): Group<ItemMeasures> {
    this.#forgetOthers();
    const places = next(remembered.articles, currency);
    const found = places.get(sku) as Group<ItemMeasures> | undefined;
    return found ?? remember(places, sku, this.#part.articles.group([currency, sku]));
  }

  /** Forgets what is another counter's, and what a cube folded, which is elsewhere now. */
  #forgetOthers(): void {
    const { figures, articles } = this.#part;
    const generations = figures.generation + articles.generation;
    if (remembered.of === this && generations === this.#generations) return;
    forget();
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

/**
 * Oracle: the fold as it was before it read columns. It makes an object of each event, and looks
 * each up in the cubes by its own values.
 */

import { addDigest, digestOf } from '../../../collector/aggregation/hashes/row-set-digest.ts';
import { AGGREGATION_LIMITS } from '../../../collector/aggregation/limits.ts';
import { addExact, type ExactInt, multiplyExact, negateExact } from '../../../collector/aggregation/logic/exact-sum.ts';
import type { Logic } from '../../../collector/aggregation/logic/logic-version.ts';
import { sketchBytes } from '../../../collector/aggregation/measures.ts';
import {
  copiedBytes,
  earlier,
  largestOf,
  type PartialAggregate,
  partialBytes,
  partialToFill,
} from '../../../collector/aggregation/partial.ts';
import type { StoredRow } from '../../../collector/aggregation/raw-row.ts';
import { SeqWindow } from '../../../collector/aggregation/seq-window.ts';
import { AmountSketch } from '../../../collector/aggregation/sketches/amount-sketch.ts';
import { CustomerHashes, DistinctSketch } from '../../../collector/aggregation/sketches/distinct-sketch.ts';
import { type Cooperative, runToEnd } from '../../../shared/cooperative.ts';
import { dimension, type Item, type TillEvent } from '../../../shared/event/event.ts';
import type { Epoch } from '../../../shared/ids.ts';
import { countOf, difference } from '../../../shared/seq-ranges.ts';
import { slotOf } from '../../../shared/time.ts';
import { decodeBatch } from '../../../shared/wire/batch.ts';
import { decodedBytes } from '../../../shared/wire/batch-bounds.ts';
import { toEvents } from '../../../shared/wire/event-columns.ts';

/** A decoded raw row. */
export interface ObjectRow {
  readonly rowKey: Uint8Array;
  /** Milliseconds since 1970. */
  readonly arrival: number;
  readonly epoch: Epoch;
  readonly firstSeq: number;
  /** How many seqs the row covers. */
  readonly count: number;
  /** Null for a loss record. */
  readonly events: readonly TillEvent[] | null;
}

/** What the rows of a terminal and hour cost, or hold in memory, is more than a fold may. */
class FoldTooDear extends Error {
  override readonly name = 'FoldTooDear';
}

/** Entries of `AGGREGATION_LIMITS`. */
interface FoldLimits {
  readonly foldCost: number;
  readonly foldBytes: number;
  readonly foldWindowBytes: number;
}
const LIMITS: FoldLimits = {
  foldCost: AGGREGATION_LIMITS.foldCost.value,
  foldBytes: AGGREGATION_LIMITS.foldBytes.value,
  foldWindowBytes: AGGREGATION_LIMITS.foldWindowBytes.value,
};

/** The seqs of one stream. */
interface Stream {
  /** Closed ranges of the claimed seqs, ascending; losses are net of them. */
  readonly taken: [number, number][];
  /** Closed ranges, in order of their first seq. */
  readonly lost: [number, number][];
}

/** Bytes of memory of a stream and of a range, about. */
const STREAM_BYTES = 512;
const RANGE_BYTES = 64;
/** Items counted between two turns of the event loop: about a tenth of a millisecond. */
const ITEMS_A_TURN = 1_000;
/** A row's share of the cost: a batch of one event takes as long as 4 KiB of a large one. */
const ROW_COST = 4 * 1024;

/** Bytes of memory of decoded events, as `decodedBytes` counts them. */
const eventBytes = (events: readonly TillEvent[]): number => {
  let bytes = 0;
  for (const { items, dims, attrs } of events)
    bytes += decodedBytes({ events: 1, items: items.length, dims: dims.length / 2, attrs: attrs?.length ?? 0 });
  return bytes;
};

export class ObjectFold {
  readonly #logic: Logic;
  readonly #limits: FoldLimits;
  readonly #part: PartialAggregate;
  /** What of it is published, until something is added: measures are shared, groups are copied. */
  #largest: PartialAggregate | null = null;
  readonly #streams = new Map<Epoch, Stream>();
  readonly #hashes = new CustomerHashes();
  /** Of the events rows so far, what the stream of the last one may still claim. */
  #window = new SeqWindow<TillEvent>();
  #epoch: Epoch | null = null;
  /** Seqs of the window with more than one content. */
  readonly #disputed = new Set<number>();
  /** Seqs of the window below this are counted. */
  #counted = 0;
  #outdated = false;
  #cost = 0;
  #streamBytes = 0;

  constructor(logic: Logic, limits = LIMITS) {
    this.#logic = logic;
    this.#limits = limits;
    this.#part = partialToFill(logic);
  }

  /**
   * Adds a row. The rows of events come in key order; losses too, before, between or after them.
   *
   * @throws FoldTooDear; Error when a row precedes an earlier one
   */
  *add(row: ObjectRow): Cooperative<void> {
    const { tally } = this.#part;
    this.#largest = null;
    tally.rows++;
    tally.digest = addDigest(tally.digest, digestOf(row.rowKey));
    tally.earliestArrival = earlier(tally.earliestArrival, row.arrival);
    this.#cost += ROW_COST;
    if (row.events === null) this.#addRange(this.#stream(row.epoch).lost, row.firstSeq, row.firstSeq + row.count - 1);
    else yield* this.#claim(row, row.events);
    this.#checkLimits();
  }

  /** Counts what the window holds. */
  *settle(): Cooperative<void> {
    const { start, claims, end } = this.#window;
    if (this.#counted < end) this.#largest = null;
    yield* this.#countFrom(start, claims);
    this.#counted = Math.max(this.#counted, end);
    this.#checkLimits();
  }

  /**
   * Whether an event that was counted already, when the figures were asked for, lost its seq to a
   * row that arrived earlier: the rows are to be folded again from the first.
   */
  get isOutdated(): boolean {
    return this.#outdated;
  }

  /** Bytes of memory, about. */
  get bytes(): number {
    return partialBytes(this.#part) + this.#streamBytes + copiedBytes(this.#part, this.#largest ?? this.#part);
  }

  /** Bytes of memory that the rows took when they were decoded: a measure of the work done. */
  get cost(): number {
    return this.#cost;
  }

  /** What is published of the rows so far. Read it before the next row is added. */
  *finish(): Cooperative<PartialAggregate> {
    yield* this.settle();
    this.#part.tally.lost = [...this.#streams.values()].reduce(
      (sum, { lost, taken }) => sum + countOf(difference(lost, taken)),
      0,
    );
    this.#largest ??= yield* largestOf(this.#part);
    return this.#largest;
  }

  /** The same at once. */
  partial(): PartialAggregate {
    return runToEnd(this.finish());
  }

  #stream(epoch: Epoch): Stream {
    let stream = this.#streams.get(epoch);
    if (stream === undefined) {
      stream = { taken: [], lost: [] };
      this.#streams.set(epoch, stream);
      this.#streamBytes += STREAM_BYTES;
    }
    return stream;
  }

  #addRange(ranges: [number, number][], first: number, last: number): void {
    const before = ranges.at(-1);
    if (before !== undefined && first <= before[1] + 1) {
      before[1] = Math.max(before[1], last);
      return;
    }
    ranges.push([first, last]);
    this.#streamBytes += RANGE_BYTES;
  }

  *#claim({ epoch, firstSeq, arrival }: ObjectRow, events: readonly TillEvent[]): Cooperative<void> {
    if (epoch !== this.#epoch) yield* this.#nextStream(epoch);
    const settled = this.#window.advance(firstSeq);
    yield* this.#countFrom(settled.firstSeq, settled.claims);
    for (const seq of this.#disputed) if (seq < firstSeq) this.#disputed.delete(seq);
    const rivals = this.#window.claims.length;
    this.#window.claim(events, arrival, (at, winner, other) => {
      if (sameContent(winner, other)) return;
      const seq = firstSeq + at;
      // A seq is one conflict, however many rows differ.
      if (!this.#disputed.has(seq)) this.#part.tally.conflicts++;
      this.#disputed.add(seq);
      if (winner === events[at] && seq < this.#counted) this.#outdated = true;
    });
    const bytes = eventBytes(events);
    this.#cost += bytes;
    // Equal rows hold one window's worth together; different ones may hold a row's worth a seq.
    const { foldWindowBytes } = this.#limits;
    if (rivals > 0 && eventBytes(this.#window.claims) > foldWindowBytes)
      throw new FoldTooDear(`its batches contradict each other in more than ${foldWindowBytes} bytes`);
    this.#addRange(this.#stream(epoch).taken, firstSeq, firstSeq + events.length - 1);
  }

  *#nextStream(epoch: Epoch): Cooperative<void> {
    if (this.#epoch !== null && epoch < this.#epoch)
      throw new Error(`rows out of order: epoch ${epoch} after ${this.#epoch}`);
    yield* this.settle();
    this.#window = new SeqWindow();
    this.#disputed.clear();
    this.#counted = 0;
    this.#epoch = epoch;
  }

  /** Counts those events that are not counted yet. */
  *#countFrom(firstSeq: number, events: readonly TillEvent[]): Cooperative<void> {
    let items = 0;
    for (let at = Math.max(0, this.#counted - firstSeq); at < events.length; at++) {
      const event = events[at]!;
      this.#count(event);
      items += 1 + event.items.length;
      if (items < ITEMS_A_TURN) continue;
      items = 0;
      yield;
    }
  }

  #checkLimits(): void {
    const { foldCost, foldBytes } = this.#limits;
    if (this.#cost > foldCost) throw new FoldTooDear(`its batches decode to more than ${foldCost} bytes`);
    if (this.bytes > foldBytes) throw new FoldTooDear(`its figures take more than ${foldBytes} bytes`);
  }

  #count(event: TillEvent): void {
    const { figures, articles, tally } = this.#part;
    const slot = slotOf(event.ts);
    const key = [
      event.type,
      event.currency,
      event.store,
      ...this.#logic.dimensions.map((name) => dimension(event, name)),
    ];
    const measures = figures.at(key, slot);
    tally.events++;
    measures.count++;
    const before = sketchBytes(measures);
    if (event.amount !== null) measures.amount = addExact(measures.amount, event.amount);
    if (event.type !== 'sale' && event.type !== 'refund') return;
    const sale = event.type === 'sale';
    if (sale && event.amount !== null) {
      measures.tickets ??= new AmountSketch();
      measures.tickets.add(event.amount);
    }
    // An empty value is none.
    const customer = dimension(event, 'customer') || null;
    if (customer !== null) {
      measures.customers ??= new DistinctSketch();
      measures.customers.add(this.#hashes.of(customer));
    }
    figures.bytes += sketchBytes(measures) - before;
    for (const item of event.items) {
      // A voided line counts nothing.
      if (item.qty === 0) continue;
      measures.quantity = addExact(measures.quantity, item.qty);
      const article = articles.at([event.currency, item.sku], slot);
      const amount = lineAmount(item);
      article.quantity = addExact(article.quantity, sale ? item.qty : -item.qty);
      article.amount = addExact(article.amount, sale ? amount : negateExact(amount));
    }
  }
}

/** Thousandths of a minor unit: the line's total as the till gave it, else quantity times price. */
const lineAmount = ({ qty, price, amount }: Item): ExactInt =>
  amount === undefined ? multiplyExact(qty, price ?? 0) : multiplyExact(1_000, amount);

const sameContent = (a: TillEvent, b: TillEvent): boolean =>
  FIELDS.every((field) => a[field] === b[field]) && sameTexts(a.dims, b.dims) && sameItems(a.items, b.items);

const FIELDS = ['type', 'ts', 'offset', 'flags', 'amount', 'currency', 'ref', 'store', 'attrs'] as const;

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, at) => text === b[at]);

const sameItems = (a: readonly Item[], b: readonly Item[]): boolean =>
  a.length === b.length &&
  a.every(({ sku, qty, price, amount }, at) => {
    const other = b[at]!;
    return sku === other.sku && qty === other.qty && price === other.price && amount === other.amount;
  });

/** A raw row with its events as objects. @throws Error when it cannot be read */
export function readObjects({ rowKey, key, bytes, arrival }: StoredRow): ObjectRow {
  const batch = decodeBatch(bytes);
  if (!batch.ok) throw new Error(batch.detail);
  const { epoch, firstSeq, count } = key;
  return { rowKey, arrival, epoch, firstSeq, count, events: batch.kind === 'events' ? toEvents(batch.columns) : null };
}

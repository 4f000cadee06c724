/**
 * The fold: turns a terminal's raw rows of one hour into its partial aggregate. Pure, and the only
 * path from events to figures: live, late, replayed and reprocessed hours all use it.
 *
 * The rows of a stream come in key order (firstSeq, then count, then checksum). A batch has no
 * gaps, so one counter per stream counts each seq once, however batches were cut and however often
 * they were sent. Where two rows contain the same seq, the lower key wins; if their contents
 * differ, a conflict is counted.
 */
import { dimension, type TillEvent } from '../../shared/event/event.ts';
import type { Epoch } from '../../shared/ids.ts';
import { slotOf } from '../../shared/time.ts';
import { AmountSketch } from './amount-sketch.ts';
import { customerHash, DistinctSketch } from './distinct-sketch.ts';
import { addExact, multiplyExact, negateExact } from './exact-sum.ts';
import type { Logic } from './logic-version.ts';
import { emptyItemMeasures, emptyMeasures } from './measures.ts';
import { earlier, emptyPartial, type PartialAggregate } from './partial.ts';
import { addDigest, digestOf } from './row-set-digest.ts';

/** A decoded raw row. */
export interface FoldRow {
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

/** The state of one stream's fold. */
interface Stream {
  /** The lowest seq not counted yet. */
  next: number;
  /**
   * Events of the seqs from `windowStart` to `next`, which a later row may contain again. Null: the
   * conflict of that seq is already counted.
   */
  windowStart: number;
  window: (TillEvent | null)[];
  /** Closed ranges of the counted seqs, ascending; losses are net of them. */
  readonly taken: [number, number][];
  readonly lost: [number, number][];
}

export class PartialFold {
  readonly #logic: Logic;
  readonly #part: PartialAggregate;
  readonly #streams = new Map<Epoch, Stream>();
  readonly #hashes = new Map<string, number>();

  constructor(logic: Logic) {
    this.#logic = logic;
    this.#part = emptyPartial(logic);
  }

  /**
   * Adds a row. The rows of one stream come in key order; losses and events in any order relative
   * to each other.
   *
   * @throws Error when a row of a stream precedes an earlier one
   */
  add(row: FoldRow): void {
    const { tally } = this.#part;
    tally.rows++;
    tally.digest = addDigest(tally.digest, digestOf(row.rowKey));
    tally.earliestArrival = earlier(tally.earliestArrival, row.arrival);
    const stream = this.#stream(row.epoch);
    if (row.events === null) stream.lost.push([row.firstSeq, row.firstSeq + row.count - 1]);
    else this.#take(stream, row.firstSeq, row.events);
  }

  partial(): PartialAggregate {
    this.#part.tally.lost = [...this.#streams.values()].reduce(
      (sum, stream) => sum + countOutside(stream.lost, stream.taken),
      0,
    );
    return this.#part;
  }

  #stream(epoch: Epoch): Stream {
    let stream = this.#streams.get(epoch);
    if (stream === undefined) {
      stream = { next: 0, windowStart: 0, window: [], taken: [], lost: [] };
      this.#streams.set(epoch, stream);
    }
    return stream;
  }

  #take(stream: Stream, firstSeq: number, events: readonly TillEvent[]): void {
    if (firstSeq < stream.windowStart)
      throw new Error(`rows out of order: seq ${firstSeq} after ${stream.windowStart}`);
    const overlap = Math.max(0, Math.min(stream.next - firstSeq, events.length));
    if (overlap === 0) stream.window = [];
    else {
      stream.window = stream.window.slice(firstSeq - stream.windowStart);
      for (let i = 0; i < overlap; i++) this.#compare(stream.window, i, events[i]!);
    }
    stream.windowStart = firstSeq;
    for (let i = overlap; i < events.length; i++) {
      stream.window.push(events[i]!);
      this.#count(events[i]!);
    }
    const end = firstSeq + events.length;
    if (end <= stream.next) return;
    const last = stream.taken.at(-1);
    if (last !== undefined && last[1] + 1 === Math.max(stream.next, firstSeq)) last[1] = end - 1;
    else stream.taken.push([firstSeq, end - 1]);
    stream.next = end;
  }

  /** A seq counts as one conflict, however many rows contain it. */
  #compare(window: (TillEvent | null)[], at: number, again: TillEvent): void {
    const taken = window[at];
    if (taken === null || sameContent(taken!, again)) return;
    window[at] = null;
    this.#part.tally.conflicts++;
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
    const measures = figures.at(key, slot, emptyMeasures);
    tally.events++;
    measures.count++;
    if (event.amount !== null) measures.amount = addExact(measures.amount, event.amount);
    const sale = event.type === 'sale';
    if (!sale && event.type !== 'refund') return;
    if (sale && event.amount !== null) {
      measures.tickets ??= new AmountSketch();
      measures.tickets.add(event.amount);
    }
    const customer = dimension(event, 'customer');
    if (customer !== null) {
      measures.customers ??= new DistinctSketch();
      measures.customers.add(this.#hash(customer));
    }
    for (const item of event.items) {
      measures.quantity = addExact(measures.quantity, item.qty);
      const article = articles.at([event.currency, item.sku], slot, emptyItemMeasures);
      const amount = multiplyExact(item.qty, item.price);
      article.quantity = addExact(article.quantity, sale ? item.qty : -item.qty);
      article.amount = addExact(article.amount, sale ? amount : negateExact(amount));
    }
  }

  #hash(customer: string): number {
    let found = this.#hashes.get(customer);
    if (found === undefined) {
      found = customerHash(customer);
      this.#hashes.set(customer, found);
    }
    return found;
  }
}

/** Events are plain values made by one decoder, so equal events have equal JSON. */
const sameContent = (a: TillEvent, b: TillEvent): boolean => JSON.stringify(a) === JSON.stringify(b);

/**
 * How many seqs lie in `ranges` (which may overlap) but in none of `taken` (ascending, disjoint).
 */
function countOutside(ranges: readonly [number, number][], taken: readonly [number, number][]): number {
  let count = 0;
  /** The lowest seq not checked yet, and the first range of `taken` that does not end below it. */
  let at = 0;
  let next = 0;
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    at = Math.max(at, first);
    while (at <= last) {
      while (next < taken.length && taken[next]![1] < at) next++;
      const [start, end] = taken[next] ?? [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      count += Math.max(0, Math.min(start, last + 1) - at);
      at = start > last ? last + 1 : end + 1;
    }
  }
  return count;
}

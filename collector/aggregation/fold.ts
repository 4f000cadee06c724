/**
 * The fold: a terminal's raw rows of one hour become its part. Pure, and the only way from events to figures: live, late, replayed and
 * reprocessed hours all come through here.
 *
 * Rows of a stream come in key order (firstSeq, then count, then checksum). A batch has no gaps, so one counter a stream takes each seq
 * once, however batches were cut and however often they were sent. Where two rows claim a seq, the lower key wins; if their contents
 * differ, that is counted as a conflict.
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
  /** Null for a row of losses. */
  readonly events: readonly TillEvent[] | null;
}

/** Where a stream's fold stands. */
interface Stream {
  /** The lowest seq not yet taken. */
  next: number;
  /** Events of the seqs from `windowStart` to `next`, which a later row may still claim. Null: that seq's conflict is counted. */
  windowStart: number;
  window: (TillEvent | null)[];
  /** Closed ranges of seqs taken, ascending: what losses are net of. */
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

  /** Rows of one stream in key order; losses and events in any order to each other. @throws Error when a stream's rows step back */
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

  /** Each seq counts as one conflict, however many rows claim it. */
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

/** Events are plain values made by one decoder, so their JSON has one form. */
const sameContent = (a: TillEvent, b: TillEvent): boolean => JSON.stringify(a) === JSON.stringify(b);

/** How many seqs lie in `ranges` (which may overlap) and in none of `taken` (ascending, disjoint). */
function countOutside(ranges: readonly [number, number][], taken: readonly [number, number][]): number {
  let count = 0;
  /** The lowest seq not yet looked at, and the first range taken that does not end below it. */
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

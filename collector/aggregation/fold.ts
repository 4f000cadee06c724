/**
 * The fold: turns a terminal's raw rows of one hour into its partial aggregate. Pure, and the only
 * path from events to figures: live, late, replayed and reprocessed hours all use it.
 *
 * Each seq counts once, however batches were cut and however often they were sent: `seq-window.ts`
 * says which row counts for it. A seq is counted when no later row can claim it, or when the
 * figures are asked for. If the rows of a seq differ in content, a conflict is counted.
 *
 * A fold holds its figures and one window, whatever the number of rows and epochs. What exceeds its
 * limits ends it with `FoldTooDear`.
 */
import { type Cooperative, runToEnd } from '../../shared/cooperative.ts';
import type { Item, TillEvent } from '../../shared/event/event.ts';
import type { Epoch } from '../../shared/ids.ts';
import { countOf, difference } from '../../shared/seq-ranges.ts';
import { columnsOf, type EventColumns, eventBytes, toEvents } from '../../shared/wire/event-columns.ts';
import { EventCounter } from './event-counter.ts';
import { addDigest, digestOf } from './hashes/row-set-digest.ts';
import { AGGREGATION_LIMITS } from './limits.ts';
import type { Logic } from './logic/logic-version.ts';
import { copiedBytes, earlier, largestOf, type PartialAggregate, partialBytes, partialToFill } from './partial.ts';
import { SeqWindow } from './seq-window.ts';

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
  readonly columns: EventColumns | null;
}

/** The seqs that a row claims. */
interface Claimed {
  readonly firstSeq: number;
  /** Milliseconds since 1970. */
  readonly arrival: number;
  readonly columns: EventColumns;
}

/** What the rows of a terminal and hour cost, or hold in memory, is more than a fold may. */
export class FoldTooDear extends Error {
  override readonly name = 'FoldTooDear';
}

/** Entries of `AGGREGATION_LIMITS`. */
export interface FoldLimits {
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
/** A row's share of the cost: a batch of one event takes as long as 4 KiB of a large one. */
const ROW_COST = 4 * 1024;

export class PartialFold {
  readonly #limits: FoldLimits;
  readonly #part: PartialAggregate;
  /** What of it is published, until something is added: measures are shared, groups are copied. */
  #largest: PartialAggregate | null = null;
  readonly #streams = new Map<Epoch, Stream>();
  readonly #counter: EventCounter;
  /** The last row of events, as long as no other claims its seqs; the window is empty then. */
  #last: Claimed | null = null;
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
    this.#limits = limits;
    this.#part = partialToFill(logic);
    this.#counter = new EventCounter(logic, this.#part);
  }

  /**
   * Adds a row. The rows of events come in key order; losses too, before, between or after them.
   *
   * @throws FoldTooDear; Error when a row precedes an earlier one
   */
  *add(row: FoldRow): Cooperative<void> {
    const { tally } = this.#part;
    this.#largest = null;
    tally.rows++;
    tally.digest = addDigest(tally.digest, digestOf(row.rowKey));
    tally.earliestArrival = earlier(tally.earliestArrival, row.arrival);
    this.#cost += ROW_COST;
    if (row.columns === null) this.#addRange(this.#stream(row.epoch).lost, row.firstSeq, row.firstSeq + row.count - 1);
    else yield* this.#claim(row.epoch, { ...row, columns: row.columns });
    this.#checkLimits();
  }

  /** Counts what the window holds. */
  *settle(): Cooperative<void> {
    const { start, claims, end } = this.#window;
    const before = this.#counted;
    yield* this.#countLast();
    yield* this.#countFrom(start, claims);
    this.#counted = Math.max(this.#counted, end);
    if (this.#counted > before) this.#largest = null;
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
    this.#counter.release();
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

  *#claim(epoch: Epoch, row: Claimed): Cooperative<void> {
    const { firstSeq, columns } = row;
    if (epoch !== this.#epoch) yield* this.#nextStream(epoch);
    if (this.#last !== null) yield* this.#leaveLast(this.#last, firstSeq);
    const settled = this.#window.advance(firstSeq);
    yield* this.#countFrom(settled.firstSeq, settled.claims);
    for (const seq of this.#disputed) if (seq < firstSeq) this.#disputed.delete(seq);
    this.#cost += columns.bytes;
    if (this.#window.claims.length === 0) this.#last = row;
    else this.#claimAgain(row);
    this.#addRange(this.#stream(epoch).taken, firstSeq, firstSeq + columns.count - 1);
  }

  /** Counts the last row, or puts it into the window if the next one claims a seq of it. */
  *#leaveLast(last: Claimed, nextSeq: number): Cooperative<void> {
    if (nextSeq < last.firstSeq + last.columns.count) this.#window.claim(toEvents(last.columns), last.arrival);
    else yield* this.#countLast();
    this.#last = null;
  }

  /** Claims seqs of which some are claimed already: only these are compared, event by event. */
  #claimAgain({ firstSeq, arrival, columns }: Claimed): void {
    const events = toEvents(columns);
    this.#window.claim(events, arrival, (at, winner, other) => {
      if (sameContent(winner, other)) return;
      const seq = firstSeq + at;
      // A seq is one conflict, however many rows differ.
      if (!this.#disputed.has(seq)) this.#part.tally.conflicts++;
      this.#disputed.add(seq);
      if (winner === events[at] && seq < this.#counted) this.#outdated = true;
    });
    // Equal rows hold one window's worth together; different ones may hold a row's worth a seq.
    const { foldWindowBytes } = this.#limits;
    if (eventBytes(this.#window.claims) > foldWindowBytes)
      throw new FoldTooDear(`its batches contradict each other in more than ${foldWindowBytes} bytes`);
  }

  *#nextStream(epoch: Epoch): Cooperative<void> {
    if (this.#epoch !== null && epoch < this.#epoch)
      throw new Error(`rows out of order: epoch ${epoch} after ${this.#epoch}`);
    yield* this.settle();
    this.#last = null;
    this.#window = new SeqWindow();
    this.#disputed.clear();
    this.#counted = 0;
    this.#epoch = epoch;
  }

  *#countLast(): Cooperative<void> {
    if (this.#last === null) return;
    const { firstSeq, columns } = this.#last;
    yield* this.#counter.count(columns, this.#counted - firstSeq);
    this.#counted = Math.max(this.#counted, firstSeq + columns.count);
  }

  /** Counts those events that are not counted yet. */
  *#countFrom(firstSeq: number, events: readonly TillEvent[]): Cooperative<void> {
    const first = Math.max(0, this.#counted - firstSeq);
    if (first < events.length) yield* this.#counter.count(columnsOf(events.slice(first)), 0);
  }

  #checkLimits(): void {
    const { foldCost, foldBytes } = this.#limits;
    if (this.#cost > foldCost) throw new FoldTooDear(`its batches decode to more than ${foldCost} bytes`);
    if (this.bytes > foldBytes) throw new FoldTooDear(`its figures take more than ${foldBytes} bytes`);
  }
}

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

/**
 * Queue that shares a worker's time, or another resource, fairly: first between merchants, then
 * between the terminals of a merchant. Start-time fair queueing (Goyal, Vin, Cheng 1996): who has
 * used least goes next. A cost is known only once an item was served, which this discipline allows.
 *
 * Invariants:
 * - Of one terminal, items are served in their order.
 * - A merchant without debt that begins to wait is served after the item in service and at most one
 *   item of each other merchant that has used no more. So is a terminal within its merchant.
 * - Who waits alone waits for nobody, and forgets what it used.
 * - Names are kept only while they wait or owe time.
 */
import { Heap } from './heap.ts';

/**
 * At so many names that do not wait their debts are checked; then at twice the number of those that
 * still owe.
 */
const FIRST_SWEEP = 1_024;

interface Lane<T> {
  readonly name: string;
  readonly content: T;
  /** Virtual time: what the lane had used when its next item became first. */
  start: number;
  /** Of lanes with the same start the one that came first. */
  order: number;
}

const leastUsed = (a: Lane<unknown>, b: Lane<unknown>): number => a.start - b.start || a.order - b.order;

/** Named lanes with something to serve, least used first, and what the other names owe. */
class Level<T> {
  readonly #lanes = new Map<string, Lane<T>>();
  readonly #heap = new Heap<Lane<T>>(leastUsed);
  /** What the names that do not wait have used, virtual time. */
  #used: Map<string, number> | null = null;
  #virtual = 0;
  #order = 0;
  #sweepAt = FIRST_SWEEP;

  /** The content of a waiting lane; `create` makes it when the name begins to wait. */
  lane(name: string, create: () => T): T {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      const start = Math.max(this.#virtual, this.#used?.get(name) ?? 0);
      this.#used?.delete(name);
      lane = { name, content: create(), start, order: this.#order++ };
      this.#lanes.set(name, lane);
      this.#heap.push(lane);
    }
    return lane.content;
  }

  /** The content of the lane that is next; undefined when none waits. */
  get next(): T | undefined {
    return this.#heap.first?.content;
  }

  /** @param waits whether the lane that was next has more to serve */
  charge(cost: number, waits: boolean): void {
    const lane = this.#heap.removeFirst()!;
    this.#virtual = lane.start;
    lane.start += cost;
    if (waits) {
      lane.order = this.#order++;
      this.#heap.push(lane);
      return;
    }
    this.#lanes.delete(lane.name);
    if (this.#lanes.size === 0) this.#forget();
    else this.#remember(lane);
  }

  #forget(): void {
    this.#used = null;
    this.#virtual = 0;
    this.#order = 0;
    this.#sweepAt = FIRST_SWEEP;
  }

  #remember({ name, start }: Lane<T>): void {
    this.#used ??= new Map();
    this.#used.set(name, start);
    if (this.#used.size < this.#sweepAt) return;
    for (const [other, until] of this.#used) if (until <= this.#virtual) this.#used.delete(other);
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#used.size);
  }
}

/** Who pays for an item. */
export interface Payer {
  readonly merchant: string;
  readonly terminal: string;
}

export class FairQueue<T> {
  readonly #merchants = new Level<Level<T[]>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The item that is served next. */
  get next(): T | undefined {
    return this.#merchants.next?.next?.[0];
  }

  push({ merchant, terminal }: Payer, item: T): void {
    this.#size++;
    this.#merchants
      .lane(merchant, () => new Level())
      .lane(terminal, () => [])
      .push(item);
  }

  /**
   * Serves the next item, if there is one.
   *
   * @param serve returns what it cost, in one unit for all: milliseconds, bytes
   */
  serveNext(serve: (item: T) => number): void {
    const terminals = this.#merchants.next;
    const items = terminals?.next;
    if (terminals === undefined || items === undefined) return;
    this.#size--;
    const cost = serve(items.shift()!);
    terminals.charge(cost, items.length > 0);
    this.#merchants.charge(cost, terminals.next !== undefined);
  }
}

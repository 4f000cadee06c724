/**
 * Keeps the heap small during bursts of work by collecting garbage early.
 *
 * V8 marks old objects concurrently with the program, and the program allocates until marking ends:
 * on busy cores that is tens of megabytes while a backlog drains. So the pacer runs a full
 * collection, which takes some milliseconds, as soon as the heap has grown a little.
 */
import { getHeapStatistics } from 'node:v8';

/**
 * Growth that triggers a collection, as a share of the live heap: below the growth at which V8
 * starts to mark. Relative, because a larger heap takes longer to collect.
 */
const MOST_GROWTH = 0.25;

export interface Heap {
  /** Bytes in use, garbage included. */
  used(): number;
  /** Returns when all garbage has been collected. */
  collect(): void;
}

/** The heap of this process; null unless Node was started with `--expose-gc`. */
export function ownHeap(): Heap | null {
  const { gc } = globalThis;
  return gc === undefined ? null : { used: () => getHeapStatistics().used_heap_size, collect: () => void gc() };
}

export class GcPacer {
  readonly #heap: Heap | null;
  /** The least number of bytes in use seen since the last collection. */
  #least = Number.POSITIVE_INFINITY;

  /** @param heap null: V8's own schedule is left alone */
  constructor(heap: Heap | null) {
    this.#heap = heap;
  }

  /** Call after each unit of work. Collects garbage if the heap has grown. */
  maybeCollect(): void {
    if (this.#heap === null) return;
    const used = this.#heap.used();
    this.#least = Math.min(this.#least, used);
    if (used <= this.#least * (1 + MOST_GROWTH)) return;
    this.#heap.collect();
    this.#least = this.#heap.used();
  }
}

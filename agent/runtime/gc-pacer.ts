/**
 * Keeps the heap small while much is done in little time. V8 marks what is old beside the program, and the program fills the heap until the
 * marking is done: where the cores are busy, that is tens of megabytes while a backlog drains. So garbage is collected at once, in some
 * milliseconds, when the heap has grown a little.
 */
import { getHeapStatistics } from 'node:v8';

/** Less than V8 lets it grow before it begins to mark. In parts of what lives: a larger heap takes longer to collect. */
const MOST_GROWTH = 0.25;

export interface Heap {
  /** Bytes in use, garbage and all. */
  used(): number;
  /** Returns when all garbage is collected. */
  collect(): void;
}

/** This process's; null unless Node was started with `--expose-gc`. */
export function ownHeap(): Heap | null {
  const { gc } = globalThis;
  return gc === undefined ? null : { used: () => getHeapStatistics().used_heap_size, collect: () => void gc() };
}

export class GcPacer {
  readonly #heap: Heap | null;
  /** Bytes in use, the least that was seen since the last collection. */
  #least = Number.POSITIVE_INFINITY;

  /** @param heap null: V8 is left to itself */
  constructor(heap: Heap | null) {
    this.#heap = heap;
  }

  /** To be called after each piece of work. Collects garbage if the heap has grown. */
  maybeCollect(): void {
    if (this.#heap === null) return;
    const used = this.#heap.used();
    this.#least = Math.min(this.#least, used);
    if (used <= this.#least * (1 + MOST_GROWTH)) return;
    this.#heap.collect();
    this.#least = this.#heap.used();
  }
}

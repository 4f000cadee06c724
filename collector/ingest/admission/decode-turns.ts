/**
 * Runs the decoding of batches in turns of the event loop, fairly between those who sent them
 * (`fair-queue.ts`). A task runs to its end: what bounds a single one bounds the turn.
 *
 * Invariants: a turn begins no task once it has taken `turnMs`; what a task took is charged to its
 * sender.
 */
import { FairQueue, type Payer } from './fair-queue.ts';

export class DecodeTurns {
  readonly #turnMs: number;
  readonly #clock: () => number;
  readonly #queue = new FairQueue<() => void>();
  #scheduled = false;

  /** @param clock monotonic milliseconds */
  constructor(turnMs: number, clock: () => number) {
    this.#turnMs = turnMs;
    this.#clock = clock;
  }

  /** Tasks that have not begun. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Resolves with what the task returns, or rejects with what it throws. */
  run<T>(payer: Payer, task: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#queue.push(payer, () => {
        try {
          resolve(task());
        } catch (error) {
          reject(error as Error);
        }
      });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#turn();
      if (this.#queue.size > 0) this.#schedule();
    });
  }

  #turn(): void {
    const begin = this.#clock();
    for (let now = begin; this.#queue.size > 0 && now - begin < this.#turnMs; ) {
      this.#queue.serveNext((task) => {
        const start = now;
        task();
        now = this.#clock();
        return now - start;
      });
    }
  }
}

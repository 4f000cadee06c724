/**
 * The work behind one answer: it runs in slices with turns in between, ends when nobody waits for
 * the answer any more, and has a budget of rows, bytes and time.
 */
import type { Cooperative } from '../../../shared/cooperative.ts';
import { Problem } from '../query/problem.ts';
import type { AdmissionMetrics } from './metrics.ts';
import type { Turns } from './turns.ts';

export interface QuestionLimits {
  /** Rows of the store. */
  readonly rows: number;
  /** Their bytes, unpacked where they are compressed. */
  readonly bytes: number;
  /** Time from the first slice to the last, without the waits for turns, milliseconds. */
  readonly ms: number;
}

export interface QuestionOptions {
  readonly turns: Turns;
  /** Whose turns it takes. */
  readonly merchant: string;
  readonly limits: QuestionLimits;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly metrics: AdmissionMetrics;
}

/** Work between two turns, milliseconds. */
const SLICE_MS = 5;

export class Question {
  readonly #options: QuestionOptions;
  #rows = 0;
  #bytes = 0;
  #spentMs = 0;
  #sliceSince: number;
  #abandoned = false;

  constructor(options: QuestionOptions) {
    this.#options = options;
    this.#sliceSince = options.clock();
  }

  /** Nobody waits for the answer any more: the next turn rejects. */
  abandon(): void {
    this.#abandoned = true;
  }

  /**
   * Rows were read, or bytes of what they hold.
   *
   * @throws Problem 400 beyond the budget
   */
  read(rows: number, bytes: number): void {
    const { limits } = this.#options;
    this.#rows += rows;
    this.#bytes += bytes;
    if (this.#rows > limits.rows) this.#refuse(`more than ${limits.rows} rows`);
    if (this.#bytes > limits.bytes) this.#refuse(`more than ${limits.bytes} bytes`);
  }

  /**
   * Between two pieces of work: lets others have their turn when this slice has been long enough.
   *
   * @returns undefined: go on at once. Rejects with Problem 400 beyond the budget, 499 when it was
   *   abandoned
   */
  turn(): Promise<void> | undefined {
    return this.#abandoned || this.#sliceIsOver() ? this.#next() : undefined;
  }

  /** Work goes on after a wait for somebody else, such as the reader of the answer. */
  resume(): void {
    this.#sliceSince = this.#options.clock();
  }

  /** Runs a task, which shares the slice with what ran before it. */
  async run<T>(task: Cooperative<T>): Promise<T> {
    for (;;) {
      const { done, value } = task.next();
      if (done) return value;
      if (this.#sliceIsOver()) await this.#next();
    }
  }

  #sliceIsOver(): boolean {
    return this.#options.clock() - this.#sliceSince >= SLICE_MS;
  }

  async #next(): Promise<void> {
    const { turns, merchant, clock, limits } = this.#options;
    this.#mustGoOn();
    this.#spentMs += clock() - this.#sliceSince;
    if (this.#spentMs > limits.ms) this.#refuse(`longer than ${limits.ms / 1000} seconds`);
    await turns.next(merchant);
    this.#sliceSince = clock();
    this.#mustGoOn();
  }

  #mustGoOn(): void {
    if (this.#abandoned) throw new Problem(499, 'the client has left');
  }

  #refuse(what: string): never {
    this.#options.metrics.refused('question');
    throw new Problem(
      400,
      `the answer takes ${what} to find: ask for a shorter range, or with fewer dimensions, and add the answers up`,
    );
  }
}

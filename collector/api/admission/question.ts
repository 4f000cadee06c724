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
   * A row was read.
   *
   * @param bytes what it holds
   * @throws Problem 400 beyond the budget
   */
  async read(bytes: number): Promise<void> {
    const { rows, bytes: maxBytes } = this.#options.limits;
    this.#rows++;
    this.unpacked(bytes);
    if (this.#rows > rows) this.#refuse(`more than ${rows} rows`);
    if (this.#bytes > maxBytes) this.#refuse(`more than ${maxBytes} bytes`);
    await this.turn();
  }

  /** Bytes that a row that was read held in addition. */
  unpacked(bytes: number): void {
    this.#bytes += bytes;
  }

  /**
   * Between two pieces of work: lets others have their turn when this slice has been long enough.
   *
   * @throws Problem 400 beyond the budget, 499 when abandoned
   */
  async turn(): Promise<void> {
    if (this.#abandoned) throw new Problem(499, 'the client has left');
    if (this.#sliceIsOver()) await this.#next();
  }

  /** Runs a task, which shares the slice with what ran before it. */
  async run<T>(task: Cooperative<T>): Promise<T> {
    for (;;) {
      const { done, value } = task.next();
      if (done) return value;
      if (this.#sliceIsOver()) await this.turn();
    }
  }

  #sliceIsOver(): boolean {
    return this.#options.clock() - this.#sliceSince >= SLICE_MS;
  }

  async #next(): Promise<void> {
    const { turns, merchant, clock, limits } = this.#options;
    this.#spentMs += clock() - this.#sliceSince;
    if (this.#spentMs > limits.ms) this.#refuse(`longer than ${limits.ms / 1000} seconds`);
    await turns.next(merchant);
    this.#sliceSince = clock();
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

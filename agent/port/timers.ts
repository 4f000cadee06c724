/** Monotonic time: jumps of the wall clock stop nothing. An argument, so that tests drive it. */
export interface Timers {
  /** Milliseconds from some start on; never goes back. */
  now(): number;
  /** @returns cancels it */
  after(ms: number, run: () => void): () => void;
}

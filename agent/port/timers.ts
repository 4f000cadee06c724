/** Port for monotonic time: wall clock jumps do not affect it. Injected, so that tests drive it. */
export interface Timers {
  /** Milliseconds since some start; never goes back. */
  now(): number;
  /** Calls `run` once after `ms` milliseconds. @returns cancels it */
  after(ms: number, run: () => void): () => void;
}

/** One sample per minute of the last day, in memory: about 50 KB, independent of sales. */
import { MINUTE_MS } from '../../shared/time.ts';

export const SAMPLE_EVERY_MS = MINUTE_MS;
const SAMPLES = 24 * 60;

export interface HistorySample {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Monotonic milliseconds: rates do not depend on the wall clock. */
  readonly elapsed: number;
  /** Events accepted since the start of the agent. */
  readonly accepted: number;
  readonly pending: number;
  /** Bytes in use by the buffer. */
  readonly bytes: number;
}

export class SampleHistory {
  readonly #at = new Float64Array(SAMPLES);
  readonly #elapsed = new Float64Array(SAMPLES);
  readonly #accepted = new Float64Array(SAMPLES);
  readonly #pending = new Uint32Array(SAMPLES);
  readonly #bytes = new Float64Array(SAMPLES);
  #taken = 0;

  add({ at, elapsed, accepted, pending, bytes }: HistorySample): void {
    const slot = this.#taken++ % SAMPLES;
    this.#at[slot] = at;
    this.#elapsed[slot] = elapsed;
    this.#accepted[slot] = accepted;
    this.#pending[slot] = pending;
    this.#bytes[slot] = bytes;
  }

  /** Oldest first. */
  samples(): HistorySample[] {
    const from = Math.max(0, this.#taken - SAMPLES);
    return Array.from({ length: this.#taken - from }, (_, at) => this.#sample((from + at) % SAMPLES));
  }

  /**
   * The newest sample at or before a monotonic time; the oldest one when all are later; null
   * without samples.
   */
  before(elapsed: number): HistorySample | null {
    const from = Math.max(0, this.#taken - SAMPLES);
    if (this.#taken === 0) return null;
    let at = this.#taken - 1;
    while (at > from && this.#elapsed[at % SAMPLES]! > elapsed) at--;
    return this.#sample(at % SAMPLES);
  }

  #sample(slot: number): HistorySample {
    return {
      at: this.#at[slot]!,
      elapsed: this.#elapsed[slot]!,
      accepted: this.#accepted[slot]!,
      pending: this.#pending[slot]!,
      bytes: this.#bytes[slot]!,
    };
  }
}

/** Latencies of one kind of honest question, and those that nobody has answered yet. */

export interface Summary {
  readonly count: number;
  readonly failures: number;
  /** Milliseconds; null: nothing was asked. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

export class Latencies {
  readonly #clock: () => number;
  readonly #everyMs: number;
  readonly #waiting = new Set<{ readonly begun: number }>();
  #samples: number[] = [];
  #failures = 0;

  /**
   * @param clock monotonic, milliseconds;
   * @param everyMs of one who waits for an answer before he asks again: what he did not ask
   *   meanwhile counts as asked (coordinated omission)
   */
  constructor(clock: () => number, everyMs = Number.POSITIVE_INFINITY) {
    this.#clock = clock;
    this.#everyMs = everyMs;
  }

  /** @returns call it when it was answered */
  begin(): (outcome: 'answered' | 'failed') => void {
    const waiting = { begun: this.#clock() };
    this.#waiting.add(waiting);
    return (outcome) => {
      if (!this.#waiting.delete(waiting)) return;
      this.#samples.push(...this.#withOmitted(this.#clock() - waiting.begun));
      if (outcome === 'failed') this.#failures++;
    };
  }

  /** How long the longest waiting one has waited, milliseconds. */
  get oldestWaitMs(): number {
    return Math.max(0, ...[...this.#waiting].map(({ begun }) => this.#clock() - begun));
  }

  /** Since the last call. What still waits counts with its time so far. */
  take(): Summary {
    const now = this.#clock();
    const waited = [...this.#waiting].flatMap(({ begun }) => this.#withOmitted(now - begun));
    const sorted = [...this.#samples, ...waited].sort((a, b) => a - b);
    const failures = this.#failures;
    this.#samples = [];
    this.#failures = 0;
    return { count: sorted.length, failures, p50: rank(sorted, 0.5), p99: p99Of(sorted), max: sorted.at(-1) ?? null };
  }

  #withOmitted(latency: number): number[] {
    const samples = [latency];
    for (let omitted = latency - this.#everyMs; omitted > 0; omitted -= this.#everyMs) samples.push(omitted);
    return samples;
  }
}

const rank = (sorted: readonly number[], share: number): number | null =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;

/**
 * The nearest rank, but never the largest of several: in a few seconds there are fewer than a
 * hundred samples, and one hiccup of a busy machine says nothing about the collector. A pause of
 * the collector delays all that was asked meanwhile.
 */
function p99Of(sorted: readonly number[]): number | null {
  const at = Math.min(Math.floor(0.99 * sorted.length), sorted.length - 2);
  return sorted[Math.max(0, at)] ?? null;
}

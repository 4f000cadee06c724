/** Whether this process should be given work: a write reached the store lately, and it is not on its way out. */

export interface HealthOptions {
  /** A write of no meaning. */
  readonly probe: () => Promise<void>;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** How long a write counts as lately. */
  readonly freshMs: number;
}

export class Health {
  readonly #options: HealthOptions;
  #draining = false;
  #writtenAt = Number.NEGATIVE_INFINITY;
  #problem = 'nothing was written to the store yet';
  #probing: Promise<void> | null = null;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  readiness(): { readonly ready: boolean; readonly reason: string } {
    if (this.#draining) return { ready: false, reason: 'stopping' };
    const fresh = this.#options.clock() - this.#writtenAt <= this.#options.freshMs;
    return fresh ? { ready: true, reason: 'ready' } : { ready: false, reason: `the store: ${this.#problem}` };
  }

  drain(): void {
    this.#draining = true;
  }

  /** Never rejects. Joins a probe that is under way. */
  probe(): Promise<void> {
    this.#probing ??= this.#probe().finally(() => {
      this.#probing = null;
    });
    return this.#probing;
  }

  async #probe(): Promise<void> {
    const { probe, clock } = this.#options;
    const start = clock();
    try {
      await probe();
      this.#writtenAt = start;
    } catch (error) {
      this.#problem = (error as Error).message;
    }
  }
}

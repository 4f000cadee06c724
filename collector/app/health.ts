/**
 * Readiness of this process: a write reached the store recently, and the process is not stopping.
 */

export interface HealthOptions {
  /** Writes a value without meaning to the store. */
  readonly probe: () => Promise<void>;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** How old the last successful write may be. */
  readonly freshMs: number;
  /** Why the process must not be used although the store takes writes; null: nothing. */
  readonly objection: () => string | null;
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
    if (!fresh) return { ready: false, reason: `the store: ${this.#problem}` };
    const objection = this.#options.objection();
    return objection === null ? { ready: true, reason: 'ready' } : { ready: false, reason: objection };
  }

  drain(): void {
    this.#draining = true;
  }

  /** Never rejects. Joins a running probe. */
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

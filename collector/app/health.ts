/**
 * Readiness of this process: a write reached the store recently, and the process is not stopping.
 *
 * A write that fails at once leaves it ready for a while: one fault is no outage. One that waits
 * does not, and until another has succeeded.
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
  /** How long a write may wait. */
  readonly silentMs: number;
  /** Where to look when one waits longer. */
  readonly silenceHint: string;
}

export class Health {
  readonly #options: HealthOptions;
  #draining = false;
  #writtenAt = Number.NEGATIVE_INFINITY;
  #problem = 'nothing was written to the store yet';
  #probing: Promise<void> | null = null;
  /** When the write that waits now began. */
  #askedAt: number | null = null;
  /** When the first write since the last success began that waited for too long. */
  #silentSince: number | null = null;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  readiness(): { readonly ready: boolean; readonly reason: string } {
    if (this.#draining) return { ready: false, reason: 'stopping' };
    const { clock, freshMs, silenceHint } = this.#options;
    const now = clock();
    const silentSince = this.#silenceAt(now);
    if (silentSince !== null) {
      const seconds = Math.floor((now - silentSince) / 1000);
      return { ready: false, reason: `the store: no answer for ${seconds} s: ${silenceHint}` };
    }
    const fresh = now - this.#writtenAt <= freshMs;
    if (!fresh) return { ready: false, reason: `the store: ${this.#problem}` };
    const objection = this.#options.objection();
    return objection === null ? { ready: true, reason: 'ready' } : { ready: false, reason: objection };
  }

  #silenceAt(now: number): number | null {
    const { silentMs } = this.#options;
    const waits = this.#askedAt !== null && now - this.#askedAt > silentMs;
    return this.#silentSince ?? (waits ? this.#askedAt : null);
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
    this.#askedAt = start;
    try {
      await probe();
      this.#writtenAt = start;
      this.#silentSince = null;
    } catch (error) {
      this.#problem = (error as Error).message;
      this.#silentSince = this.#silenceAt(clock());
    }
    this.#askedAt = null;
  }
}

/**
 * The in-flight limit of one client: bounds the publishes that passed its gate and are not released
 * yet.
 */

export interface InFlightLimits {
  readonly maxUnreleased: number;
  readonly maxUnreleasedBytes: number;
}

export class InFlightLimit {
  readonly #limits: InFlightLimits;
  readonly #onRelease: () => void;
  /** Sizes of the publishes that passed and were not claimed, in order. */
  readonly #unclaimed: number[] = [];
  #count = 0;
  #bytes = 0;

  constructor(limits: InFlightLimits, onRelease: () => void) {
    this.#limits = limits;
    this.#onRelease = onRelease;
  }

  get count(): number {
    return this.#count;
  }

  /** No bound is reached; so the bytes exceed their bound by one packet at most. */
  get hasRoom(): boolean {
    const { maxUnreleased, maxUnreleasedBytes } = this.#limits;
    return this.#count < maxUnreleased && this.#bytes < maxUnreleasedBytes;
  }

  /** Admits a publish, for which there is room. */
  take(size: number): void {
    this.#count++;
    this.#bytes += size;
    this.#unclaimed.push(size);
  }

  /**
   * Claims the oldest unclaimed publish.
   *
   * @returns its release, to be called once; further calls do nothing
   */
  claim(): () => void {
    const size = this.#unclaimed.shift();
    if (size === undefined) throw new Error('claimed more publishes than passed');
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#count--;
      this.#bytes -= size;
      this.#onRelease();
    };
  }
}

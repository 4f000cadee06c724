/** What one client has under way: publishes that passed its gate and are not released yet. */

export interface BudgetLimits {
  readonly maxUnreleased: number;
  readonly maxUnreleasedBytes: number;
}

export class PublishBudget {
  readonly #limits: BudgetLimits;
  readonly #onRelease: () => void;
  /** Sizes of the publishes that were let through and not claimed, in order. */
  readonly #unclaimed: number[] = [];
  #count = 0;
  #bytes = 0;

  constructor(limits: BudgetLimits, onRelease: () => void) {
    this.#limits = limits;
    this.#onRelease = onRelease;
  }

  get count(): number {
    return this.#count;
  }

  /** Takes a publish, unless a bound is reached; so the bytes go beyond theirs by one packet at the most. */
  take(size: number): boolean {
    const { maxUnreleased, maxUnreleasedBytes } = this.#limits;
    if (this.#count >= maxUnreleased || this.#bytes >= maxUnreleasedBytes) return false;
    this.#count++;
    this.#bytes += size;
    this.#unclaimed.push(size);
    return true;
  }

  /** Takes over the oldest publish that is not claimed. @returns its release, to be called once; more calls do nothing */
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

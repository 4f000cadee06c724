/** What bounds folded into `(other)`: of each dimension and hour, how many values. */

export interface FoldedInHour {
  readonly dimension: string;
  /** Hours since 1970. */
  readonly hour: number;
  /** How many values: at most so many, because each terminal's are counted for themselves. */
  readonly values: number;
  /**
   * Whether values that were kept may count under `(other)` in part: those of terminals that did
   * not keep them.
   */
  readonly isPartial: boolean;
}

export class FoldedValues {
  readonly #hours = new Map<string, FoldedInHour>();

  get size(): number {
    return this.#hours.size;
  }

  add({ dimension, hour, values, isPartial }: FoldedInHour): void {
    const name = `${hour}/${dimension}`;
    const before = this.#hours.get(name);
    this.#hours.set(name, {
      ...{ dimension, hour },
      values: (before?.values ?? 0) + values,
      isPartial: isPartial || (before?.isPartial ?? false),
    });
  }

  setPartial(): void {
    for (const [name, folded] of this.#hours) this.#hours.set(name, { ...folded, isPartial: true });
  }

  [Symbol.iterator](): Iterator<FoldedInHour> {
    return this.#hours.values();
  }

  /** How many values, each hour and dimension counted for itself. */
  get total(): number {
    let total = 0;
    for (const { values } of this) total += values;
    return total;
  }
}

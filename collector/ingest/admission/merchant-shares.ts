/**
 * Places that all merchants share: bytes, statuses. A merchant may hold as many as are left to all
 * others (a dynamic threshold: Choudhury, Hahne 1998), so one alone holds half, and each newcomer
 * finds some.
 */

export class MerchantShares {
  readonly #max: number;
  readonly #held = new Map<string, number>();
  #all = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Places that are taken. */
  get taken(): number {
    return this.#all;
  }

  /** Places that a merchant holds, and how many it may hold while others hold what they hold. */
  of(merchant: string): { readonly held: number; readonly max: number } {
    const held = this.#held.get(merchant) ?? 0;
    return { held, max: (this.#max - (this.#all - held)) / 2 };
  }

  /** @returns false when the merchant may not hold so many more */
  take(merchant: string, count: number): boolean {
    const { held, max } = this.of(merchant);
    if (count > 0 && held + count > max) return false;
    this.#add(merchant, count);
    return true;
  }

  release(merchant: string, count: number): void {
    this.#add(merchant, -count);
  }

  #add(merchant: string, count: number): void {
    this.#all += count;
    const held = (this.#held.get(merchant) ?? 0) + count;
    if (held === 0) this.#held.delete(merchant);
    else this.#held.set(merchant, held);
  }
}

/**
 * Different numbers in the order in which they came, each with its place among them. A Map would
 * do, but takes several times as long: most sketches hold a few hundred numbers.
 */

/** So few are searched one by one. */
const FEW = 8;
/** At most one of so many slots is taken. */
const SPARE = 2;
const GROWTH = 4;
/** The golden ratio's share of 2^32: neighbours are spread. */
const SPREAD = 0x9e3779b1;

export class NumberTable {
  readonly numbers: number[] = [];
  /** By hash: a number's place plus one, 0 where there is none; null while there are few. */
  #slots: Int32Array | null = null;
  #shift = 32;

  get size(): number {
    return this.numbers.length;
  }

  /** @returns the number's place: `size` as it was, if it is new */
  place(number: number): number {
    return this.#slots === null ? this.#placeAmongFew(number) : this.#placeByHash(this.#slots, number);
  }

  #placeAmongFew(number: number): number {
    const { numbers } = this;
    const { length } = numbers;
    for (let at = 0; at < length; at++) if (numbers[at] === number) return at;
    numbers.push(number);
    if (length === FEW) this.#grow();
    return length;
  }

  #placeByHash(slots: Int32Array, number: number): number {
    const { numbers } = this;
    const last = slots.length - 1;
    let slot = Math.imul(number, SPREAD) >>> this.#shift;
    for (let place = slots[slot]!; place !== 0; place = slots[slot]!) {
      if (numbers[place - 1] === number) return place - 1;
      slot = (slot + 1) & last;
    }
    const place = numbers.push(number);
    slots[slot] = place;
    if (SPARE * place > slots.length) this.#grow();
    return place - 1;
  }

  #grow(): void {
    let length = this.#slots?.length ?? FEW;
    while (length < SPARE * this.numbers.length) length *= GROWTH;
    const slots = new Int32Array(length);
    this.#slots = slots;
    this.#shift = 32 - Math.log2(length);
    for (let at = 0; at < this.numbers.length; at++) {
      let slot = Math.imul(this.numbers[at]!, SPREAD) >>> this.#shift;
      while (slots[slot] !== 0) slot = (slot + 1) & (length - 1);
      slots[slot] = at + 1;
    }
  }
}

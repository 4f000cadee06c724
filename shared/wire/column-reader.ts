/** Checked access to the columns of a batch's body: one value per event, or flat. */

/** The body is not what `column-encoder.ts` writes. */
export class InvalidColumns extends Error {
  override readonly name = 'InvalidColumns';
}

export const refuse = (detail: string): never => {
  throw new InvalidColumns(detail);
};

const isWhole = (value: unknown, min: number, max: number): value is number =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max;

/** Whole numbers within bounds. */
export function wholes(column: readonly unknown[], min: number, max: number, what: string): number[] {
  const numbers = new Array<number>(column.length);
  for (let at = 0; at < column.length; at++) {
    const value = column[at];
    // Adding zero turns -0, which a float may hold, into 0.
    numbers[at] = isWhole(value, min, max) ? value + 0 : refuse(`${what} is out of range`);
  }
  return numbers;
}

/** The same of a column that may hold null. */
export function wholesOrNull(column: readonly unknown[], min: number, max: number, what: string): (number | null)[] {
  const numbers = new Array<number | null>(column.length);
  for (let at = 0; at < column.length; at++) {
    const value = column[at];
    if (value === null) numbers[at] = null;
    else numbers[at] = isWhole(value, min, max) ? value + 0 : refuse(`${what} is out of range`);
  }
  return numbers;
}

export class BodyColumns {
  readonly #columns: readonly unknown[];
  readonly #count: number;

  /** @param count number of events */
  constructor(columns: readonly unknown[], count: number) {
    this.#columns = columns;
    this.#count = count;
  }

  /** One value for each event, in the short form too, where all events have the same value. */
  perEvent(at: number, what: string): readonly unknown[] {
    const column = this.#columns[at];
    if (!Array.isArray(column)) return new Array<unknown>(this.#count).fill(column);
    if (column.length !== this.#count)
      return refuse(`column ${what} has ${column.length} entries for ${this.#count} events`);
    return column;
  }

  has(at: number): boolean {
    return at < this.#columns.length;
  }

  /** The values of all events in a row, of which each event has any number. */
  flat(at: number, what: string): readonly unknown[] {
    const column = this.#columns[at];
    return Array.isArray(column) ? column : refuse(`column ${what} is not an array`);
  }

  /**
   * Where each event's values end in flat columns.
   *
   * @param length of those columns
   */
  ends(at: number, max: number, length: number, what: string): number[] {
    const ends = wholes(this.perEvent(at, what), 0, max, `number of ${what}`);
    let end = 0;
    for (let event = 0; event < ends.length; event++) {
      end += ends[event]!;
      ends[event] = end;
    }
    if (end !== length) refuse(`${what} are ${end < length ? 'left over' : 'missing'}`);
    return ends;
  }
}

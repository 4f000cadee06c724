/** Checked access to the columns of a batch's body: one value per event, or flat. */

/** The body is not what `column-encoder.ts` writes. */
export class InvalidColumns extends Error {
  override readonly name = 'InvalidColumns';
}

export const refuse = (detail: string): never => {
  throw new InvalidColumns(detail);
};

/** Reads a whole number within bounds. */
export function whole(value: unknown, min: number, max: number, what: string): number {
  const number = value as number;
  // Adding zero turns -0, which a float may hold, into 0.
  return Number.isInteger(number) && number >= min && number <= max ? number + 0 : refuse(`${what} is out of range`);
}

export class BodyColumns {
  readonly #columns: readonly unknown[];
  readonly #count: number;

  /** @param count number of events */
  constructor(columns: readonly unknown[], count: number) {
    this.#columns = columns;
    this.#count = count;
  }

  /** @returns the value of an event; in the short form all events have the same value */
  perEvent(at: number, what: string): (event: number) => unknown {
    const column = this.#columns[at];
    if (!Array.isArray(column)) return () => column;
    if (column.length !== this.#count)
      return refuse(`column ${what} has ${column.length} entries for ${this.#count} events`);
    return (event) => column[event];
  }

  has(at: number): boolean {
    return at < this.#columns.length;
  }

  /** The values of all events in a row, of which each event has any number. */
  flat(at: number, what: string): readonly unknown[] {
    const column = this.#columns[at];
    return Array.isArray(column) ? column : refuse(`column ${what} is not an array`);
  }
}

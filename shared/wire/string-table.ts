/** A batch's string table. Each use has a form, which is checked once per entry, not per event. */
import { MAX_TEXT } from '../event/schema.ts';
import { refuse } from './column-reader.ts';

/** Code points, of which no text has more than UTF-16 units. */
export const isShort = (text: string): boolean =>
  text.length <= MAX_TEXT || (text.length <= 2 * MAX_TEXT && [...text].length <= MAX_TEXT);

export class StringTable {
  readonly #texts: readonly string[];
  /** One bit per form: the forms that an entry was found to have. */
  readonly #checked: Uint8Array;
  #forms = 0;

  constructor(column: unknown) {
    if (!Array.isArray(column) || !column.every((entry) => typeof entry === 'string' && entry.isWellFormed())) {
      refuse('the string table holds something else than texts');
    }
    this.#texts = column as string[];
    this.#checked = new Uint8Array(this.#texts.length);
  }

  /**
   * @returns a reader of indexes into the table that checks the entries' form; eight forms at most
   */
  form(what: string, matches: (text: string) => boolean): (index: unknown) => string {
    const bit = 1 << this.#forms++;
    return (index) => {
      const at = index as number;
      const text = typeof index === 'number' ? this.#texts[at] : undefined;
      if (text === undefined) return refuse(`${what} points outside the string table`);
      if ((this.#checked[at]! & bit) === 0) {
        if (!matches(text)) return refuse(`${what} is malformed`);
        this.#checked[at]! |= bit;
      }
      return text;
    };
  }
}

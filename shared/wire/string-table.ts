/** A batch's string table. Each use has a form, which is checked once per entry, not per event. */
import { MAX_TEXT } from '../event/schema.ts';
import { refuse } from './column-reader.ts';

/** Code points, of which no text has more than UTF-16 units. */
export const isShort = (text: string): boolean =>
  text.length <= MAX_TEXT || (text.length <= 2 * MAX_TEXT && [...text].length <= MAX_TEXT);

/** A use of the table's texts. */
export interface Form {
  readonly what: string;
  readonly matches: (text: string) => boolean;
  /** Its bit among those of an entry. */
  readonly bit: number;
}

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

  /** Eight forms at most. */
  form(what: string, matches: (text: string) => boolean): Form {
    return { what, matches, bit: 1 << this.#forms++ };
  }

  /** The texts that a column's indexes point to. */
  texts(column: readonly unknown[], form: Form): string[] {
    const texts = new Array<string>(column.length);
    for (let at = 0; at < column.length; at++) texts[at] = this.#text(column[at], form);
    return texts;
  }

  /** The same of a column that may hold null. */
  textsOrNull(column: readonly unknown[], form: Form): (string | null)[] {
    const texts = new Array<string | null>(column.length);
    for (let at = 0; at < column.length; at++) {
      const index = column[at];
      texts[at] = index === null ? null : this.#text(index, form);
    }
    return texts;
  }

  #text(index: unknown, form: Form): string {
    const at = index as number;
    const text = typeof index === 'number' ? this.#texts[at] : undefined;
    if (text === undefined) return refuse(`${form.what} points outside the string table`);
    if ((this.#checked[at]! & form.bit) === 0) {
      if (!form.matches(text)) return refuse(`${form.what} is malformed`);
      this.#checked[at]! |= form.bit;
    }
    return text;
  }
}

/**
 * A batch's texts, which its columns point to by their index. A text is read when it is asked for:
 * who counts events needs no references. Each use has a form, which is checked once per entry, not
 * per event.
 */
import { Buffer } from 'node:buffer';
import { MAX_TEXT } from '../event/schema.ts';
import { type BodyReader, refuse } from './column-reader.ts';
import { NO_TEXT, type Texts } from './event-columns.ts';
import { unpack } from './message-pack.ts';

/** Code points, of which no text has more than UTF-16 units, nor these more than bytes. */
const isShort = (text: string): boolean =>
  text.length <= MAX_TEXT || (text.length <= 2 * MAX_TEXT && [...text].length <= MAX_TEXT);

/** A use of the table's texts. */
export interface Form {
  readonly what: string;
  readonly matches: (text: string) => boolean;
  /** Texts of so many bytes are not looked at: they match. */
  readonly bytesThatMatch: number;
}

export const shortText = (what: string): Form => ({ what, matches: isShort, bytesThatMatch: MAX_TEXT });

/** Texts of ASCII that were read lately, by hash: equal texts are one object, batch after batch. */
const KNOWN_BITS = 15;
const known = new Array<string>(2 ** KNOWN_BITS).fill('');
const MAX_KNOWN = 32;

function sameText(body: Buffer, begin: number, end: number): string {
  if (end - begin > MAX_KNOWN) return body.toString('latin1', begin, end);
  let hash = end - begin;
  for (let at = begin; at < end; at++) hash = Math.imul(hash ^ body[at]!, 0x01000193);
  const place = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) >>> (32 - KNOWN_BITS);
  const text = known[place]!;
  if (isAt(text, body, begin, end)) return text;
  const read = body.toString('latin1', begin, end);
  known[place] = read;
  return read;
}

function isAt(text: string, body: Buffer, begin: number, end: number): boolean {
  if (text.length !== end - begin) return false;
  for (let at = begin; at < end; at++) if (text.charCodeAt(at - begin) !== body[at]) return false;
  return true;
}

export class TextTable implements Texts {
  readonly #body: Buffer;
  readonly #begins: Int32Array;
  readonly #ends: Int32Array;
  readonly #read: (string | undefined)[];
  /** One bit per form: the forms that an entry was found to have. */
  readonly #checked: Uint8Array;
  #forms = 0;
  /** Bytes of the longest text. */
  #longest = 0;

  /** @param body that the reader reads, at its first column */
  constructor(body: Uint8Array, reader: BodyReader) {
    const { first, begins, ends } = reader.texts();
    this.#body = Buffer.from(body.buffer, body.byteOffset, body.length);
    this.#begins = begins;
    this.#ends = ends;
    this.#read = new Array<string | undefined>(begins.length).fill(undefined);
    this.#checked = new Uint8Array(begins.length);
    for (let index = 0; index < begins.length; index++) {
      this.#longest = Math.max(this.#longest, ends[index]! - begins[index]!);
      if (this.#isAscii(index)) continue;
      // With its head.
      const text = unpack(this.#body.subarray(index === 0 ? first : ends[index - 1], ends[index])) as string;
      if (!text.isWellFormed()) refuse('the string table holds something else than texts');
      this.#read[index] = text;
    }
  }

  get count(): number {
    return this.#begins.length;
  }

  at(index: number): string {
    const read = this.#read[index];
    if (read !== undefined) return read;
    const text = sameText(this.#body, this.#begins[index]!, this.#ends[index]!);
    this.#read[index] = text;
    return text;
  }

  /** UTF-16 units of a text. */
  length(index: number): number {
    return this.#read[index]?.length ?? this.#ends[index]! - this.#begins[index]!;
  }

  /** Checks the form of each text that a column points to. Eight forms at most. */
  check(column: Int32Array, { what, matches, bytesThatMatch }: Form): Int32Array {
    if (this.#longest <= bytesThatMatch) return column;
    const bit = 1 << this.#forms++;
    const [checked, begins, ends] = [this.#checked, this.#begins, this.#ends];
    for (let at = 0; at < column.length; at++) {
      const index = column[at]!;
      if (index === NO_TEXT || (checked[index]! & bit) !== 0) continue;
      if (ends[index]! - begins[index]! > bytesThatMatch && !matches(this.at(index))) refuse(`${what} is malformed`);
      checked[index]! |= bit;
    }
    return column;
  }

  #isAscii(index: number): boolean {
    const body = this.#body;
    let bits = 0;
    for (let at = this.#begins[index]!, end = this.#ends[index]!; at < end; at++) bits |= body[at]!;
    return bits < 0x80;
  }
}

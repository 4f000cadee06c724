/**
 * Reads the columns of a batch's body from its MessagePack, checked, one after the other: one value
 * per event, or flat. Bytes are not trusted: no claims beyond the existing bytes, no other values
 * than a column may hold, nothing left over.
 */
import { checkMessagePack, MalformedMessagePack, UNTRUSTED_MAX_OBJECTS } from './message-pack.ts';

/** The body is not what `column-encoder.ts` writes. */
export class InvalidColumns extends Error {
  override readonly name = 'InvalidColumns';
}

export const refuse = (detail: string): never => {
  throw new InvalidColumns(detail);
};

/** What null is read as; no column may hold it. */
const NULL = Number.NEGATIVE_INFINITY;
/** What no column takes. */
const NO_WHOLE = 0.5;

interface Bounds {
  readonly min: number;
  readonly max: number;
  /** What stands for null; undefined: the column may not hold it. */
  readonly none?: number | undefined;
  readonly what: string;
}

export class BodyReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  /** Columns that were not read. */
  #left: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#left = this.#array() ?? refuse('the body is not an array of columns');
  }

  /** How many columns follow. */
  get left(): number {
    return this.#left;
  }

  /** Where the texts of the next column, an array, begin and end; their heads are in between. */
  texts(): { readonly first: number; readonly begins: Int32Array; readonly ends: Int32Array } {
    this.#left--;
    const count = this.#array() ?? refuse('the string table holds something else than texts');
    const [begins, ends] = [new Int32Array(count), new Int32Array(count)];
    const first = this.#at;
    for (let text = 0; text < count; text++) {
      const head = this.#bytes[this.#at++]!;
      let length = head & 0x1f;
      if (head >= 0xd9 && head <= 0xdb) length = this.#unsigned(1 << (head - 0xd9));
      else if (!(head >= 0xa0 && head < 0xc0)) refuse('the string table holds something else than texts');
      if (length > this.#bytes.length - this.#at) refuse('claims more bytes than there are');
      begins[text] = this.#at;
      this.#at += length;
      ends[text] = this.#at;
    }
    return { first, begins, ends };
  }

  /** One value for each event, in the short form too, where all events have the same value. */
  perEvent<Values extends Float64Array | Int32Array>(into: Values, bounds: Bounds): Values {
    this.#left--;
    const length = this.#array();
    if (length === null) return into.fill(this.#whole(bounds)) as Values;
    if (length !== into.length) refuse(`column ${bounds.what} has ${length} entries for ${into.length} events`);
    this.#wholes(into, bounds);
    return into;
  }

  /** The values of all events in a row, of which each event has any number. */
  flat<Values extends Float64Array | Int32Array>(make: (length: number) => Values, bounds: Bounds): Values {
    this.#left--;
    const length = this.#array() ?? refuse(`column ${bounds.what} is not an array`);
    const into = make(length);
    this.#wholes(into, bounds);
    return into;
  }

  /** Passes over the columns that are left, whatever they hold; nothing may follow them. */
  passRest(): void {
    try {
      checkMessagePack(this.#bytes.subarray(this.#at), this.#left, UNTRUSTED_MAX_OBJECTS);
    } catch (error) {
      if (error instanceof MalformedMessagePack) refuse(error.message);
      throw error;
    }
  }

  /** The head of an array. @returns its length; null: something else follows, which is not read */
  #array(): number | null {
    const head = this.#bytes[this.#at]!;
    let length = head & 0x0f;
    if (head === 0xdc || head === 0xdd) {
      this.#at++;
      length = this.#unsigned(head === 0xdc ? 2 : 4);
    } else if (head >= 0x90 && head < 0xa0) this.#at++;
    else return null;
    // Each value takes at least one byte.
    return length > this.#bytes.length - this.#at ? refuse('claims more values than there are bytes') : length;
  }

  #wholes(into: Float64Array | Int32Array, bounds: Bounds): void {
    const { min, max, none, what } = bounds;
    const bytes = this.#bytes;
    let at = this.#at;
    for (let index = 0; index < into.length; index++) {
      const head = bytes[at]!;
      let value = head;
      if (head < 0x80) at++;
      else if (head === 0xcd) {
        value = (bytes[at + 1]! << 8) | bytes[at + 2]!;
        at += 3;
      } else if (head === 0xcc) {
        value = bytes[at + 1]!;
        at += 2;
      } else {
        this.#at = at;
        value = this.#number();
        at = this.#at;
      }
      if (value === NULL && none !== undefined) into[index] = none;
      // Adding zero turns -0, which a float may hold, into 0.
      else into[index] = value >= min && value <= max && Number.isInteger(value) ? value + 0 : outOf(what);
    }
    this.#at = at;
    if (at > bytes.length) refuse('ends too early');
  }

  #whole({ min, max, none, what }: Bounds): number {
    const value = this.#number();
    if (value === NULL && none !== undefined) return none;
    return value >= min && value <= max && Number.isInteger(value) ? value + 0 : outOf(what);
  }

  /** Any number, or null. DataView throws a RangeError at the end of the bytes. */
  #number(): number {
    const at = this.#at++;
    const head = this.#bytes[at];
    if (head === undefined) return refuse('ends too early');
    if (head < 0x80) return head;
    if (head >= 0xe0) return head - 0x100;
    if (head === 0xc0) return NULL;
    const width = WIDTHS[head - 0xca];
    if (width === undefined) return NO_WHOLE;
    this.#at += width;
    if (this.#at > this.#bytes.length) return refuse('ends too early');
    const value = this.#wide(head, at + 1);
    return Number.isFinite(value) ? value : NO_WHOLE;
  }

  #wide(head: number, at: number): number {
    switch (head) {
      case 0xca:
        return this.#view.getFloat32(at);
      case 0xcb:
        return this.#view.getFloat64(at);
      case 0xcc:
        return this.#view.getUint8(at);
      case 0xcd:
        return this.#view.getUint16(at);
      case 0xce:
        return this.#view.getUint32(at);
      case 0xcf:
        return Number(this.#view.getBigUint64(at));
      case 0xd0:
        return this.#view.getInt8(at);
      case 0xd1:
        return this.#view.getInt16(at);
      case 0xd2:
        return this.#view.getInt32(at);
      default:
        return Number(this.#view.getBigInt64(at));
    }
  }

  #unsigned(width: number): number {
    if (width > this.#bytes.length - this.#at) refuse('ends too early');
    let value = 0;
    for (let left = width; left > 0; left--) value = value * 0x100 + this.#bytes[this.#at++]!;
    return value;
  }
}

/** Bytes of numbers by their heads, 0xca to 0xd3: floats, whole numbers, such with a sign. */
const WIDTHS = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8];

const outOf = (what: string): never => refuse(`${what} is out of range`);

/**
 * Where each event's values end in flat columns.
 *
 * @param counts of each event's values; the ends take their place
 * @param length of those columns
 */
export function endsOf(counts: Int32Array, length: number, what: string): Int32Array {
  let end = 0;
  for (let event = 0; event < counts.length; event++) {
    end += counts[event]!;
    counts[event] = end;
  }
  if (end !== length) refuse(`${what} are ${end < length ? 'left over' : 'missing'}`);
  return counts;
}

/**
 * Reads MessagePack value by value, without building what it reads: a column of a million numbers
 * takes no memory, and can be read in slices. For cells that this program wrote.
 */
import { Buffer } from 'node:buffer';

export type Scalar = number | string | boolean | null;

/** Shorter texts are read faster in JavaScript than by a call of the decoder. */
const SHORT_TEXT = 24;

/** Bytes of a number by its head; 0: it is none. */
const NUMBER_BYTES = Uint8Array.from({ length: 256 }, (_, head) => {
  if (head < 0x80 || head >= 0xe0) return 1;
  // Floats of 32 and 64 bits, whole numbers of 8 to 64 bits, such with a sign.
  return [5, 9, 2, 3, 5, 9, 2, 3, 5, 9][head - 0xca] ?? 0;
});

function unreadable(): never {
  throw new RangeError('a rollup cell is not the MessagePack that this program writes');
}

export class MessagePackCursor {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at: number;

  private constructor(bytes: Buffer, view: DataView, at: number) {
    this.#bytes = bytes;
    this.#view = view;
    this.#at = at;
  }

  static over({ buffer, byteOffset, byteLength }: Uint8Array): MessagePackCursor {
    return new MessagePackCursor(
      Buffer.from(buffer, byteOffset, byteLength),
      new DataView(buffer, byteOffset, byteLength),
      0,
    );
  }

  /** Another cursor at the same place. */
  fork(): MessagePackCursor {
    return new MessagePackCursor(this.#bytes, this.#view, this.#at);
  }

  /**
   * Enters an array.
   *
   * @returns how many values follow
   */
  array(): number {
    const head = this.#byte();
    if (head >= 0x90 && head < 0xa0) return head & 0x0f;
    if (head === 0xdc) return this.#unsigned(2);
    return head === 0xdd ? this.#unsigned(4) : unreadable();
  }

  /**
   * Enters a map.
   *
   * @returns how many pairs follow
   */
  map(): number {
    const head = this.#byte();
    if (head >= 0x80 && head < 0x90) return head & 0x0f;
    if (head === 0xde) return this.#unsigned(2);
    return head === 0xdf ? this.#unsigned(4) : unreadable();
  }

  /** The bytes themselves, not a copy. */
  bytes(): Uint8Array {
    const head = this.#byte();
    if (head < 0xc4 || head > 0xc6) return unreadable();
    const from = this.#pass(this.#unsigned(1 << (head - 0xc4)));
    return this.#bytes.subarray(from, this.#at);
  }

  /** The bytes from here to another cursor, which passed on from here. */
  until(other: MessagePackCursor): Uint8Array {
    return this.#bytes.subarray(this.#at, other.#at);
  }

  /**
   * Passes over an array of numbers.
   *
   * @returns how many there are
   */
  skipNumbers(): number {
    const length = this.array();
    const bytes = this.#bytes;
    let at = this.#at;
    for (let left = length; left > 0; left--) {
      const width = NUMBER_BYTES[bytes[at]!];
      if (width === 0 || width === undefined) return unreadable();
      at += width;
    }
    this.#at = at;
    return at > bytes.length ? unreadable() : length;
  }

  /** The bytes of all values that follow the next one; they are not read. */
  afterNext(): Uint8Array {
    this.skip();
    return this.#bytes.subarray(this.#at);
  }

  /** Whether the next value is an array; it is not read. */
  get atArray(): boolean {
    const head = this.#bytes[this.#at]!;
    return (head >= 0x90 && head < 0xa0) || head === 0xdc || head === 0xdd;
  }

  /** Reads a null if the next value is one. */
  isNull(): boolean {
    if (this.#bytes[this.#at] !== 0xc0) return false;
    this.#at++;
    return true;
  }

  number(): number {
    const head = this.#byte();
    if (head < 0x80) return head;
    return head >= 0xe0 ? head - 0x100 : this.#wideNumber(head);
  }

  scalar(): Scalar {
    const head = this.#byte();
    if (head < 0x80) return head;
    if (head >= 0xe0) return head - 0x100;
    if (head >= 0xa0 && head < 0xc0) return this.#text(head & 0x1f);
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#unsigned(1 << (head - 0xd9)));
      default:
        return this.#wideNumber(head);
    }
  }

  /**
   * Passes over one value with all that is in it.
   *
   * @returns how many values that were
   */
  skip(): number {
    let passed = 0;
    for (let left = 1; left > 0; left--) {
      passed++;
      const head = this.#bytes[this.#at]!;
      if (head < 0x80 || head >= 0xe0) this.#byte();
      else if (this.atArray) left += this.array();
      else if (head < 0x90 || head === 0xde || head === 0xdf) left += 2 * this.map();
      else if (head >= 0xc4 && head <= 0xc6) this.bytes();
      else this.#skipScalar();
    }
    return passed;
  }

  #skipScalar(): void {
    const head = this.#byte();
    if (head < 0xc0) this.#pass(head & 0x1f);
    else if (head >= 0xd9 && head <= 0xdb) this.#pass(this.#unsigned(1 << (head - 0xd9)));
    else if (head >= 0xc4) this.#wideNumber(head);
  }

  /** DataView throws a RangeError at the end of the bytes. */
  #wideNumber(head: number): number {
    const at = this.#at;
    switch (head) {
      case 0xca:
        this.#at += 4;
        return this.#view.getFloat32(at);
      case 0xcb:
        this.#at += 8;
        return this.#view.getFloat64(at);
      case 0xcc:
        return this.#byte();
      case 0xcd:
        this.#at += 2;
        return this.#view.getUint16(at);
      case 0xce:
        this.#at += 4;
        return this.#view.getUint32(at);
      case 0xcf:
        this.#at += 8;
        return Number(this.#view.getBigUint64(at));
      case 0xd0:
        this.#at += 1;
        return this.#view.getInt8(at);
      case 0xd1:
        this.#at += 2;
        return this.#view.getInt16(at);
      case 0xd2:
        this.#at += 4;
        return this.#view.getInt32(at);
      case 0xd3:
        this.#at += 8;
        return Number(this.#view.getBigInt64(at));
      default:
        return unreadable();
    }
  }

  #byte(): number {
    return this.#at < this.#bytes.length ? this.#bytes[this.#at++]! : unreadable();
  }

  #unsigned(width: number): number {
    let value = 0;
    for (let left = width; left > 0; left--) value = value * 0x100 + this.#byte();
    return value;
  }

  /** @returns where the bytes that were passed begin */
  #pass(length: number): number {
    const from = this.#at;
    this.#at += length;
    return this.#at > this.#bytes.length ? unreadable() : from;
  }

  #text(length: number): string {
    const from = this.#pass(length);
    if (length > SHORT_TEXT) return this.#bytes.toString('utf8', from, this.#at);
    let text = '';
    for (let at = from; at < this.#at; at++) {
      const byte = this.#bytes[at]!;
      if (byte >= 0x80) return this.#bytes.toString('utf8', from, this.#at);
      text += String.fromCharCode(byte);
    }
    return text;
  }
}

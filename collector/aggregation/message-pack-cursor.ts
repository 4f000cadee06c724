/**
 * Reads MessagePack value by value, without building what it reads: a column of a million numbers
 * takes no memory, and can be read in slices. For cells that this program wrote.
 */
import { Buffer } from 'node:buffer';

export type Scalar = number | string | boolean | null;

const UNREADABLE = 'a rollup cell is not the MessagePack that this program writes';

export class MessagePackCursor {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }

  /** Another cursor at the same place. */
  fork(): MessagePackCursor {
    return new MessagePackCursor(this.#bytes, this.#at);
  }

  /** Enters an array. @returns how many values follow */
  array(): number {
    const head = this.#byte();
    if (head >= 0x90 && head < 0xa0) return head & 0x0f;
    if (head === 0xdc) return this.#unsigned(2);
    if (head === 0xdd) return this.#unsigned(4);
    throw new RangeError(UNREADABLE);
  }

  /** Enters a map. @returns how many pairs follow */
  map(): number {
    const head = this.#byte();
    if (head >= 0x80 && head < 0x90) return head & 0x0f;
    if (head === 0xde) return this.#unsigned(2);
    if (head === 0xdf) return this.#unsigned(4);
    throw new RangeError(UNREADABLE);
  }

  /** The bytes themselves, not a copy. */
  bytes(): Buffer {
    const head = this.#byte();
    if (head < 0xc4 || head > 0xc6) throw new RangeError(UNREADABLE);
    return this.#slice(this.#unsigned(1 << (head - 0xc4)));
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
    const value = this.scalar();
    if (typeof value !== 'number') throw new RangeError(UNREADABLE);
    return value;
  }

  scalar(): Scalar {
    const head = this.#byte();
    if (head < 0x80) return head;
    if (head >= 0xe0) return head - 0x100;
    if (head >= 0xa0 && head < 0xc0) return this.#slice(head & 0x1f).toString();
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
        return this.#slice(this.#unsigned(1 << (head - 0xd9))).toString();
      default:
        return this.#wideNumber(head);
    }
  }

  /** Passes over one value with all that is in it. @returns how many values that were */
  skip(): number {
    let passed = 0;
    for (let left = 1; left > 0; left--) {
      passed++;
      const head = this.#bytes[this.#at]!;
      if (head >= 0x80 && head < 0x90) left += 2 * this.map();
      else if (this.atArray) left += this.array();
      else if (head === 0xde || head === 0xdf) left += 2 * this.map();
      else if (head >= 0xc4 && head <= 0xc6) this.bytes();
      else this.#skipScalar();
    }
    return passed;
  }

  #skipScalar(): void {
    const head = this.#byte();
    if (head < 0x80 || head >= 0xe0) return;
    if (head >= 0xa0 && head < 0xc0) this.#slice(head & 0x1f);
    else if (head >= 0xd9 && head <= 0xdb) this.#slice(this.#unsigned(1 << (head - 0xd9)));
    else if (head >= 0xc4) this.#wideNumber(head);
  }

  #wideNumber(head: number): number {
    const at = this.#at;
    const width = WIDTHS[head];
    if (width === undefined || at + width > this.#bytes.length) throw new RangeError(UNREADABLE);
    this.#at += width;
    switch (head) {
      case 0xca:
        return this.#bytes.readFloatBE(at);
      case 0xcb:
        return this.#bytes.readDoubleBE(at);
      case 0xcf:
        return Number(this.#bytes.readBigUInt64BE(at));
      case 0xd3:
        return Number(this.#bytes.readBigInt64BE(at));
      default:
        return head < 0xd0 ? this.#bytes.readUIntBE(at, width) : this.#bytes.readIntBE(at, width);
    }
  }

  #byte(): number {
    if (this.#at >= this.#bytes.length) throw new RangeError(UNREADABLE);
    return this.#bytes[this.#at++]!;
  }

  #unsigned(width: number): number {
    let value = 0;
    for (let left = width; left > 0; left--) value = value * 0x100 + this.#byte();
    return value;
  }

  #slice(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError(UNREADABLE);
    const slice = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return slice;
  }
}

const WIDTHS: Readonly<Record<number, number>> = {
  202: 4,
  203: 8,
  204: 1,
  205: 2,
  206: 4,
  207: 8,
  208: 1,
  209: 2,
  210: 4,
  211: 8,
};

/**
 * Writes MessagePack value by value, without building what it writes. The bytes are those that
 * `pack` gives: of each number the shortest form, doubles beyond 32 bits.
 */
import { Buffer } from 'node:buffer';

const FIRST_BYTES = 4 * 1024;
/** Of a number or a head. */
const MOST_BYTES = 9;

export class MessagePackWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  /** The head of an array; its values follow. */
  array(length: number): void {
    this.#reserve(MOST_BYTES);
    if (length < 16) this.#bytes[this.#at++] = 0x90 | length;
    else this.#wide(length < 0x1_0000 ? 0xdc : 0xdd, length);
  }

  null(): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = 0xc0;
  }

  boolean(value: boolean): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = value ? 0xc3 : 0xc2;
  }

  number(value: number): void {
    this.#reserve(MOST_BYTES);
    this.#number(value);
  }

  /** An array of numbers. */
  numbers(values: readonly number[]): void {
    this.array(values.length);
    this.#reserve(MOST_BYTES * values.length);
    for (let at = 0; at < values.length; at++) this.#number(values[at]!);
  }

  /** Bytes as a value. */
  bytes(value: Uint8Array): void {
    this.#reserve(MOST_BYTES + value.length);
    if (value.length < 0x100) {
      this.#bytes[this.#at++] = 0xc4;
      this.#bytes[this.#at++] = value.length;
    } else this.#wide(value.length < 0x1_0000 ? 0xc5 : 0xc6, value.length);
    this.packed(value);
  }

  /** A value that is packed already. */
  packed(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** What was written, not a copy. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  #number(value: number): void {
    if (value >>> 0 === value) {
      if (value < 0x80) this.#bytes[this.#at++] = value;
      else if (value < 0x100) {
        this.#bytes[this.#at++] = 0xcc;
        this.#bytes[this.#at++] = value;
      } else this.#wide(value < 0x1_0000 ? 0xcd : 0xce, value);
    } else if (value >> 0 === value) this.#negative(value);
    else {
      this.#bytes[this.#at] = 0xcb;
      this.#view.setFloat64(this.#at + 1, value);
      this.#at += 9;
    }
  }

  #negative(value: number): void {
    if (value >= -0x20) this.#bytes[this.#at++] = 0x100 + value;
    else if (value >= -0x80) {
      this.#bytes[this.#at++] = 0xd0;
      this.#bytes[this.#at++] = 0x100 + value;
    } else if (value >= -0x8000) this.#wide(0xd1, value & 0xffff);
    else this.#wide(0xd2, value >>> 0);
  }

  /** A head, and after it a number of 16 bits, or of 32 where the head says so. */
  #wide(head: number, value: number): void {
    this.#bytes[this.#at++] = head;
    if (head === 0xce || head === 0xd2 || head === 0xdd || head === 0xc6) {
      this.#bytes[this.#at++] = value >>> 24;
      this.#bytes[this.#at++] = (value >>> 16) & 0xff;
    }
    this.#bytes[this.#at++] = (value >>> 8) & 0xff;
    this.#bytes[this.#at++] = value & 0xff;
  }

  #reserve(more: number): void {
    const wanted = this.#at + more;
    if (wanted <= this.#bytes.length) return;
    const bytes = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.#bytes.length));
    bytes.set(this.written());
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/**
 * Reads and writes row keys field by field: integers big-endian, ids terminated by 0x00 (no id
 * contains one).
 */
import { Buffer } from 'node:buffer';
import { isId } from './ids.ts';

/** Two ids of 64 characters with their terminators, and all the integers of any key. */
const MAX_KEY_BYTES = 2 * 65 + 64;

export class KeyWriter {
  readonly #bytes = Buffer.allocUnsafe(MAX_KEY_BYTES);
  #at = 0;

  u8(value: number): this {
    this.#at = this.#bytes.writeUInt8(value, this.#at);
    return this;
  }
  u16(value: number): this {
    this.#at = this.#bytes.writeUInt16BE(value, this.#at);
    return this;
  }
  u32(value: number): this {
    this.#at = this.#bytes.writeUInt32BE(value, this.#at);
    return this;
  }
  /** @param value a safe integer */
  u64(value: number): this {
    return this.u32(Math.floor(value / 2 ** 32)).u32(value % 2 ** 32);
  }
  id(text: string): this {
    this.#at += this.#bytes.write(text, this.#at, 'latin1');
    return this.u8(0);
  }
  /** @param text 16 hex digits: an epoch or a nonce */
  hex8(text: string): this {
    const written = this.#bytes.write(text, this.#at, 'hex');
    if (text.length !== 16 || written !== 8) throw new RangeError(`not 16 hex digits: ${JSON.stringify(text)}`);
    this.#at += written;
    return this;
  }
  done(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }
}

/** Throws `RangeError` on bytes that the writer would not have written. */
export class KeyReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(key: Uint8Array) {
    this.#bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  }
  refuse(why: string): never {
    throw new RangeError(`row key ${why}: ${this.#bytes.toString('hex')}`);
  }
  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) this.refuse('too short');
    this.#at = at + length;
    return at;
  }
  u8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }
  u16(): number {
    return this.#bytes.readUInt16BE(this.#take(2));
  }
  u32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }
  u64(): number {
    const value = this.u32() * 2 ** 32 + this.u32();
    return Number.isSafeInteger(value) ? value : this.refuse('with an integer beyond 2^53');
  }
  id<Id extends string>(): Id {
    const end = this.#bytes.indexOf(0, this.#at);
    const text = end < 0 ? '' : this.#bytes.toString('latin1', this.#at, end);
    if (!isId(text)) this.refuse('without an id');
    this.#at = end + 1;
    return text as string as Id;
  }
  hex8<Hex extends string>(): Hex {
    const at = this.#take(8);
    return this.#bytes.toString('hex', at, at + 8) as Hex;
  }
  /** One byte that encodes a name. */
  name<Name extends string>(codes: Readonly<Record<Name, number>>): Name {
    const code = this.u8();
    for (const name in codes) if (codes[name] === code) return name;
    return this.refuse(`with the unknown code ${code}`);
  }
  end(): void {
    if (this.#at !== this.#bytes.length) this.refuse('too long');
  }
}

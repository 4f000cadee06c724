/** A growable buffer that the library's protocol writes a message into. */
import type { WriteTransport } from 'thrift';

const FIRST_SIZE = 4096;

export class WriteBuffer implements WriteTransport {
  #buffer = Buffer.allocUnsafe(FIRST_SIZE);
  #length = 0;

  write(bytes: Uint8Array): void {
    const end = this.#length + bytes.length;
    if (end > this.#buffer.length) this.#grow(end);
    this.#buffer.set(bytes, this.#length);
    this.#length = end;
  }

  /**
   * The library passes its transport the id of each call it writes; with one call at a time it is
   * known.
   */
  setCurrSeqId(): void {}

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.bytes());
    this.#buffer = larger;
  }
}

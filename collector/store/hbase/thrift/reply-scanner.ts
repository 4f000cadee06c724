/**
 * Finds the end of a Thrift reply while its bytes arrive.
 *
 * An unframed Thrift message states no length: it ends where its outermost struct stops. The
 * scanner walks the binary protocol once, whatever the chunks, so a large reply costs one pass; a
 * parser that restarts at each chunk is quadratic. It validates what it walks: a bad version, type
 * or length, or a depth or size out of bounds, is a `MalformedReply` or a `ReplyTooLarge` at once,
 * never a wait for bytes that cannot come.
 *
 * State between chunks: `#skip` bytes to pass over, then the head (a few bytes) that the innermost
 * open `Frame` needs next. A scanner reads one message.
 */

/** The bytes are not a Thrift reply; the connection is unusable. */
export class MalformedReply extends Error {
  override readonly name = 'MalformedReply';
}

/** The reply is longer than the caller's limit. */
export class ReplyTooLarge extends Error {
  override readonly name = 'ReplyTooLarge';
}

/** The library itself follows no deeper. */
const MAX_DEPTH = 64;

/** First half of the first word of a strict message; the message type follows. */
const VERSION_1 = 0x8001;

// Type codes of Thrift's binary protocol specification.
const STOP = 0;
const STRING = 11;
const STRUCT = 12;
const MAP = 13;
const SET = 14;
const LIST = 15;
/** Bytes of a value of the other types: bool, byte, double, i16, i32, i64, uuid. */
const FIXED: Readonly<Record<number, number>> = { 2: 1, 3: 1, 4: 8, 6: 2, 8: 4, 10: 8, 16: 16 };
const I32 = 8;

/** An open element, with the number of bytes it needs before the scanner can continue. */
type Frame =
  | { readonly kind: 'version' | 'string' | 'struct' | 'list' | 'map'; readonly head: number }
  /**
   * `left` more values whose types alternate: one type for a list, two for a map, the fields of a
   * message.
   */
  | { readonly kind: 'values'; readonly head: 0; readonly types: readonly number[]; next: number; left: number };

const VERSION: Frame = { kind: 'version', head: 4 };
const STRING_HEAD: Frame = { kind: 'string', head: 4 };
const FIELD_HEAD: Frame = { kind: 'struct', head: 1 };
const LIST_HEAD: Frame = { kind: 'list', head: 5 };
const MAP_HEAD: Frame = { kind: 'map', head: 6 };
const FIELD_ID_BYTES = 2;

export class ReplyScanner {
  readonly #maxBytes: number;
  readonly #chunks: Buffer[] = [];
  #received = 0;
  #skip = 0;
  readonly #head = Buffer.alloc(6);
  #filled = 0;
  /** A message: version, then name, sequence id and result struct. */
  readonly #open: Frame[] = [values([STRING, I32, STRUCT], 3), VERSION];

  /** @param maxBytes length limit of a reply */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Adds a chunk. Returns the whole message once its last byte has arrived, until then null.
   *
   * @throws MalformedReply, ReplyTooLarge
   */
  push(chunk: Buffer): Buffer | null {
    this.#chunks.push(chunk);
    this.#received += chunk.length;
    if (this.#received > this.#maxBytes) throw this.#tooLarge();
    let at = 0;
    for (;;) {
      const passed = Math.min(this.#skip, chunk.length - at);
      at += passed;
      this.#skip -= passed;
      if (this.#skip > 0) return null;
      const frame = this.#open.at(-1);
      if (frame === undefined) break;
      while (this.#filled < frame.head && at < chunk.length) this.#head[this.#filled++] = chunk[at++]!;
      if (this.#filled < frame.head) return null;
      this.#filled = 0;
      this.#advance(frame);
    }
    if (at < chunk.length) throw new MalformedReply(`${chunk.length - at} bytes after the end of the reply`);
    return this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#received);
  }

  #advance(frame: Frame): void {
    switch (frame.kind) {
      case 'version':
        this.#open.pop();
        if (this.#head.readUInt16BE(0) !== VERSION_1) throw new MalformedReply('not a Thrift binary message');
        return;
      case 'string':
        this.#open.pop();
        this.#skip = this.#size(0, 1);
        return;
      case 'struct':
        if (this.#head[0] === STOP) {
          this.#open.pop();
        } else {
          this.#skip = FIELD_ID_BYTES;
          this.#enter(this.#head[0]!);
        }
        return;
      case 'list':
        this.#open.pop();
        this.#values([this.#head[0]!], this.#size(1, 1));
        return;
      case 'map':
        this.#open.pop();
        this.#values([this.#head[0]!, this.#head[1]!], 2 * this.#size(2, 2));
        return;
      case 'values':
        if (frame.left === 0) {
          this.#open.pop();
        } else {
          frame.left--;
          this.#enter(frame.types[frame.next++ % frame.types.length]!);
        }
        return;
      default:
        frame satisfies never;
    }
  }

  /** Opens a value of this type, or skips it if its size is fixed. */
  #enter(type: number): void {
    const fixed = FIXED[type];
    if (fixed !== undefined) this.#skip += fixed;
    else if (type === STRING) this.#push(STRING_HEAD);
    else if (type === STRUCT) this.#push(FIELD_HEAD);
    else if (type === LIST || type === SET) this.#push(LIST_HEAD);
    else if (type === MAP) this.#push(MAP_HEAD);
    else throw new MalformedReply(`unknown type ${type}`);
  }

  #values(types: readonly number[], count: number): void {
    if (count > 0) this.#push(values(types, count));
  }

  #push(frame: Frame): void {
    if (this.#open.length >= MAX_DEPTH) throw new MalformedReply(`nested deeper than ${MAX_DEPTH}`);
    this.#open.push(frame);
  }

  /**
   * Reads a count at this offset of the head, of elements that take at least `bytesEach` bytes
   * each.
   */
  #size(offset: number, bytesEach: number): number {
    const size = this.#head.readInt32BE(offset);
    if (size < 0) throw new MalformedReply(`negative size ${size}`);
    if (size * bytesEach > this.#maxBytes) throw this.#tooLarge();
    return size;
  }

  #tooLarge(): ReplyTooLarge {
    return new ReplyTooLarge(`the reply is longer than ${this.#maxBytes} bytes`);
  }
}

function values(types: readonly number[], count: number): Frame {
  return { kind: 'values', head: 0, types, next: 0, left: count };
}

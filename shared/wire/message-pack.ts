/**
 * MessagePack for untrusted bytes. msgpackr alone trusts its input: a five-byte array header may
 * claim 2^32 elements and have them allocated, and extension types build arbitrary objects. So the
 * bytes are walked first: no claims beyond the existing bytes, no extension types, a bounded depth,
 * nothing left over; and, where the caller asks for it, a bound on values that cost far more memory
 * than bytes.
 */
import { Packr, Unpackr } from 'msgpackr';

/** Nesting of arrays and maps. */
const MAX_DEPTH = 8;
/** Enough for any valid message, and at most about ten MiB of heap. */
export const UNTRUSTED_MAX_OBJECTS = 65_536;

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });

export class MalformedMessagePack extends Error {
  override readonly name = 'MalformedMessagePack';
}

export const pack = (value: unknown): Uint8Array => packr.pack(value);

const refuse = (detail: string): never => {
  throw new MalformedMessagePack(detail);
};

/**
 * What a value's first byte says: how many bytes after it (0 to 4, big-endian) state a length or a
 * count, and what follows: the stated number of it, or `fixed`.
 *
 * - `raw`: bytes of a scalar or a text
 * - `bin`: bytes that become an object on the heap
 * - `array`: values; `map`: pairs of values
 */
interface Head {
  readonly kind: 'raw' | 'bin' | 'array' | 'map';
  readonly stated: 0 | 1 | 2 | 4;
  readonly fixed: number;
}

const fixed = (kind: Head['kind'], length: number): Head => ({ kind, stated: 0, fixed: length });
const stated = (kind: Head['kind'], bytes: 1 | 2 | 4): Head => ({ kind, stated: bytes, fixed: 0 });

/** The allowed heads of 0xc0 to 0xdf. */
const LONG_HEADS: Readonly<Record<number, Head>> = {
  192: fixed('raw', 0),
  194: fixed('raw', 0),
  195: fixed('raw', 0),
  196: stated('bin', 1),
  197: stated('bin', 2),
  198: stated('bin', 4),
  202: fixed('raw', 4),
  203: fixed('raw', 8),
  204: fixed('raw', 1),
  205: fixed('raw', 2),
  206: fixed('raw', 4),
  207: fixed('raw', 8),
  208: fixed('raw', 1),
  209: fixed('raw', 2),
  210: fixed('raw', 4),
  211: fixed('raw', 8),
  217: stated('raw', 1),
  218: stated('raw', 2),
  219: stated('raw', 4),
  220: stated('array', 2),
  221: stated('array', 4),
  222: stated('map', 2),
  223: stated('map', 4),
};

/**
 * By the first byte, as MessagePack's specification lists them; null: extension types, and the one
 * unused byte.
 */
const HEADS: readonly (Head | null)[] = Array.from({ length: 256 }, (_, head) => {
  if (head < 0x80 || head >= 0xe0) return fixed('raw', 0);
  if (head < 0x90) return fixed('map', head & 0x0f);
  if (head < 0xa0) return fixed('array', head & 0x0f);
  if (head < 0xc0) return fixed('raw', head & 0x1f);
  return LONG_HEADS[head] ?? null;
});

/**
 * Walks all values: each is a head and its content.
 *
 * @param values how many there are, one after the other
 * @throws MalformedMessagePack
 */
export function checkMessagePack(bytes: Uint8Array, values: number, maxObjects: number): void {
  /**
   * How many values remain: of the message, of the array or map open in it, of the one open in
   * that, …
   */
  const left: number[] = [values];
  let objects = 0;
  let at = 0;
  while (left.length > 0) {
    const top = left.length - 1;
    if (left[top] === 0) {
      left.pop();
      continue;
    }
    left[top]!--;
    if (at === bytes.length) refuse('ends too early');
    const head = HEADS[bytes[at]!] ?? refuse(`type 0x${bytes[at]!.toString(16)} is not allowed`);
    at++;
    if (head.stated > bytes.length - at) refuse('ends too early');
    let length = head.fixed;
    for (let end = at + head.stated; at < end; at++) length = length * 0x100 + bytes[at]!;
    if (head.kind === 'raw' || head.kind === 'bin') {
      if (length > bytes.length - at) refuse('claims more bytes than there are');
      at += length;
    } else {
      const entries = head.kind === 'map' ? 2 * length : length;
      // Each value takes at least one byte.
      if (entries > bytes.length - at) refuse('claims more values than there are bytes');
      if (left.length > MAX_DEPTH) refuse(`is nested deeper than ${MAX_DEPTH}`);
      left.push(entries);
    }
    if (head.kind !== 'raw') objects += head.kind === 'map' ? 1 + length : 1;
    if (objects > maxObjects) refuse(`holds more than ${maxObjects} arrays, map entries and byte strings`);
  }
  if (at !== bytes.length) refuse('has bytes left over');
}

/**
 * @param maxObjects how many arrays, map entries and byte strings the value may hold: each takes a
 *   hundred bytes of heap, whatever its own length. Without them, memory stays within about thirty
 *   bytes per byte of input
 * @throws MalformedMessagePack and nothing else
 */
export function unpack(bytes: Uint8Array, maxObjects = Number.POSITIVE_INFINITY): unknown {
  checkMessagePack(bytes, 1, maxObjects);
  try {
    return unpackr.unpack(bytes);
  } catch (cause) {
    throw new MalformedMessagePack('cannot be read', { cause });
  }
}

/**
 * MessagePack for bytes that strangers send. msgpackr alone trusts what it reads: a five-byte array header may claim 2^32
 * elements and have them allocated, and extension types build objects of its choosing. So the bytes are walked first: no claim
 * beyond the bytes that are there, no extension types, a bounded depth, nothing left over; and, where the caller says so, a bound on
 * what costs far more memory than bytes.
 */
import { Packr, Unpackr } from 'msgpackr';

/** Arrays and maps within each other. */
const MAX_DEPTH = 8;
/** Enough for any honest message, and at most some ten MiB of heap. */
export const STRANGERS_MAX_OBJECTS = 65_536;

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });

export class MalformedMessagePack extends Error {
  override readonly name = 'MalformedMessagePack';
}

export const pack = (value: unknown): Uint8Array => packr.pack(value);

const refuse = (detail: string): never => {
  throw new MalformedMessagePack(detail);
};

/** Each value is a head, and what follows it: `raw` bytes of its own, or `children` values. */
function walk(bytes: Uint8Array, maxObjects: number): void {
  /** How many values are still to come: of the message, of the array or map open in it, of the one open in that, … */
  const left: number[] = [1];
  let objects = 0;
  let at = 0;
  const u8 = (): number => (at < bytes.length ? bytes[at++]! : refuse('ends too early'));
  const u16 = (): number => (u8() << 8) | u8();
  const u32 = (): number => u16() * 0x10000 + u16();
  const raw = (length: number): void => {
    if (length > bytes.length - at) refuse('claims more bytes than there are');
    at += length;
  };
  const make = (count: number): void => {
    objects += count;
    if (objects > maxObjects) refuse(`holds more than ${maxObjects} arrays, map entries and byte strings`);
  };
  const children = (count: number): void => {
    // Each value takes a byte at least.
    if (count > bytes.length - at) refuse('claims more values than there are bytes');
    if (left.length > MAX_DEPTH) refuse(`is nested deeper than ${MAX_DEPTH}`);
    left.push(count);
  };
  const array = (length: number): void => {
    make(1);
    children(length);
  };
  const map = (entries: number): void => {
    make(1 + entries);
    children(2 * entries);
  };
  const bin = (length: number): void => {
    make(1);
    raw(length);
  };
  while (left.length > 0) {
    const top = left.length - 1;
    if (left[top] === 0) {
      left.pop();
      continue;
    }
    left[top]!--;
    const head = u8();
    if (head < 0x80 || head >= 0xe0) continue;
    if (head < 0x90) map(head & 0x0f);
    else if (head < 0xa0) array(head & 0x0f);
    else if (head < 0xc0) raw(head & 0x1f);
    else {
      switch (head) {
        case 0xc0:
        case 0xc2:
        case 0xc3:
          break;
        case 0xc4:
          bin(u8());
          break;
        case 0xc5:
          bin(u16());
          break;
        case 0xc6:
          bin(u32());
          break;
        case 0xd9:
          raw(u8());
          break;
        case 0xda:
          raw(u16());
          break;
        case 0xdb:
          raw(u32());
          break;
        case 0xca:
        case 0xce:
        case 0xd2:
          raw(4);
          break;
        case 0xcb:
        case 0xcf:
        case 0xd3:
          raw(8);
          break;
        case 0xcc:
        case 0xd0:
          raw(1);
          break;
        case 0xcd:
        case 0xd1:
          raw(2);
          break;
        case 0xdc:
          array(u16());
          break;
        case 0xdd:
          array(u32());
          break;
        case 0xde:
          map(u16());
          break;
        case 0xdf:
          map(u32());
          break;
        default:
          refuse(`type 0x${head.toString(16)} is not allowed`);
      }
    }
  }
  if (at !== bytes.length) refuse('has bytes left over');
}

/**
 * @param maxObjects how many arrays, map entries and byte strings the value may hold: each takes a hundred bytes of heap, whatever
 *   its own length. Without them, memory stays within some thirty bytes for each byte of input
 * @throws MalformedMessagePack and nothing else
 */
export function unpack(bytes: Uint8Array, maxObjects = Number.POSITIVE_INFINITY): unknown {
  walk(bytes, maxObjects);
  try {
    return unpackr.unpack(bytes);
  } catch (cause) {
    throw new MalformedMessagePack('cannot be read', { cause });
  }
}

/**
 * Scans a body's bytes once before any of it is parsed: checks the nesting depth and finds the
 * elements of its array, so that they can be parsed one by one. It does not validate: a body is
 * JSON if the scan finds no fault and each element is JSON.
 */

/** More than any event needs; `attrs` may nest up to it. */
export const MAX_DEPTH = 128;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

export type Scanned =
  | {
      readonly kind: 'element';
      /** Index in the top-level array; null when the body is not an array. */
      readonly index: number | null;
      /** Byte range of the element, surrounding blanks included. */
      readonly start: number;
      /** Exclusive. */
      readonly end: number;
    }
  /** Final result: nested deeper than `MAX_DEPTH`. */
  | { readonly kind: 'too-deep'; readonly index: number | null }
  /** Final result: starts as an array but does not end as one. */
  | { readonly kind: 'broken' };

/** JSON whitespace (RFC 8259, section 2). */
const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

const isAllBlank = (bytes: Uint8Array, start: number, end: number): boolean => {
  for (let at = start; at < end; at++) if (!isBlank(bytes[at]!)) return false;
  return true;
};

export function* scanJson(bytes: Uint8Array): Generator<Scanned, void, void> {
  const { length } = bytes;
  let begin = 0;
  while (begin < length && isBlank(bytes[begin]!)) begin++;
  const isArray = bytes[begin] === OPEN_BRACKET;
  let depth = 0;
  let index = 0;
  let start = begin + 1;
  for (let at = begin; at < length; at++) {
    switch (bytes[at]) {
      case QUOTE:
        for (at++; at < length && bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++;
        break;
      case OPEN_BRACKET:
      case OPEN_BRACE:
        if (++depth > MAX_DEPTH) {
          yield { kind: 'too-deep', index: isArray ? index : null };
          return;
        }
        break;
      case CLOSE_BRACKET:
      case CLOSE_BRACE:
        if (--depth > 0 || !isArray) break;
        if (bytes[at] === CLOSE_BRACE || !isAllBlank(bytes, at + 1, length)) yield { kind: 'broken' };
        else if (index > 0 || !isAllBlank(bytes, start, at)) yield { kind: 'element', index, start, end: at };
        return;
      case COMMA:
        if (depth !== 1 || !isArray) break;
        yield { kind: 'element', index, start, end: at };
        index++;
        start = at + 1;
        break;
    }
  }
  yield isArray ? { kind: 'broken' } : { kind: 'element', index: null, start: 0, end: length };
}

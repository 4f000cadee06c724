/** One cheap pass over a body's bytes before it is parsed: how deep it nests, and where large elements are. Not a validator. */

/** Deeper than any event needs; `attrs` are free within it. */
export const MAX_DEPTH = 128;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

export interface Element {
  /** In the top-level array; null when the body is not one. */
  readonly index: number | null;
  readonly bytes: number;
}

export type Scan =
  | { readonly kind: 'scanned' /** Elements of `large` bytes or more. */; readonly large: readonly Element[] }
  | { readonly kind: 'too-deep' /** Where, in the top-level array. */; readonly index: number | null };

/** @param large from how many bytes on an element is reported */
export function scan(bytes: Uint8Array, large: number): Scan {
  const found: Element[] = [];
  const { length } = bytes;
  let depth = 0;
  let isArray = false;
  let index = 0;
  let start = 0;
  const close = (end: number): void => {
    if (end - start >= large) found.push({ index, bytes: end - start });
    index++;
    start = end + 1;
  };
  for (let at = 0; at < length; at++) {
    switch (bytes[at]) {
      case QUOTE:
        for (at++; at < length && bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++;
        break;
      case OPEN_BRACKET:
      case OPEN_BRACE:
        if (depth === 0 && !isArray && bytes[at] === OPEN_BRACKET) {
          isArray = true;
          start = at + 1;
        }
        if (++depth > MAX_DEPTH) return { kind: 'too-deep', index: isArray ? index : null };
        break;
      case CLOSE_BRACKET:
      case CLOSE_BRACE:
        depth--;
        if (depth === 0 && isArray) close(at);
        break;
      case COMMA:
        if (depth === 1 && isArray) close(at);
        break;
    }
  }
  if (!isArray && length >= large) found.push({ index: null, bytes: length });
  return { kind: 'scanned', large: found };
}

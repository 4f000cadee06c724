/**
 * SHA-256 (FIPS 180-4) of short inputs, without Node: a row's key or a customer's name is one or
 * two blocks, which the runtime's own hash takes as long to be called for.
 */

/** The first 32 bits of the fractional part of a root of the first primes. */
function fractions(count: number, root: number): Int32Array {
  const found = new Int32Array(count);
  for (let prime = 2, at = 0; at < count; prime++) {
    let isPrime = true;
    for (let by = 2; by * by <= prime; by++) isPrime &&= prime % by !== 0;
    if (isPrime) found[at++] = Math.floor((prime ** (1 / root) % 1) * 2 ** 32) | 0;
  }
  return found;
}

const START = fractions(8, 2);
const ROUNDS = fractions(64, 3);
const BLOCK = 64;
const words = new Int32Array(64);
const state = new Int32Array(8);

/** Of a message: its bytes, a one, zeros, and its length in bits, in whole blocks. */
let padded = new Uint8Array(4 * BLOCK);
const encoder = new TextEncoder();

/** The digest's first 64 bits, as two unsigned halves. */
export interface Hash {
  high: number;
  low: number;
}

/** Hashes bytes. */
export const sha256 = (bytes: Uint8Array): Hash => {
  reserve(bytes.length);
  padded.set(bytes);
  return hashed(bytes.length);
};

/** Hashes a text in UTF-8. */
export const sha256OfText = (text: string): Hash => {
  reserve(3 * text.length);
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x80) return hashed(encoder.encodeInto(text, padded).written);
    padded[at] = unit;
  }
  return hashed(text.length);
};

function reserve(length: number): void {
  if (padded.length < length + 2 * BLOCK) padded = new Uint8Array(2 * length + 2 * BLOCK);
}

/** @param length of the message, which stands in `padded` */
function hashed(length: number): Hash {
  const end = Math.ceil((length + 9) / BLOCK) * BLOCK;
  padded.fill(0, length, end);
  padded[length] = 0x80;
  // Its bits are less than 2^32: who hashes more has another hash.
  for (let at = 1, bits = 8 * length; at <= 4; at++, bits >>>= 8) padded[end - at] = bits & 0xff;
  state.set(START);
  for (let at = 0; at < end; at += BLOCK) mix(at);
  return { high: state[0]! >>> 0, low: state[1]! >>> 0 };
}

/** Mixes the block at an offset of `padded` into the state. */
function mix(offset: number): void {
  for (let t = 0, at = offset; t < 16; t++, at += 4)
    words[t] = (padded[at]! << 24) | (padded[at + 1]! << 16) | (padded[at + 2]! << 8) | padded[at + 3]!;
  for (let t = 16; t < 64; t++) {
    const [x, y] = [words[t - 15]!, words[t - 2]!];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    words[t] = words[t - 16]! + s0 + words[t - 7]! + s1;
  }
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  let e = state[4]!;
  let f = state[5]!;
  let g = state[6]!;
  let h = state[7]!;
  for (let t = 0; t < 64; t++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUNDS[t]! + words[t]!) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
  state[4]! += e;
  state[5]! += f;
  state[6]! += g;
  state[7]! += h;
}

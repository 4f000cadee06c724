/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash of 64 bits, made for short messages.
 * Without the key nobody can find two messages of one hash.
 *
 * A 64-bit word of the algorithm is two 32-bit integers here, low (`l`) and high (`h`). A carry is
 * computed and not branched on: it is random, and a processor that guesses it took four times as
 * long.
 */
import { Buffer } from 'node:buffer';

export const SIPHASH_KEY_BYTES = 16;

const COMPRESSION_ROUNDS = 2;
const FINAL_ROUNDS = 4;

/**
 * @returns the hash as 16 hex digits, its bytes in the order of the reference implementation
 * @throws RangeError unless the key has 16 bytes
 */
export function sipHash(key: Uint8Array, message: Uint8Array): string {
  if (key.length !== SIPHASH_KEY_BYTES) throw new RangeError(`a key of ${SIPHASH_KEY_BYTES} bytes is needed`);
  const k0l = wordAt(key, 0);
  const k0h = wordAt(key, 4);
  const k1l = wordAt(key, 8);
  const k1h = wordAt(key, 12);
  let v0l = k0l ^ 0x70736575;
  let v0h = k0h ^ 0x736f6d65;
  let v1l = k1l ^ 0x6e646f6d;
  let v1h = k1h ^ 0x646f7261;
  let v2l = k0l ^ 0x6e657261;
  let v2h = k0h ^ 0x6c796765;
  let v3l = k1l ^ 0x79746573;
  let v3h = k1h ^ 0x74656462;
  const last = message.length & ~7;
  // The whole words of the message, the last one of its rest and its length, then the final rounds.
  for (let at = 0; at <= last + 8; at += 8) {
    const ml = at < last ? wordAt(message, at) : restAt(message, at);
    const mh = at < last ? wordAt(message, at + 4) : restAt(message, at + 4) | (at === last ? message.length << 24 : 0);
    if (at > last) v2l ^= 0xff;
    v3l ^= ml;
    v3h ^= mh;
    for (let round = at > last ? FINAL_ROUNDS : COMPRESSION_ROUNDS; round > 0; round--) {
      let l = v0l;
      v0l = (l + v1l) | 0;
      v0h = (v0h + v1h + carry(l, v1l, v0l)) | 0;
      l = v1l;
      v1l = ((l << 13) | (v1h >>> 19)) ^ v0l;
      v1h = ((v1h << 13) | (l >>> 19)) ^ v0h;
      l = v0l;
      v0l = v0h;
      v0h = l;
      l = v2l;
      v2l = (l + v3l) | 0;
      v2h = (v2h + v3h + carry(l, v3l, v2l)) | 0;
      l = v3l;
      v3l = ((l << 16) | (v3h >>> 16)) ^ v2l;
      v3h = ((v3h << 16) | (l >>> 16)) ^ v2h;
      l = v0l;
      v0l = (l + v3l) | 0;
      v0h = (v0h + v3h + carry(l, v3l, v0l)) | 0;
      l = v3l;
      v3l = ((l << 21) | (v3h >>> 11)) ^ v0l;
      v3h = ((v3h << 21) | (l >>> 11)) ^ v0h;
      l = v2l;
      v2l = (l + v1l) | 0;
      v2h = (v2h + v1h + carry(l, v1l, v2l)) | 0;
      l = v1l;
      v1l = ((l << 17) | (v1h >>> 15)) ^ v2l;
      v1h = ((v1h << 17) | (l >>> 15)) ^ v2h;
      l = v2l;
      v2l = v2h;
      v2h = l;
    }
    v0l ^= ml;
    v0h ^= mh;
  }
  return hexOf(v0l ^ v1l ^ v2l ^ v3l, v0h ^ v1h ^ v2h ^ v3h);
}

const RESULT = Buffer.alloc(8);

function hexOf(low: number, high: number): string {
  RESULT.writeInt32LE(low, 0);
  RESULT.writeInt32LE(high, 4);
  return RESULT.toString('hex');
}

/** Of a sum of two 32-bit integers: 1 if it went beyond 32 bits. */
const carry = (a: number, b: number, sum: number): number => ((a & b) | ((a | b) & ~sum)) >>> 31;

const wordAt = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);

/** The same at the end of the bytes: what is missing is 0. */
const restAt = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);

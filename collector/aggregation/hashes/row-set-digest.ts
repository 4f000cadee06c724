/**
 * Order-independent digest of a set of row keys: the sum, modulo 2^64, of the first 64 bits of each
 * key's SHA-256. The digest of a union of disjoint sets is the sum of their digests, so an hour's
 * digest is the sum of its terminals'.
 */
import { sha256 } from './sha-256.ts';

export type Digest = bigint;

export const NO_DIGEST: Digest = 0n;

export function digestOf(rowKey: Uint8Array): Digest {
  const { high, low } = sha256(rowKey);
  return (BigInt(high) << 32n) | BigInt(low);
}

export const addDigest = (a: Digest, b: Digest): Digest => BigInt.asUintN(64, a + b);

export const digestText = (digest: Digest): string => digest.toString(16).padStart(16, '0');

/** @throws SyntaxError unless the text consists of hex digits */
export const parseDigest = (text: string): Digest => BigInt(`0x${text}`);

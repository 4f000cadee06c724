import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import {
  addDigest,
  digestOf,
  digestText,
  NO_DIGEST,
  parseDigest,
} from '../../../../../collector/aggregation/hashes/row-set-digest.ts';
import { holds } from '../../../../support/shared/property.ts';

const keys = fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 12 });
const sumOf = (of: readonly Uint8Array[]): bigint => of.map(digestOf).reduce(addDigest, NO_DIGEST);

t.test("a key's digest is the first 64 bits of its SHA-256", (t) => {
  const key = Buffer.from('a row key');
  t.equal(digestOf(key), createHash('sha256').update(key).digest().readBigUInt64BE(0));
  t.end();
});

holds(
  t,
  'the digest of a set does not depend on the order, and a union of disjoint sets has the sum of their digests',
  fc.property(keys, keys, (a, b) => {
    const whole = sumOf([...a, ...b]);
    return whole === sumOf([...b, ...a].reverse()) && whole === addDigest(sumOf(a), sumOf(b)) && whole < 2n ** 64n;
  }),
);

holds(
  t,
  'its text is 16 hex digits and reads back',
  fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (digest) => {
    const text = digestText(digest);
    return /^[0-9a-f]{16}$/.test(text) && parseDigest(text) === digest;
  }),
);

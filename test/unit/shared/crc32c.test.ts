import fc from 'fast-check';
import t from 'tap';
import { crc32c } from '../../../shared/crc32c.ts';
import { holds } from '../../support/shared/property.ts';

t.test('the checksums of RFC 3720, appendix B.4, come out', async (t) => {
  const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
  t.equal(crc32c(new Uint8Array(32)), 0x8a9136aa, '32 bytes of zeroes');
  t.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43, '32 bytes of ones');
  t.equal(crc32c(ascending), 0x46dd794e, '32 bytes going up');
  t.equal(crc32c(ascending.toReversed()), 0x113fdb5c, '32 bytes going down');
  const read = '01c00000000000000000000000000000140000000000040000000014000000182800000000000000020000000000000000';
  t.equal(crc32c(Buffer.from(read.slice(0, 96), 'hex')), 0xd9963a56, 'an iSCSI read command');
});

t.test('so do those of nothing and of the customary nine digits', async (t) => {
  t.equal(crc32c(new Uint8Array(0)), 0);
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
});

/** Bit by bit, as the polynomial is written. */
function slowly(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

holds(
  t,
  'any stretch of any bytes gets the checksum that the definition gives',
  fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(), fc.nat(), (bytes, a, b) => {
    const start = a % (bytes.length + 1);
    const end = start + (b % (bytes.length - start + 1));
    return crc32c(bytes, start, end) === slowly(bytes.subarray(start, end)) && crc32c(bytes) === slowly(bytes);
  }),
  { numRuns: 500 },
);

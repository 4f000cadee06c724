import t from 'tap';
import { epoch } from '../../../../shared/ids.ts';
import { MAX_WIRE_BYTES } from '../../../../shared/wire/batch.ts';
import { batchDigest } from '../../../../shared/wire/batch-digest.ts';
import { readHeader } from '../../../../shared/wire/header.ts';
import { forgedSale } from '../../../support/collector/forged-batch.ts';
import { type Claims, sealed } from '../../../support/shared/seal-batch.ts';

const KEY = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
const IDENTITY = { epoch: epoch('9f3c0000000000a1'), firstSeq: 41, hour: 498_705, clearThrough: 0 };

/** A batch of one body of three bytes. */
const batch = (claims: Claims = {}, body = Buffer.from('abc')): Buffer =>
  sealed(body, { unpackedLength: 3, ...IDENTITY, ...claims }, body);

t.test('the digest is these bytes, for ever', async (t) => {
  // SipHash-2-4 of 01 00 0000 00000003 616263.
  t.equal(batchDigest(KEY, batch()), 'a6165c12cb6f7ea1');
});

t.test('it depends on the key, the body and how the body is to be read', async (t) => {
  const others = [
    batchDigest(Buffer.alloc(16), batch()),
    batchDigest(KEY, batch({}, Buffer.from('abd'))),
    batchDigest(KEY, batch({}, Buffer.from('abc\0'))),
    batchDigest(KEY, batch({ codec: 'zstd' })),
    batchDigest(KEY, batch({ kind: 'losses' })),
    batchDigest(KEY, batch({ dictionary: 1 })),
    batchDigest(KEY, batch({ unpackedLength: 4 })),
  ];
  t.equal(new Set([batchDigest(KEY, batch()), ...others]).size, 1 + others.length);
});

t.test('a clearance that advanced since the first time leaves it as it is', async (t) => {
  t.equal(batchDigest(KEY, batch({ clearThrough: 1_795_339_740_000 })), batchDigest(KEY, batch()));
});

t.test('a batch of the largest size has one, and a larger one too', async (t) => {
  const of = (length: number) => batchDigest(KEY, batch({}, Buffer.alloc(length)));
  t.equal(new Set([of(MAX_WIRE_BYTES - 52), of(MAX_WIRE_BYTES), of(MAX_WIRE_BYTES + 1)]).size, 3);
});

t.test('two batches that were made to have one checksum have two digests', async (t) => {
  const honest = forgedSale({ ...IDENTITY, amount: 50_000 });
  const forged = forgedSale({ ...IDENTITY, amount: 100, checksum: honest.header.bodyCrc });
  t.equal(forged.header.bodyCrc, honest.header.bodyCrc);
  t.not(batchDigest(KEY, forged.bytes), batchDigest(KEY, honest.bytes));
  t.ok(readHeader(forged.bytes).ok);
});

import assert from 'node:assert/strict';
import { constants, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { decodeBatch, encodeEvents, unpackBatches } from '../../../../shared/wire/batch.ts';
import { NEWEST } from '../../../../shared/wire/dictionaries/released.ts';
import { pack } from '../../../../shared/wire/message-pack.ts';
import { arbitraryEvent, IDENTITY } from '../../../support/shared/arbitrary-event.ts';
import { holds } from '../../../support/shared/property.ts';
import { sealed } from '../../../support/shared/seal-batch.ts';

const SKIPPED = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2]);

const plainOf = (amount: number, ref: string): Uint8Array =>
  pack([['sale', 'INR', ref], 0, 0, 0, 0, amount, 1, 2, null, null, 0, [], [], 0, [], [], []]);

/** What a hostile till may send in place of one whole frame that states its content's size. */
const spoilt: ((frame: Buffer, plain: Uint8Array) => Buffer)[] = [
  (frame) => frame.subarray(0, -1),
  (frame) => frame.subarray(0, 7),
  (frame) => Buffer.concat([frame, SKIPPED]),
  (frame) => Buffer.concat([SKIPPED, frame]),
  (frame) => Buffer.concat([frame, frame]),
  (frame) => Buffer.concat([frame, Buffer.alloc(3)]),
  (_, plain) => zstdCompressSync(plain, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } }),
  (_, plain) => zstdCompressSync(plain, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
];

const arbitraryMessage = fc.oneof(
  fc
    .array(arbitraryEvent, { minLength: 1, maxLength: 4 })
    .map((events) => encodeEvents({ ...IDENTITY, firstSeq: 1 }, events).bytes as Uint8Array),
  fc
    .record({
      amount: fc.nat(1_000),
      ref: fc.string({ maxLength: 20 }),
      hasDictionary: fc.boolean(),
      off: fc.constantFrom(0, 0, 0, -1, 1),
      edit: fc.option(fc.tuple(fc.nat(60), fc.nat(255))),
      spoil: fc.option(fc.constantFrom(...spoilt)),
    })
    .map(({ amount, ref, hasDictionary, off, edit, spoil }) => {
      const plain = plainOf(amount, ref);
      const frame = zstdCompressSync(plain, hasDictionary ? { dictionary: NEWEST.bytes } : {});
      const body = spoil === null ? frame : Buffer.from(spoil(frame, plain));
      if (edit !== null) body[edit[0] % body.length] = edit[1];
      const dictionary = hasDictionary ? NEWEST.id : 0;
      return sealed(plain, { codec: 'zstd', dictionary, unpackedLength: plain.length + off }, body) as Uint8Array;
    }),
);

holds(
  t,
  'a batch that is unpacked with others says what it says by itself, whatever the others are',
  fc.property(fc.array(arbitraryMessage, { maxLength: 8 }), (messages) => {
    const bodies = unpackBatches(messages);
    for (const [at, message] of messages.entries())
      assert.deepEqual(decodeBatch(message, bodies[at]), decodeBatch(message));
  }),
  { numRuns: 500 },
);

t.test('small batches are unpacked together', async (t) => {
  const messages = Array.from({ length: 5 }, (_, at) => {
    const plain = plainOf(at, 'R');
    return sealed(plain, { codec: 'zstd', dictionary: NEWEST.id });
  });
  t.equal(unpackBatches(messages).filter((body) => body !== null).length, 5);
  t.same(unpackBatches(messages.slice(0, 1)), [null]);
});

t.test('of what is not one whole frame nothing is unpacked with others', async (t) => {
  const plain = plainOf(1, 'R');
  const frame = zstdCompressSync(plain);
  const good = sealed(plain, { codec: 'zstd' });
  for (const spoil of spoilt.slice(0, 7)) {
    const bad = sealed(plain, { codec: 'zstd' }, spoil(frame, plain));
    const [first, spoiled, last] = unpackBatches([good, bad, good]);
    t.same([first !== null, spoiled, last !== null], [true, null, true]);
  }
});

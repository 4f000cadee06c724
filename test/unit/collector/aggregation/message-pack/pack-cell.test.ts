import { Buffer } from 'node:buffer';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { NEWEST, RELEASED } from '../../../../../collector/aggregation/message-pack/dictionaries/released.ts';
import { MAX_BYTES_WITH_DICTIONARY, packCell } from '../../../../../collector/aggregation/message-pack/pack-cell.ts';
import { unpackCell } from '../../../../../collector/aggregation/message-pack/unpack-cell.ts';
import { runToEnd } from '../../../../../shared/cooperative.ts';
import { contentOf } from '../../../../support/collector/decode-cells.ts';
import { holds } from '../../../../support/shared/property.ts';

/** The dictionary that a frame names: 0 is none. Frames of these tests have a size of their own. */
const dictionaryOf = (cell: Uint8Array): number =>
  (cell[4]! & 0x03) === 0 ? 0 : cell[(cell[4]! & 0x20) === 0 ? 6 : 5]!;
const some = (length: number): Uint8Array => Buffer.alloc(length, 'a sale of a small shop, ');
const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

holds(
  t,
  'what is packed is unpacked, with each dictionary and with none',
  fc.property(
    fc.uint8Array({ maxLength: 2_000 }),
    fc.constantFrom(undefined, ...RELEASED.map(({ bytes }) => bytes)),
    (content, dictionary) => isSame(contentOf(zstdCompressSync(content, { dictionary })), content),
  ),
);

t.test('small contents are packed with the newest dictionary, larger ones with none', async (t) => {
  for (const length of [0, 1, 255, 256, MAX_BYTES_WITH_DICTIONARY]) {
    const cell = runToEnd(packCell(some(length)));
    t.equal(dictionaryOf(cell), NEWEST.id);
    t.ok(isSame(contentOf(cell), some(length)));
  }
  for (const length of [MAX_BYTES_WITH_DICTIONARY + 1, 100_000, 256 * 1024]) {
    const cell = runToEnd(packCell(some(length)));
    t.equal(dictionaryOf(cell), 0);
    t.ok(isSame(contentOf(cell), some(length)));
  }
});

t.test('a cell of several frames is unpacked in a thread', async (t) => {
  const cell = runToEnd(packCell(some(1_200_000)));
  const content = unpackCell(cell);
  t.ok(content instanceof Promise);
  t.ok(isSame(await content, some(1_200_000)));
});

t.test('a dictionary that this program does not know is named', async (t) => {
  const later = Buffer.from(NEWEST.bytes);
  later.writeUInt32LE(NEWEST.id + 1, 4);
  const cell = zstdCompressSync(some(100), { dictionary: later });
  t.throws(() => unpackCell(cell), { name: 'RangeError', message: /dictionary 102, which this program does not know/ });
});

t.test('what is no frame, or is cut short, is refused', async (t) => {
  const cell = runToEnd(packCell(some(500)));
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.of(0x28),
    Buffer.from('nonsense'),
    cell.subarray(0, -1),
    cell.subarray(0, 6),
  ])
    t.throws(() => unpackCell(bytes));
});

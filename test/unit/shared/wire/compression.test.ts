import { randomFillSync } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { packBody, unpackBody } from '../../../../shared/wire/compression.ts';
import { NEWEST, releasedDictionary } from '../../../../shared/wire/dictionaries/released.ts';
import { holds } from '../../../support/shared/property.ts';

const text = (bytes: number): Buffer => Buffer.alloc(bytes, '{"type":"sale","method":"card","currency":"GBP"}');

t.test('what a dictionary makes no smaller is sent as it is, and names none', async (t) => {
  const noise = randomFillSync(Buffer.alloc(300));
  t.strictSame(packBody(noise, NEWEST), { body: noise, codec: 'none', dictionary: 0 });
});

t.test('a small body takes the dictionary that is given, and only that', async (t) => {
  t.match(packBody(text(100), NEWEST), { codec: 'zstd', dictionary: NEWEST.id });
  t.match(packBody(text(100), null), { codec: 'none', dictionary: 0 });
  t.match(packBody(text(500), null), { codec: 'zstd', dictionary: 0 });
});

t.test('a body of more than 8 KiB takes none', async (t) => {
  t.match(packBody(text(8_192), NEWEST), { dictionary: NEWEST.id });
  t.match(packBody(text(8_193), NEWEST), { codec: 'zstd', dictionary: 0 });
});

t.test('nothing is unpacked beyond the length that is stated', async (t) => {
  for (const dictionary of [null, NEWEST]) {
    const { body } = packBody(text(500), dictionary);
    t.strictSame(Buffer.from(unpackBody(body, 500, dictionary)), text(500));
    t.throws(() => unpackBody(body, 499, dictionary));
    t.throws(() => unpackBody(body, 0, dictionary));
  }
});

holds(
  t,
  'bodies of any length come back',
  fc.property(
    fc.nat({ max: 70_000 }),
    fc.nat({ max: 255 }),
    fc.constantFrom(null, NEWEST),
    (length, byte, dictionary) => {
      const plain = Buffer.concat([text(length), Buffer.of(byte)]);
      const packed = packBody(plain, dictionary);
      if (packed.codec === 'none') return plain.equals(packed.body);
      return plain.equals(unpackBody(packed.body, plain.length, releasedDictionary(packed.dictionary)));
    },
  ),
);

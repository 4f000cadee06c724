import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { MalformedMessagePack, pack, UNTRUSTED_MAX_OBJECTS, unpack } from '../../../../shared/wire/message-pack.ts';
import { codePoint } from '../../../support/shared/code-point.ts';
import { holds } from '../../../support/shared/property.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const refuses = (t: Test, hex: string, reason: RegExp, max?: number) =>
  t.throws(() => unpack(bytes(hex), max), { name: 'MalformedMessagePack', message: reason }, hex.slice(0, 40));

/**
 * Every kind of value that our messages are made of; msgpackr renames the key `__proto__`, which
 * none of them has.
 */
const plain = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 7, depthSize: 'medium' },
    fc.constantFrom(null, true, false),
    fc.oneof(
      fc.integer(),
      fc.maxSafeInteger(),
      fc.constantFrom(0, 31, 32, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32, -32, -33),
    ),
    fc.double({ noNaN: true }).filter((value) => !Object.is(value, -0)),
    fc.string({ unit: codePoint, maxLength: 300 }),
    fc.array(tie('value')),
    fc.dictionary(
      fc.string({ unit: codePoint }).filter((key) => key !== '__proto__'),
      tie('value'),
      { noNullPrototype: true },
    ),
  ),
})).value;

holds(
  t,
  'plain values come back as they were',
  fc.property(plain, (value) => isDeepStrictEqual(unpack(pack(value)), value)),
  { numRuns: 1_000 },
);

const isRefused = (input: Uint8Array): boolean => {
  try {
    unpack(input);
    return false;
  } catch (error) {
    return error instanceof MalformedMessagePack;
  }
};

holds(
  t,
  'no value is taken for whole before its end, nor with anything after it',
  fc.property(plain, fc.nat(), fc.nat({ max: 255 }), (value, cut, extra) => {
    const packed = pack(value);
    return isRefused(packed.subarray(0, cut % packed.length)) && isRefused(Buffer.concat([packed, Buffer.of(extra)]));
  }),
  { numRuns: 1_000 },
);

holds(
  t,
  'any bytes give a value or a refusal, never another fault',
  fc.property(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      // Edited messages get deeper into the reader than noise does.
      fc
        .tuple(plain, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }))
        .map(([value, edits]) => {
          const edited = Uint8Array.from(pack(value));
          for (const [at, byte] of edits) edited[at % edited.length] = byte;
          return edited;
        }),
    ),
    (input) => isRefused(input) || unpack(input) !== undefined,
  ),
  { numRuns: 2_000 },
);

t.test('texts of every length form come back, of one, two, three and four bytes a character', async (t) => {
  for (const character of ['a', 'é', '€', '😀']) {
    for (const length of [0, 1, 15, 31, 32, 33, 63, 64, 255, 256, 4_095, 65_535, 65_536, 70_000]) {
      const texts = [character.repeat(length), `${'x'.repeat(length)}${character}`, 'tail'];
      t.strictSame(unpack(pack(texts)), texts, `${character} ${length}`);
    }
  }
});

t.test('a claim of more than there is is refused before anything is made of it', async (t) => {
  const before = process.memoryUsage().heapUsed;
  refuses(t, 'dd ffffffff', /more values than there are bytes/);
  refuses(t, 'dc ffff c0', /more values/);
  refuses(t, 'df ffffffff', /more values/);
  refuses(t, 'df 80000000 c0', /more values/);
  refuses(t, 'de 0001 a0', /more values/);
  refuses(t, '9f', /more values/);
  refuses(t, 'c6 ffffffff', /more bytes than there are/);
  refuses(t, 'db ffffffff 61', /more bytes/);
  refuses(t, 'bf 61', /more bytes/);
  refuses(t, 'c4', /ends too early/);
  refuses(t, 'cb 0000', /more bytes/);
  refuses(t, '', /ends too early/);
  t.ok(process.memoryUsage().heapUsed - before < 32 * 1024 * 1024);
});

t.test('types that build objects, and the one that does not exist, are refused', async (t) => {
  for (const head of [0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8]) {
    // Records, sets, errors and dates of msgpackr among them.
    for (const type of ['00', '72', '73', '65', 'ff']) {
      refuses(t, `${head.toString(16)} ${type} ${'00'.repeat(20)}`, /type 0x.. is not allowed/);
    }
  }
});

t.test('eight arrays or maps within each other are taken, nine are not', async (t) => {
  t.doesNotThrow(() => unpack(bytes(`${'91'.repeat(8)}c0`)));
  t.doesNotThrow(() => unpack(bytes(`${'81a161'.repeat(8)}c0`)));
  refuses(t, `${'91'.repeat(9)}c0`, /nested deeper than 8/);
  refuses(t, `${'81a161'.repeat(9)}c0`, /nested deeper than 8/);
  refuses(t, '91'.repeat(1_000_000), /nested deeper than 8/);
});

t.test('arrays, map entries and byte strings count against the limit, other values do not', async (t) => {
  t.strictSame(unpack(bytes('94 90 80 c0 a161'), 3), [[], {}, null, 'a']);
  refuses(t, '94 90 80 c0 a161', /more than 2 arrays, map entries/, 2);
  t.strictSame(unpack(bytes('82 a161 01 a162 02'), 3), { a: 1, b: 2 });
  refuses(t, '82 a161 01 a162 02', /more than 2/, 2);
  refuses(t, '93 c400 c50000 c600000000', /more than 3/, 3);
  t.doesNotThrow(() => unpack(pack(Array(UNTRUSTED_MAX_OBJECTS - 1).fill([])), UNTRUSTED_MAX_OBJECTS));
  t.throws(() => unpack(pack(Array(UNTRUSTED_MAX_OBJECTS).fill([])), UNTRUSTED_MAX_OBJECTS), MalformedMessagePack);
  t.doesNotThrow(() => unpack(pack(Array(UNTRUSTED_MAX_OBJECTS).fill([]))), 'our own bytes have no limit');
});

t.test('64-bit integers become numbers', async (t) => {
  t.equal(unpack(bytes('cf 001fffffffffffff')), Number.MAX_SAFE_INTEGER);
  t.equal(unpack(bytes('d3 ffe0000000000001')), Number.MIN_SAFE_INTEGER);
  t.equal(unpack(bytes('cf ffffffffffffffff')), 2 ** 64);
});

t.test('a key named __proto__ changes no prototype', async (t) => {
  const value = unpack(bytes('81 a9 5f5f70726f746f5f5f 81 a161 01')) as { a?: number };
  t.equal(value.a, undefined);
  t.equal(({} as { a?: number }).a, undefined);
});

t.test('what cannot be a key is refused', async (t) => {
  refuses(t, '81 90 01', /cannot be read/);
  refuses(t, '81 80 01', /cannot be read/);
});

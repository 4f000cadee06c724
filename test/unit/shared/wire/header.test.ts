import fc from 'fast-check';
import t from 'tap';
import type { Epoch } from '../../../../shared/ids.ts';
import { type BatchHeader, HEADER_BYTES, readHeader, writeHeader } from '../../../../shared/wire/header.ts';
import { IDENTITY } from '../../../support/shared/arbitrary-event.ts';
import { holds } from '../../../support/shared/property.ts';
import { resealed } from '../../../support/shared/seal-batch.ts';

const HEADER: BatchHeader = {
  kind: 'events',
  codec: 'zstd',
  receiptLines: false,
  dictionary: 0,
  ...IDENTITY,
  count: 3,
  unpackedLength: 86,
  bodyCrc: 0xdeadbeef,
};

function written(header: Partial<BatchHeader> = {}): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  writeHeader({ ...HEADER, ...header }, bytes);
  return bytes;
}

/** A header edited at an offset, its checksum put right. */
function edited(at: number, hex: string): Buffer {
  const bytes = written();
  bytes.write(hex, at, 'hex');
  return resealed(bytes);
}

/** A header with bytes between its fixed part and its checksum. */
function withTlvs(hex: string): Buffer {
  const tlvs = Buffer.from(hex, 'hex');
  const bytes = Buffer.concat([written().subarray(0, 48), tlvs, Buffer.alloc(4)]);
  bytes.writeUInt16BE(bytes.length, 3);
  return resealed(bytes);
}

holds(
  t,
  'a header comes back as it was written, with the body after it',
  fc.property(
    fc.record(
      {
        kind: fc.constantFrom('events', 'losses'),
        codec: fc.constantFrom('none', 'zstd'),
        receiptLines: fc.boolean(),
        dictionary: fc.nat({ max: 0xffff }),
        epoch: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }).map((bits) => bits.toString(16).padStart(16, '0') as Epoch),
        firstSeq: fc.oneof(
          fc.constantFrom(1, 2 ** 32 - 1, 2 ** 32),
          fc.integer({ min: 1, max: 2 ** 53 - 2 ** 32 - 1 }),
        ),
        count: fc.nat({ max: 0xffff_ffff }),
        hour: fc.nat({ max: 0xffff_ffff }),
        unpackedLength: fc.nat({ max: 0xffff_ffff }),
        clearThrough: fc.maxSafeNat(),
        bodyCrc: fc.nat({ max: 0xffff_ffff }),
      },
      { noNullPrototype: true },
    ),
    fc.uint8Array({ maxLength: 10 }),
    (header, body) => {
      const read = readHeader(Buffer.concat([written(header), body]));
      return read.ok && read.bodyStart === HEADER_BYTES && JSON.stringify(read.header) === JSON.stringify(header);
    },
  ),
);

t.test('TLVs are passed over, whatever their types and lengths', async (t) => {
  for (const tlvs of [
    '0100',
    '0104deadbeef',
    '01000200ff00',
    `07ff${'00'.repeat(255)}`,
    `01ff${'aa'.repeat(255)}0201bb`,
  ]) {
    const bytes = withTlvs(tlvs);
    t.strictSame(readHeader(bytes), { ok: true, header: HEADER, bodyStart: bytes.length }, tlvs.slice(0, 20));
  }
});

t.test('TLVs that do not add up to the header length are invalid', async (t) => {
  for (const tlvs of ['01', '0101', '0102aa', '010001', '01ff', `01fe${'00'.repeat(255)}`]) {
    t.match(
      readHeader(withTlvs(tlvs)),
      { ok: false, result: 'invalid', detail: /TLVs/, header: HEADER },
      tlvs.slice(0, 20),
    );
  }
});

t.test('what this version does not know is unsupported, with the batch named', async (t) => {
  const { kind, codec, receiptLines, ...named } = HEADER;
  const cases: [string, number, string, RegExp][] = [
    ['version 0', 2, '00', /version 0/],
    ['version 2', 2, '02', /version 2/],
    ['codec 2', 5, '04', /flags 0x4/],
    ['codec 3', 5, '06', /flags 0x6/],
    ['an unknown flag', 5, '10', /flags 0x10/],
    ['another', 5, '82', /flags 0x82/],
    ['one beside a known flag', 5, '48', /flags 0x48/],
  ];
  for (const [what, at, hex, detail] of cases) {
    t.match(readHeader(edited(at, hex)), { ok: false, result: 'unsupported', detail, header: named }, what);
  }
});

t.test('a later version may have anything in its TLVs', async (t) => {
  const bytes = withTlvs('01ff');
  bytes[2] = 2;
  t.match(readHeader(resealed(bytes)), { result: 'unsupported', header: { firstSeq: 41, count: 3 } });
});

t.test('bytes that are no header of ours are damaged, and nobody is named', async (t) => {
  const cases: [string, Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['zeroes', Buffer.alloc(100)],
    ['half a header', written().subarray(0, HEADER_BYTES - 1)],
    ['another magic', edited(0, '5454')],
    ['a header length too short', edited(3, '0033')],
    ['a wrong checksum', Buffer.concat([written().subarray(0, 48), Buffer.alloc(4)])],
  ];
  const tooLong = written();
  tooLong.writeUInt16BE(HEADER_BYTES + 1, 3);
  const longest = written();
  longest.writeUInt16BE(0xffff, 3);
  for (const [what, bytes] of [
    ...cases,
    ['a header length beyond the message', tooLong],
    ['one far beyond', longest],
  ] as const) {
    t.match(readHeader(bytes), { ok: false, result: 'damaged', header: null }, what);
  }
});

t.test('a header that names no possible batch is invalid', async (t) => {
  const cases: [string, number, string][] = [
    ['firstSeq 0', 16, '0000000000000000'],
    ['firstSeq 2^53', 16, '0020000000000000'],
    ['firstSeq 2^64 - 1', 16, 'ffffffffffffffff'],
    ['a last seq beyond 2^53', 16, '001ffffffffffffd'],
    ['clearThrough 2^53', 36, '0020000000000000'],
    ['epoch 0', 8, '0000000000000000'],
  ];
  for (const [what, at, hex] of cases) t.match(readHeader(edited(at, hex)), { ok: false, result: 'invalid' }, what);
  t.match(
    readHeader(edited(16, '001ffffffffffffc')),
    { ok: true, header: { firstSeq: 2 ** 53 - 4 } },
    'the last one that is',
  );
});

holds(
  t,
  'any bytes with a right checksum give a header or a typed refusal',
  fc.property(fc.uint8Array({ minLength: 52, maxLength: 80 }), fc.boolean(), (noise, looksRight) => {
    const bytes = Buffer.from(noise);
    if (looksRight) {
      bytes.writeUInt16BE(0x5453, 0);
      bytes.writeUInt16BE(bytes.length, 3);
      bytes.writeUInt32BE(resealed(bytes).readUInt32BE(bytes.length - 4), bytes.length - 4);
    }
    const read = readHeader(bytes);
    return read.ok || (looksRight ? read.header !== null : read.result === 'damaged');
  }),
  { numRuns: 1_000 },
);

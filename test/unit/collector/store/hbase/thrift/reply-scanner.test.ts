import fc from 'fast-check';
import t from 'tap';
import {
  MalformedReply,
  ReplyScanner,
  ReplyTooLarge,
} from '../../../../../../collector/store/hbase/thrift/reply-scanner.ts';

const LIMIT = 64 * 1024;

/**
 * A value of Thrift's binary protocol: its type code and bytes, after the protocol's specification.
 */
interface Encoded {
  readonly type: number;
  readonly bytes: Buffer;
}

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const fixed = (type: number, size: number): fc.Arbitrary<Encoded> =>
  fc.uint8Array({ minLength: size, maxLength: size }).map((bytes) => ({ type, bytes: Buffer.from(bytes) }));
const ofBytes = (bytes: Uint8Array) => Buffer.concat([u32(bytes.length), bytes]);
const concatAll = (values: readonly Encoded[]) => Buffer.concat(values.map(({ bytes }) => bytes));

const asStruct = (fields: readonly Encoded[]) =>
  Buffer.concat([...fields.map(({ type, bytes }) => Buffer.concat([Buffer.of(type, 0, 1), bytes])), Buffer.of(0)]);

/** Lists and maps hold values of one type: the first one's, repeated. */
const { value } = fc.letrec<{ value: Encoded; struct: Encoded }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'max' },
    fixed(2, 1),
    fixed(3, 1),
    fixed(4, 8),
    fixed(6, 2),
    fixed(8, 4),
    fixed(10, 8),
    fixed(16, 16),
    fc.uint8Array({ maxLength: 60, size: 'max' }).map((bytes) => ({ type: 11, bytes: ofBytes(bytes) })),
    tie('struct'),
    fc.tuple(tie('value'), fc.nat(4), fc.constantFrom(14, 15)).map(([{ type, bytes }, count, kind]) => ({
      type: kind,
      bytes: Buffer.concat([Buffer.of(type), u32(count), ...Array<Buffer>(count).fill(bytes)]),
    })),
    fc.tuple(tie('value'), tie('value'), fc.nat(3)).map(([key, held, count]) => ({
      type: 13,
      bytes: Buffer.concat([
        Buffer.of(key.type, held.type),
        u32(count),
        ...Array<Buffer>(count).fill(concatAll([key, held])),
      ]),
    })),
  ),
  struct: fc
    .array(tie('value'), { maxLength: 5, size: 'max' })
    .map((fields) => ({ type: 12, bytes: asStruct(fields) })),
}));

const head = Buffer.concat([Buffer.of(0x80, 0x01, 0, 2), ofBytes(Buffer.from('getMultiple')), u32(7)]);
const message = fc.array(value, { maxLength: 8, size: 'max' }).map((fields) => Buffer.concat([head, asStruct(fields)]));

/** The bytes in pieces, cut at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...new Set(places.map((place) => place % bytes.length))].sort((a, b) => a - b);
  return [...sorted, bytes.length].map((end, i) => bytes.subarray(sorted[i - 1] ?? 0, end));
}

t.test('a reply is found whole, however it is cut', async (t) => {
  const property = fc.property(message, fc.array(fc.nat(), { maxLength: 40 }), (bytes, places) => {
    const scanner = new ReplyScanner(LIMIT);
    const pieces = cut(bytes, places);
    const last = pieces.pop()!;
    if (pieces.some((piece) => scanner.push(piece) !== null)) return false;
    return scanner.push(last)?.equals(bytes) === true;
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 500 }));
});

t.test('a reply is found whole byte by byte', async (t) => {
  const bytes = Buffer.concat([
    head,
    asStruct([{ type: 15, bytes: Buffer.concat([Buffer.of(11), u32(1), ofBytes(Buffer.alloc(500))]) }]),
  ]);
  const scanner = new ReplyScanner(LIMIT);
  const found = Array.from(bytes, (byte) => scanner.push(Buffer.of(byte)));
  t.ok(found.at(-1)?.equals(bytes));
  t.ok(found.slice(0, -1).every((reply) => reply === null));
});

t.test('a truncated reply is not taken for a whole one', async (t) => {
  const property = fc.property(message, fc.nat(), (bytes, place) => {
    return new ReplyScanner(LIMIT).push(bytes.subarray(0, place % bytes.length)) === null;
  });
  t.doesNotThrow(() => fc.assert(property));
});

t.test('bytes after the end of the reply are refused', async (t) => {
  const property = fc.property(message, fc.uint8Array({ minLength: 1, maxLength: 9 }), (bytes, more) => {
    const push = () => new ReplyScanner(LIMIT).push(Buffer.concat([bytes, more]));
    return throwsWith(push, MalformedReply);
  });
  t.doesNotThrow(() => fc.assert(property));
});

t.test('garbage is refused, or waits for no more than the limit', async (t) => {
  const garbage = fc.uint8Array({ minLength: 4, maxLength: 2_000 });
  const property = fc.property(garbage, fc.boolean(), (bytes, withHead) => {
    const scanner = new ReplyScanner(LIMIT);
    try {
      if (scanner.push(withHead ? Buffer.concat([head, bytes]) : Buffer.from(bytes)) !== null) return true;
      for (let sent = 0; sent <= LIMIT; sent += 4_096) scanner.push(Buffer.alloc(4_096, 11));
      return false;
    } catch (fault) {
      return fault instanceof MalformedReply || fault instanceof ReplyTooLarge;
    }
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 500 }));
});

t.test('what is no Thrift message is refused with its first four bytes', async (t) => {
  for (const text of ['HTTP/1.1 400 Bad Request', '\0\0\0\x2a\x80\x01\0\x02', 'SSH-']) {
    t.throws(() => new ReplyScanner(LIMIT).push(Buffer.from(text, 'latin1')), { name: 'MalformedReply' }, text);
  }
});

t.test('an impossible size is refused as soon as it is read', async (t) => {
  const withField = (type: number, bytes: Buffer) => Buffer.concat([head, Buffer.of(type, 0, 0), bytes]);
  const sizes: [string, Buffer, string][] = [
    ['a string of minus one', withField(11, u32(0xffffffff)), 'MalformedReply'],
    ['a list of minus one', withField(15, Buffer.concat([Buffer.of(12), u32(0xffffffff)])), 'MalformedReply'],
    ['a map of minus one', withField(13, Buffer.concat([Buffer.of(8, 8), u32(0xffffffff)])), 'MalformedReply'],
    ['a string beyond the limit', withField(11, u32(LIMIT + 1)), 'ReplyTooLarge'],
    ['a list beyond the limit', withField(15, Buffer.concat([Buffer.of(12), u32(LIMIT + 1)])), 'ReplyTooLarge'],
    ['a field of unknown type', withField(7, u32(0)), 'MalformedReply'],
  ];
  for (const [name, bytes, error] of sizes) t.throws(() => new ReplyScanner(LIMIT).push(bytes), { name: error }, name);
});

t.test('a reply longer than the limit is refused before it is held', async (t) => {
  const scanner = new ReplyScanner(1_000);
  scanner.push(Buffer.concat([head, Buffer.of(11, 0, 0), u32(990)]));
  t.throws(() => scanner.push(Buffer.alloc(990)), { name: 'ReplyTooLarge' });
});

t.test('endless nesting is refused', async (t) => {
  const nested = Buffer.concat(Array<Buffer>(100).fill(Buffer.of(12, 0, 1)));
  t.throws(() => new ReplyScanner(LIMIT).push(Buffer.concat([head, nested])), { name: 'MalformedReply' });
});

function throwsWith(act: () => unknown, error: typeof MalformedReply): boolean {
  try {
    act();
    return false;
  } catch (fault) {
    return fault instanceof error;
  }
}

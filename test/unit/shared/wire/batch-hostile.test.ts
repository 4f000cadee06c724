import { constants, zstdCompressSync } from 'node:zlib';
import t from 'tap';
import { MAX_TS, MIN_TS } from '../../../../shared/time.ts';
import { decodeBatch, MAX_EVENTS, MAX_WIRE_BYTES } from '../../../../shared/wire/batch.ts';
import { maxUnpackedBytes } from '../../../../shared/wire/batch-bounds.ts';
import { NEWEST } from '../../../../shared/wire/dictionaries/released.ts';
import { toEvents } from '../../../../shared/wire/event-columns.ts';
import { pack } from '../../../../shared/wire/message-pack.ts';
import { type Claims, sealed } from '../../../support/shared/seal-batch.ts';

// Batches of an agent that means harm: their checksums are right, what they hold is not.

/** Columns of one event, some of them replaced. */
function columns(replaced: Record<number, unknown> = {}): unknown[] {
  const strings = ['sale', 'method', 'upi', 'A1', 'GBP', 'store', '{}', 'a b', 'x'.repeat(65), 'x'.repeat(4_097), 's1'];
  const good = [strings, 0, 5, 330, 0, 100, 4, 3, 10, 6, 1, [1], [2], 1, [3], [1_000], [100]];
  return good.map((column, i) => (i in replaced ? replaced[i] : column));
}

const MAX_UNPACKED_BYTES = maxUnpackedBytes(MAX_WIRE_BYTES);

const decodeColumns = (body: unknown, claims: Claims = {}) => decodeBatch(sealed(pack(body), claims));

t.test('the columns that the cases below spoil are good', async (t) => {
  const decoded = decodeColumns(columns());
  t.match(decoded.ok && decoded.kind === 'events' && toEvents(decoded.columns), [
    { type: 'sale', amount: 100, currency: 'GBP', store: 's1', ref: 'A1', dims: ['method', 'upi'], attrs: '{}' },
  ]);
});

t.test('columns out of the bounds of an event are invalid', async (t) => {
  const HOUR_MS = 3_600_000;
  const cases: [string, Record<number, unknown>][] = [
    ['no string table', { 0: null }],
    ['"length" for a string table', { 0: 'length' }],
    ['a string table with a number', { 0: ['sale', 'method', 'upi', 'A1', 'GBP', 'store', 7] }],
    ['a string table with a table', { 0: ['sale', ['method'], 'upi', 'A1', 'GBP', 'store', '{}'] }],
    ['a type beyond the table', { 1: 11 }],
    ['a type before the table', { 1: -1 }],
    ['a type between two entries', { 1: 0.5 }],
    ['a type that is a text', { 1: 'length' }],
    ['a type that is no type', { 1: 4 }],
    ['no type', { 1: null }],
    ['a map for a column', { 1: { 0: 0, length: 1 } }],
    ['too many entries', { 1: [0, 0] }],
    ['no entries', { 1: [] }],
    ['a ts before the hour', { 2: -1 }],
    ['a ts after the hour', { 2: HOUR_MS }],
    ['a ts of NaN', { 2: Number.NaN }],
    ['a ts of infinity', { 2: Number.POSITIVE_INFINITY }],
    ['half a millisecond', { 2: 0.5 }],
    ['no ts', { 2: null }],
    ['an offset too far west', { 3: -1_081 }],
    ['an offset too far east', { 3: 1_081 }],
    ['flags below zero', { 4: -1 }],
    ['flags of more than a byte', { 4: 256 }],
    ['an amount below zero', { 5: -1 }],
    ['an amount beyond 10^12', { 5: 1e12 + 1 }],
    ['an amount of 2^53', { 5: 2 ** 53 }],
    ['an amount of NaN', { 5: Number.NaN }],
    ['an amount that is a text', { 5: '100' }],
    ['an amount without a currency', { 6: null }],
    ['a currency that is none', { 6: 0 }],
    ['a ref beyond the table', { 7: 11 }],
    ['a ref of 65 characters', { 7: 8 }],
    ['a store that is no id', { 8: 7 }],
    ['attrs that are no JSON', { 9: 7 }],
    ['attrs of more than 4 KiB', { 9: 9 }],
    ['more dims than there are', { 10: 2 }],
    ['fewer dims than there are', { 10: 0 }],
    ['a number of dims below zero', { 10: -1 }],
    ['17 dims', { 10: 17, 11: Array(17).fill(1), 12: Array(17).fill(2) }],
    ['2^53 dims', { 10: 2 ** 53 }],
    ['no number of dims', { 10: null }],
    ['a dim key that is none', { 11: [7] }],
    ['a dim twice', { 10: 2, 11: [1, 1], 12: [2, 2] }],
    ['dims out of order', { 10: 2, 11: [5, 1], 12: [2, 2] }],
    ['more keys than values', { 11: [1, 5] }],
    ['keys that are no array', { 11: 1 }],
    ['keys that are a text', { 11: 'm' }],
    ['a dim value of 65 characters', { 12: [8] }],
    ['more items than there are', { 13: 2 }],
    ['fewer items than there are', { 13: 0 }],
    ['2,001 items', { 13: 2_001, 14: Array(2_001).fill(3), 15: Array(2_001).fill(1), 16: Array(2_001).fill(1) }],
    ['a number of items that is a fraction', { 13: 0.5 }],
    ['a sku beyond the table', { 14: [11] }],
    ['a sku of 65 characters', { 14: [8] }],
    ['more skus than qtys', { 14: [3, 3] }],
    ['more qtys than skus', { 15: [1_000, 1_000] }],
    ['a qty of zero', { 15: [0] }],
    ['a qty beyond 10^9 pieces', { 15: [1e12 + 1] }],
    ['a qty between thousandths', { 15: [0.5] }],
    ['more prices than skus', { 16: [100, 100] }],
    ['a price below zero', { 16: [-1] }],
    ['a price that is nil', { 16: [null] }],
  ];
  for (const [what, replaced] of cases)
    t.match(decodeColumns(columns(replaced)), { ok: false, result: 'invalid' }, what);
});

t.test('under the flag of receipts, items are bound as lines are', async (t) => {
  const decode = (replaced: Record<number, unknown>, ...more: readonly unknown[]) =>
    decodeColumns([...columns(replaced), ...more], { receiptLines: true });
  const good: [string, Record<number, unknown>, unknown[], unknown][] = [
    ['a plain item', {}, [], { qty: 1_000, price: 100 }],
    ['a qty of zero', { 15: [0] }, [], { qty: 0, price: 100 }],
    ['the lowest qty and price', { 15: [-1e12], 16: [-1e12] }, [], { qty: -1e12, price: -1e12 }],
    ['a total', {}, [[-1e12]], { qty: 1_000, price: 100, amount: -1e12 }],
    ['a total that is nil', {}, [[null]], { qty: 1_000, price: 100 }],
    ['a total in place of a price', { 16: [null] }, [[0]], { qty: 1_000, price: null, amount: 0 }],
    ['further columns', {}, [[7], 'x', [1, 2]], { qty: 1_000, price: 100, amount: 7 }],
  ];
  for (const [what, replaced, more, line] of good) {
    const decoded = decode(replaced, ...more);
    t.strictSame(
      decoded.ok && decoded.kind === 'events' && toEvents(decoded.columns)[0]!.items,
      [{ sku: 'A1', ...(line as object) }],
      what,
    );
  }
  const bad: [string, Record<number, unknown>, unknown[]][] = [
    ['neither price nor total', { 16: [null] }, []],
    ['neither price nor total, which is nil', { 16: [null] }, [[null]]],
    ['totals that are nil', {}, [null]],
    ['a map for totals', {}, [{ 0: 1, length: 1 }]],
    ['more totals than skus', {}, [[1, 1]]],
    ['fewer totals than skus', {}, [[]]],
    ['a total beyond 10^12', {}, [[1e12 + 1]]],
    ['a total below -10^12', {}, [[-1e12 - 1]]],
    ['half a total', {}, [[0.5]]],
    ['a total that is a text', {}, [['1']]],
    ['a qty below -10^9 pieces', { 15: [-1e12 - 1] }, []],
    ['a price below -10^12', { 16: [-1e12 - 1] }, []],
    ['an amount of the event below zero', { 5: -1 }, []],
  ];
  for (const [what, replaced, more] of bad) t.match(decode(replaced, ...more), { ok: false, result: 'invalid' }, what);
});

t.test('bodies that are no columns at all are invalid', async (t) => {
  for (const body of [
    null,
    0,
    'length',
    {},
    { length: 17 },
    [],
    Array(16).fill(0),
    Array(17).fill(0),
    Array(17).fill([]),
  ]) {
    t.match(decodeColumns(body), { ok: false, result: 'invalid' }, JSON.stringify(body));
  }
  t.match(decodeBatch(sealed(Buffer.alloc(0))), { ok: false, result: 'invalid' }, 'nothing');
});

t.test('half a surrogate pair, or bytes that are no UTF-8, never become a text of an event', async (t) => {
  // ED A0 80 is how U+D800 would look; FF is nothing at all.
  for (const bad of ['a3eda080', 'a1ff', 'a2c328', 'a4f8808080', 'a4f4908080']) {
    const body = Buffer.from(pack(columns({ 7: 2 })));
    const upi = body.indexOf('a3757069', 0, 'hex');
    const edited = Buffer.concat([body.subarray(0, upi), Buffer.from(bad, 'hex'), body.subarray(upi + 4)]);
    const decoded = decodeBatch(sealed(edited));
    t.ok(!decoded.ok || (decoded.kind === 'events' && toEvents(decoded.columns)[0]!.ref!.isWellFormed()), bad);
  }
});

t.test('further columns, whatever they hold, are passed over: the stored bytes keep them', async (t) => {
  const plain = decodeColumns(columns());
  for (const more of [[null], [[1]], [{ a: [{}] }], ['x', 'y', 'z'], [Buffer.of(1)], Array(100).fill([1])]) {
    const message = sealed(pack([...columns(), ...more]));
    const decoded = decodeBatch(message);
    t.strictSame(
      decoded.ok && decoded.kind === 'events' && toEvents(decoded.columns),
      plain.ok && plain.kind === 'events' && toEvents(plain.columns),
    );
  }
});

t.test('what the header claims must be so', async (t) => {
  const body = pack(columns());
  const cases: [string, Claims, string][] = [
    ['no seqs', { count: 0 }, 'invalid'],
    ['another number of events', { count: 2 }, 'invalid'],
    ['more events than a batch may have', { count: MAX_EVENTS + 1 }, 'invalid'],
    ['the most seqs there are', { count: 0xffff_ffff }, 'invalid'],
    ['an hour of the last century', { hour: MIN_TS / 3_600_000 - 1 }, 'invalid'],
    ['an hour of the next century', { hour: MAX_TS / 3_600_000 }, 'invalid'],
    ['the last hour there is', { hour: 0xffff_ffff }, 'invalid'],
    ['losses', { kind: 'losses' }, 'invalid'],
    ['a shorter body', { unpackedLength: body.length - 1 }, 'invalid'],
    ['a longer body', { unpackedLength: body.length + 1 }, 'invalid'],
    ['a body beyond the limit', { unpackedLength: MAX_UNPACKED_BYTES + 1 }, 'invalid'],
    ['the next dictionary', { dictionary: NEWEST.id + 1 }, 'unsupported'],
    ['the last dictionary there is', { dictionary: 0xffff }, 'unsupported'],
  ];
  for (const [what, claims, result] of cases) {
    t.match(decodeBatch(sealed(body, claims)), { ok: false, result, header: { firstSeq: 41, ...claims } }, what);
  }
  for (const hour of [MIN_TS / 3_600_000, MAX_TS / 3_600_000 - 1])
    t.match(decodeBatch(sealed(body, { hour })), { ok: true });
});

t.test('a body that was not compressed as the header says is invalid', async (t) => {
  const body = pack(columns());
  t.match(decodeBatch(sealed(body, { codec: 'zstd' }, body)), { result: 'invalid', detail: /cannot be unpacked/ });
  t.match(decodeBatch(sealed(body, { codec: 'none' }, zstdCompressSync(body))), { result: 'invalid' });
  const frame = zstdCompressSync(body);
  for (let end = 0; end < frame.length; end++) {
    const decoded = decodeBatch(sealed(body, { codec: 'zstd' }, frame.subarray(0, end)));
    if (decoded.ok || decoded.result !== 'invalid') t.fail(`cut at ${end}`);
  }
});

t.test('an unknown dictionary is named, and refused before anything is unpacked', async (t) => {
  for (const dictionary of [NEWEST.id + 1, 0xffff]) {
    const message = sealed(Buffer.alloc(100), { codec: 'zstd', dictionary }, Buffer.from('no frame'));
    t.match(decodeBatch(message), { result: 'unsupported', detail: `dictionary ${dictionary} is not known here` });
  }
});

t.test(
  'a body packed without the dictionary that the header says is read; one that needs a dictionary is invalid without',
  async (t) => {
    const body = pack(columns());
    const dictionary = NEWEST.id;
    t.match(decodeBatch(sealed(body, { codec: 'zstd', dictionary })), { ok: true });
    t.match(
      decodeBatch(sealed(body, { codec: 'zstd', dictionary }, zstdCompressSync(body))),
      { ok: true },
      'with none',
    );
    const frame = zstdCompressSync(body, { dictionary: NEWEST.bytes });
    t.match(decodeBatch(sealed(body, { codec: 'zstd' }, frame)), { result: 'invalid', detail: /cannot be unpacked/ });
  },
);

t.test('a bomb is refused by the size it states, or when it grows past it', async (t) => {
  const bomb = Buffer.alloc(64 * 1024 * 1024);
  const packed = zstdCompressSync(bomb, { params: { [constants.ZSTD_c_windowLog]: 20 } });
  t.ok(packed.length < 16_384, `${packed.length} bytes on the wire`);
  const rss = process.memoryUsage().rss;
  for (const unpackedLength of [0, 1, 100, MAX_UNPACKED_BYTES, MAX_UNPACKED_BYTES + 1, 0xffff_ffff]) {
    t.match(
      decodeBatch(sealed(bomb, { codec: 'zstd', unpackedLength }, packed)),
      { result: 'invalid' },
      `${unpackedLength}`,
    );
  }
  t.ok(process.memoryUsage().rss - rss < 32 * 1024 * 1024, 'without unpacking it');
});

t.test('a bomb packed with a dictionary is refused as well', async (t) => {
  const bomb = Buffer.alloc(64 * 1024 * 1024);
  const packed = zstdCompressSync(bomb, { dictionary: NEWEST.bytes, params: { [constants.ZSTD_c_windowLog]: 20 } });
  const rss = process.memoryUsage().rss;
  for (const unpackedLength of [0, 100, MAX_UNPACKED_BYTES, 0xffff_ffff]) {
    const message = sealed(bomb, { codec: 'zstd', dictionary: NEWEST.id, unpackedLength }, packed);
    t.match(decodeBatch(message), { result: 'invalid' }, `${unpackedLength}`);
  }
  t.ok(process.memoryUsage().rss - rss < 32 * 1024 * 1024, 'without unpacking it');
});

t.test('a frame that asks for a larger window than any batch needs is refused', async (t) => {
  const body = pack([...columns(), 'x'.repeat(1_000)]);
  const frame = zstdCompressSync(body, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } });
  t.equal(frame[4], 0, 'a window descriptor follows');
  const withWindow = (log: number) => {
    const asking = Buffer.from(frame);
    asking[5] = (log - 10) << 3;
    return decodeBatch(sealed(body, { codec: 'zstd' }, asking));
  };
  t.match(withWindow(22), { ok: true });
  t.match(withWindow(23), { result: 'invalid', detail: /cannot be unpacked/ });
  t.match(withWindow(41), { result: 'invalid', detail: /cannot be unpacked/ });
});

t.test('a message of more than 128 KiB is invalid, even when all in it is right', async (t) => {
  const padded = (length: number): Buffer => {
    const body = columns();
    const bare = pack([...body, Buffer.alloc(100_000)]);
    return sealed(pack([...body, Buffer.alloc(100_000 + length - bare.length - 52)]));
  };
  t.equal(padded(MAX_WIRE_BYTES).length, MAX_WIRE_BYTES);
  t.match(decodeBatch(padded(MAX_WIRE_BYTES)), { ok: true });
  t.match(decodeBatch(padded(MAX_WIRE_BYTES + 1)), { result: 'invalid', detail: /131073 bytes/ });
});

t.test('losses out of bounds are invalid', async (t) => {
  const cases: [string, unknown][] = [
    ['nothing', []],
    ['no array', 'evicted'],
    ['a map', { 0: 'evicted', 1: 0, 2: null }],
    ['no reason', ['', 0, null]],
    ['a reason that is no text', [1, 0, null]],
    ['a reason of 65 characters', ['x'.repeat(65), 0, null]],
    ['no time', ['evicted', null, null]],
    ['a time before 1970', ['evicted', -1, null]],
    ['a time that no calendar has', ['evicted', 8.64e15 + 1_000, null]],
    ['a time of NaN', ['evicted', Number.NaN, null]],
    ['no detail', ['evicted', 0]],
    ['a detail that is no text', ['evicted', 0, 1]],
    ['a detail of 1,025 characters', ['evicted', 0, 'x'.repeat(1_025)]],
  ];
  for (const [what, body] of cases)
    t.match(decodeColumns(body, { kind: 'losses' }), { ok: false, result: 'invalid' }, what);
  t.match(decodeColumns(['evicted', 8.64e15, 'x'.repeat(1_024), 'more'], { kind: 'losses', count: 0xffff_ffff }), {
    ok: true,
  });
});

t.test('a zero below zero becomes an ordinary zero', async (t) => {
  // -0 as a float: pack() itself makes an integer of it.
  const body = Buffer.from(pack(columns({ 5: 0.5, 16: [0.25] })));
  for (const half of ['cb3fe0000000000000', 'cb3fd0000000000000']) {
    body.write('cb8000000000000000', body.indexOf(half, 0, 'hex'), 'hex');
  }
  const decoded = decodeBatch(sealed(body));
  const event = decoded.ok && decoded.kind === 'events' && toEvents(decoded.columns)[0];
  t.ok(event && Object.is(event.amount, 0) && Object.is(event.items[0]!.price, 0));
});

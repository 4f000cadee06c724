import { createHash } from 'node:crypto';
import t from 'tap';
import type { TillEvent } from '../../../../shared/event/event.ts';
import type { StoreId } from '../../../../shared/ids.ts';
import { decodeBatch, encodeEvents, encodeLoss, type Loss } from '../../../../shared/wire/batch.ts';
import { RELEASED } from '../../../../shared/wire/dictionaries/released.ts';
import { toEvents } from '../../../../shared/wire/event-columns.ts';
import { type BatchHeader, HEADER_BYTES, readHeader, writeHeader } from '../../../../shared/wire/header.ts';
import { HOUR, IDENTITY } from '../../../support/shared/arbitrary-event.ts';

// These bytes are in the stores of others: whatever changes here needs a new version of the wire
// format.

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
const hex = (message: Uint8Array): string => Buffer.from(message).toString('hex');

const eventsOf = (message: Uint8Array): unknown => {
  const decoded = decodeBatch(message);
  return decoded.ok && decoded.kind === 'events' ? toEvents(decoded.columns) : decoded;
};

const BASKET: TillEvent = {
  type: 'sale',
  ts: HOUR * 3_600_000 + 1_234,
  offset: 330,
  flags: 0,
  amount: 129_900,
  currency: 'INR',
  ref: 'R-1001',
  store: 's1' as StoreId,
  dims: ['method', 'upi', 'store', 's1'],
  items: [
    { sku: 'A1', qty: 2_000, price: 64_950 },
    { sku: 'B2', qty: 500, price: 0 },
  ],
  attrs: null,
};

const TWELVE = Array.from({ length: 12 }, (_, i) => ({
  ...BASKET,
  ts: BASKET.ts + i * 1_000,
  ref: `R-${1_001 + i}`,
}));

const REFUND: TillEvent = {
  type: 'refund',
  ts: HOUR * 3_600_000 + 3_599_999,
  offset: -210,
  flags: 5,
  amount: 0,
  currency: 'GBP',
  ref: null,
  store: null,
  dims: [],
  items: [],
  attrs: '{"a":1}',
};

t.test('the header alone', async (t) => {
  const header: BatchHeader = {
    kind: 'losses',
    codec: 'zstd',
    receiptLines: false,
    dictionary: 0x0102,
    epoch: IDENTITY.epoch,
    firstSeq: 2 ** 32 + 41,
    count: 3,
    hour: HOUR,
    unpackedLength: 86,
    clearThrough: 1_795_339_740_000,
    bodyCrc: 0xdeadbeef,
  };
  const golden = bytes(`
    5453 01 0034 03 0102  9f3c0000000000a1  0000000100000029  00000003  00079c11  00000056  000001a202966360  deadbeef
    473f0bc2`);
  const written = Buffer.alloc(HEADER_BYTES);
  writeHeader(header, written);
  t.equal(hex(written), hex(golden));
  t.strictSame(readHeader(golden), { ok: true, header, bodyStart: 52 });
});

t.test('a single small basket, uncompressed', async (t) => {
  const golden = bytes(`
    5453 01 0034 00 0000  9f3c0000000000a1  0000000000000029  00000001  00079c11  00000056  000001a202966360  d71eecaf
    e11be8d9
    dc0011
      99 a66d6574686f64 a3757069 a573746f7265 a27331 a24131 a24232 a473616c65 a3494e52 a6522d31303031
      06  cd04d2  cd014a  00  ce0001fb6c  07  08  03  c0
      02 920002 920103
      02 920405 92cd07d0cd01f4 92cdfdb600`);
  t.equal(hex(encodeEvents(IDENTITY, [BASKET], null).bytes), hex(golden));
  t.strictSame(eventsOf(golden), [BASKET]);
});

t.test('two events, below the size from which they are compressed', async (t) => {
  const golden = bytes(`
    5453 01 0034 00 0000  9f3c0000000000a1  0000000100000029  00000002  00079c11  00000085  000001a202966360  016ffabc
    35ba5ab5
    dc0011
      9c a66d6574686f64 a3757069 a573746f7265 a27331 a24131 a24232 a473616c65 a6726566756e64 a3494e52 a3474250 a6522d31303031
        a77b2261223a317d
      920607  92cd04d2ce0036e9ad  92cd014ad1ff2e  920005  92ce0001fb6c00  920809  920ac0  9203c0  92c00b
      920200 920002 920103
      920200 920405 92cd07d0cd01f4 92cdfdb600`);
  const encoded = encodeEvents({ ...IDENTITY, firstSeq: 2 ** 32 + 41 }, [BASKET, REFUND], null);
  t.equal(hex(encoded.bytes), hex(golden));
  t.match(decodeBatch(golden), {
    ok: true,
    kind: 'events',
    header: { firstSeq: 2 ** 32 + 41, count: 2, hour: HOUR, codec: 'none', clearThrough: 1_795_339_740_000 },
  });
  t.strictSame(eventsOf(golden), [BASKET, REFUND]);
});

const RECEIPT: TillEvent = {
  ...BASKET,
  items: [
    { sku: 'MUG', qty: -1_000, price: 900 },
    { sku: 'COUPON', qty: 1_000, price: -50 },
    { sku: 'VOIDED', qty: 0, price: 500 },
  ],
};
const WITH_TOTALS: TillEvent = {
  ...BASKET,
  items: [
    { sku: 'FUEL', qty: 41_270, price: null, amount: 7_424 },
    { sku: 'APPLES', qty: -435, price: 1_299, amount: -565 },
  ],
};

t.test('lines of a receipt have a flag, and their totals a column', async (t) => {
  const signed = bytes(`
    5453 01 0034 08 0000  9f3c0000000000a1  0000000000000029  00000001  00079c11  00000068  000001a202966360  6e5177f1
    1c5716d8
    dc0011
      9a a66d6574686f64 a3757069 a573746f7265 a27331 a34d5547 a6434f55504f4e a6564f49444544 a473616c65 a3494e52
        a6522d31303031
      07  cd04d2  cd014a  00  ce0001fb6c  08  09  03  c0
      02 920002 920103
      03 93040506 93d1fc18cd03e800 93cd0384d0cecd01f4`);
  t.equal(hex(encodeEvents(IDENTITY, [RECEIPT], null).bytes), hex(signed));
  t.strictSame(eventsOf(signed), [RECEIPT]);
  const totals = bytes(`
    5453 01 0034 08 0000  9f3c0000000000a1  0000000000000029  00000001  00079c11  00000063  000001a202966360  fb33b54f
    874de0da
    dc0012
      99 a66d6574686f64 a3757069 a573746f7265 a27331 a44655454c a64150504c4553 a473616c65 a3494e52 a6522d31303031
      06  cd04d2  cd014a  00  ce0001fb6c  07  08  03  c0
      02 920002 920103
      02 920405 92cda136d1fe4d 92c0cd0513 92cd1d00d1fdcb`);
  t.equal(hex(encodeEvents(IDENTITY, [WITH_TOTALS], null).bytes), hex(totals));
  t.strictSame(eventsOf(totals), [WITH_TOTALS]);
  const mixed = [BASKET, WITH_TOTALS, RECEIPT];
  t.strictSame(eventsOf(encodeEvents(IDENTITY, mixed).bytes), mixed);
});

t.test('a compressed batch, read only: compressors may find other bytes for it', async (t) => {
  const golden = bytes(`
    5453 01 0034 02 0000  9f3c0000000000a1  0000000000000029  0000000c  00079c11  0000018d  000001a202966360  b91b8f2e
    b135bf24
    28b52ffd608d00f504005407dc0011dc0014a66d6574686f64a3757069a573746f7265a27331a24131a24232a473616c65a3494e52a6522d31
    303031323334353637383931303132069ccd04d2cd03e8014a00ce0001fb6c079c08090a0b0c0d0e0f1011121303c002dc00180002dc001801
    030405dc0018cd07d0cd01f4fdb60013204003eb623d364e56f0543a8de207a18ab6284eedc635e8b243c61dec10e306fb10a0c14201`);
  t.match(decodeBatch(golden), {
    ok: true,
    header: { codec: 'zstd', dictionary: 0, count: 12, unpackedLength: 397 },
  });
  t.strictSame(eventsOf(golden), TWELVE);
});

t.test('released dictionaries are what they were', async (t) => {
  const sums = RELEASED.map(({ id, bytes }) => [id, bytes.length, createHash('sha256').update(bytes).digest('hex')]);
  t.strictSame(sums, [[1, 8_192, 'f803a39a8c6a9c74e1a9fee411fc87c9d9b984be11be197f82f5a984e8188839']]);
});

t.test('a single small basket, packed with dictionary 1, read only', async (t) => {
  const golden = bytes(`
    5453 01 0034 02 0001  9f3c0000000000a1  0000000000000029  00000001  00079c11  00000056  000001a202966360  1d31a0b7
    d266a03d
    28b52ffd2056b501002402a27331a24131a24232522d3130303106cd04d2ce0001fb6c07d0cd01f492cdfdb60005fca56d039413c800626c6a1f
    3826840801`);
  t.match(decodeBatch(golden), { ok: true, header: { codec: 'zstd', dictionary: 1, count: 1, unpackedLength: 86 } });
  t.strictSame(eventsOf(golden), [BASKET]);
});

t.test('several baskets, packed with dictionary 1, read only', async (t) => {
  const golden = bytes(`
    5453 01 0034 02 0001  9f3c0000000000a1  0000000000000029  0000000c  00079c11  0000018d  000001a202966360  f78d71fb
    ed2cc13a
    28b52ffd608d0065030093030cef0563d84246e33da566b48c060ded0995943064af7b48b22b66ee1334dedc954e191f7a33f706e441981a0853
    1f31051bfc9dce9146ed21858f6f34317aeb9fd5534ef2aa6e1c43cb2b5ec044dd4c2caff3528b296fee0d88810ac4549ba5006d3785fa328738
    5b01`);
  t.match(decodeBatch(golden), { ok: true, header: { codec: 'zstd', dictionary: 1, count: 12 } });
  t.strictSame(eventsOf(golden), TWELVE);
});

t.test('losses', async (t) => {
  const golden = bytes(`
    5453 01 0034 01 0000  9f3c0000000000a1  0000000000000007  000003e8  00079c11  00000013  0000000000000000  78b6751a
    ba8ba26b
    93 a765766963746564 cb427a2027bd680000 c0`);
  const loss: Loss = { reason: 'evicted', at: HOUR * 3_600_000, detail: null };
  t.equal(hex(encodeLoss({ ...IDENTITY, firstSeq: 7, clearThrough: 0 }, 1_000, loss).bytes), hex(golden));
  t.match(decodeBatch(golden), {
    ok: true,
    kind: 'losses',
    header: { firstSeq: 7, count: 1_000, clearThrough: 0 },
    loss,
  });
});

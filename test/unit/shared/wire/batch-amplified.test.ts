import t from 'tap';
import type { TillEvent } from '../../../../shared/event/event.ts';
import { decodeBatch, encodeEvents, isWithinBounds } from '../../../../shared/wire/batch.ts';
import { maxDecodedBytes, maxUnpackedBytes } from '../../../../shared/wire/batch-bounds.ts';
import { pack } from '../../../../shared/wire/message-pack.ts';
import { HOUR, IDENTITY } from '../../../support/shared/arbitrary-event.ts';
import { sealed } from '../../../support/shared/seal-batch.ts';

/** As of a till that does not tell one sale from the next. */
const equalSale = (more: Partial<TillEvent> = {}): TillEvent => ({
  ...{ type: 'sale', ts: HOUR * 3_600_000, offset: 330, flags: 0, amount: 100, currency: 'INR' },
  ...{ ref: null, store: null, dims: [], items: [], attrs: null },
  ...more,
});
const items = (count: number) => Array.from({ length: count }, () => ({ sku: 'CHAI', qty: 1_000, price: 100 }));
const DIMS = ['cashier', 'c1', 'method', 'cash', 'store', 'main'];

const columns = (events: number, itemsEach: number, strings: readonly string[] = ['sale', 'INR', 's']): unknown[] => {
  const all = (value: number) => new Array<number>(events * itemsEach).fill(value);
  return [strings, 0, 0, 0, 0, 1, 1, null, null, null, 0, [], [], itemsEach, all(2), all(1), all(1)];
};
const refusal = (message: Uint8Array): string | null => {
  const decoded = decodeBatch(message);
  return decoded.ok ? null : `${decoded.result}: ${decoded.detail}`;
};

t.test('690 equal events of 2,000 items in 600 bytes are refused by the size they state', async (t) => {
  const bomb = sealed(pack(columns(690, 2_000)), { count: 690, codec: 'zstd' });
  t.ok(bomb.length < 700, `${bomb.length} bytes on the wire`);
  t.match(refusal(bomb), /^invalid: \d+ bytes unpacked are more than \d+ for \d+ on the wire/);
});

t.test('items that unpack to little are refused by the memory that they would take', async (t) => {
  const bomb = sealed(pack(columns(100, 2_000)), { count: 100, codec: 'zstd' });
  t.match(refusal(bomb), /^invalid: events of \d+ bytes in memory/);
});

t.test('one text as the attrs of 5,000 events is refused too', async (t) => {
  const attrs = JSON.stringify({ a: 'x'.repeat(4_000) });
  const short = columns(5_000, 0, ['sale', 'INR', attrs]);
  short[9] = 2;
  t.match(refusal(sealed(pack(short), { count: 5_000, codec: 'zstd' })), /^invalid: events of \d+ bytes in memory/);
  const long = columns(5_000, 0, ['sale', 'INR', attrs]);
  long[9] = [null, ...new Array<number>(4_999).fill(2)];
  t.match(refusal(sealed(pack(long), { count: 5_000, codec: 'zstd' })), /^invalid: events of \d+ bytes in memory/);
});

t.test('nothing is made of a refused batch: its last item is never looked at', async (t) => {
  const bomb = columns(100, 2_000);
  (bomb[14] as number[])[199_999] = 7;
  t.match(refusal(sealed(pack(bomb), { count: 100, codec: 'zstd' })), /bytes in memory/, 'not: outside the table');
});

t.test('what an honest till sends is within the bounds, however regular it is', async (t) => {
  const honest: Record<string, TillEvent[]> = {
    'an invoice of 2,000 equal items': [equalSale({ items: items(2_000) })],
    '5,000 equal sales of nothing': Array.from({ length: 5_000 }, () => equalSale()),
    '5,000 equal sales of one item': Array.from({ length: 5_000 }, () => equalSale({ items: items(1) })),
    '5,000 equal sales with dims, attrs and an item': Array.from({ length: 5_000 }, () =>
      equalSale({ items: items(1), dims: DIMS, attrs: JSON.stringify({ note: 'x'.repeat(200) }) }),
    ),
    '1,000 equal sales of 40 items': Array.from({ length: 1_000 }, () => equalSale({ items: items(40) })),
  };
  for (const [what, events] of Object.entries(honest)) {
    const encoded = encodeEvents(IDENTITY, events);
    t.ok(isWithinBounds(encoded), `${what}: ${encoded.bytes.length} bytes`);
    t.equal(refusal(encoded.bytes), null, what);
  }
});

t.test('a single event of the largest kind is within the bounds', async (t) => {
  const wide = Array.from({ length: 2_000 }, (_, at) => ({
    ...{ sku: `${String.fromCodePoint(0x10000 + at)}${'𝄞'.repeat(63)}`, qty: 1e12 - at, price: 1e12 - at },
  }));
  const dims = Array.from({ length: 16 }, (_, at) => [`d${String.fromCharCode(97 + at)}`, '𝄞'.repeat(64)]).flat();
  const attrs = JSON.stringify('x'.repeat(4_000));
  const encoded = encodeEvents(IDENTITY, [equalSale({ items: wide, dims, attrs })]);
  t.equal(refusal(encoded.bytes), null, `${encoded.bytes.length} bytes, ${encoded.header.unpackedLength} unpacked`);
});

t.test('the sender counts as the receiver does', async (t) => {
  for (const count of [1, 100, 200, 400, 1_000]) {
    const events = Array.from({ length: count }, (_, at) =>
      equalSale({ items: items(100), dims: DIMS, attrs: at % 2 === 0 ? '{}' : null }),
    );
    const encoded = encodeEvents(IDENTITY, events);
    t.equal(isWithinBounds(encoded), refusal(encoded.bytes) === null, `${count} events`);
  }
  t.ok(maxUnpackedBytes(1_000) < maxUnpackedBytes(2_000) && maxDecodedBytes(1_000) < maxDecodedBytes(2_000));
});

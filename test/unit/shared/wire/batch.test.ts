import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import type { TillEvent } from '../../../../shared/event/event.ts';
import { decodeBatch, encodeEvents, encodeLoss, MAX_EVENTS, MAX_WIRE_BYTES } from '../../../../shared/wire/batch.ts';
import { NEWEST, RELEASED } from '../../../../shared/wire/dictionaries/released.ts';
import { toEvents } from '../../../../shared/wire/event-columns.ts';
import { arbitraryEvent, HOUR, IDENTITY } from '../../../support/shared/arbitrary-event.ts';
import { codePoint } from '../../../support/shared/code-point.ts';
import { holds } from '../../../support/shared/property.ts';

const START = HOUR * 3_600_000;

const plainEvent = (i: number): TillEvent => ({
  type: 'sale',
  ts: START + i,
  offset: 0,
  flags: 0,
  amount: 100 + i,
  currency: 'GBP',
  ref: `R-${i}`,
  store: null,
  dims: ['method', 'card'],
  items: [{ sku: `A${i % 50}`, qty: 1_000, price: 100 }],
  attrs: null,
});

const eventsOf = (message: Uint8Array): readonly TillEvent[] | null => {
  const decoded = decodeBatch(message);
  return decoded.ok && decoded.kind === 'events' ? toEvents(decoded.columns) : null;
};

/** None, or any that was released. */
const dictionaries = fc.constantFrom(null, ...RELEASED);

holds(
  t,
  'any events come back as they were, whatever fields they have, however many they are, with any dictionary or none',
  fc.property(fc.array(arbitraryEvent, { minLength: 1, maxLength: 30 }), dictionaries, (events, dictionary) => {
    const { bytes, header } = encodeEvents(IDENTITY, events, dictionary);
    const decoded = decodeBatch(bytes);
    return (
      decoded.ok &&
      decoded.kind === 'events' &&
      isDeepStrictEqual(toEvents(decoded.columns), events) &&
      isDeepStrictEqual(decoded.header, header)
    );
  }),
  { numRuns: 300 },
);

holds(
  t,
  'so do events that are alike, whose columns have the short form',
  fc.property(arbitraryEvent, fc.integer({ min: 1, max: 300 }), dictionaries, (event, count, dictionary) => {
    const events = Array.from({ length: count }, () => event);
    return isDeepStrictEqual(eventsOf(encodeEvents(IDENTITY, events, dictionary).bytes), events);
  }),
  { numRuns: 50 },
);

t.test('events come back in their order, also where time goes back', async (t) => {
  const events = [3_599_999, 0, 3_599_999, 5, 4].map((ms, i) => ({ ...plainEvent(i), ts: START + ms }));
  t.strictSame(eventsOf(encodeEvents(IDENTITY, events).bytes), events);
});

t.test('a batch of the most events is one that can be stored', async (t) => {
  const events = Array.from({ length: MAX_EVENTS }, (_, i) => plainEvent(i));
  const { bytes, header } = encodeEvents(IDENTITY, events);
  t.ok(bytes.length <= MAX_WIRE_BYTES, `${bytes.length} bytes`);
  t.equal(header.codec, 'zstd');
  t.strictSame(eventsOf(bytes), events);
});

t.test('a single small event stays under 110 bytes', async (t) => {
  const { bytes, header } = encodeEvents(IDENTITY, [plainEvent(1)]);
  t.match(header, { codec: 'zstd', dictionary: NEWEST.id });
  t.ok(bytes.length < 110, `${bytes.length} bytes`);
});

t.test('without a dictionary it stays under 160 bytes, and is not compressed', async (t) => {
  const { bytes, header } = encodeEvents(IDENTITY, [plainEvent(1)], null);
  t.equal(header.dictionary, 0);
  t.equal(header.codec, 'none');
  t.ok(bytes.length < 160, `${bytes.length} bytes`);
});

t.test('what does not get smaller is not compressed', async (t) => {
  const noise = (step: number) =>
    Array.from({ length: 40 }, (_, i) => String.fromCodePoint(0x4e00 + ((i * step) % 20_000))).join('');
  const event = { ...plainEvent(1), items: [], ref: noise(7_919), attrs: JSON.stringify(noise(6_841)) };
  const { bytes, header } = encodeEvents(IDENTITY, [event], null);
  t.ok(header.unpackedLength >= 192 && header.codec === 'none', `${header.unpackedLength} bytes, ${header.codec}`);
  t.strictSame(eventsOf(bytes), [event]);
});

t.test('a large batch takes no dictionary: it has enough of its own to find', async (t) => {
  const events = Array.from({ length: 500 }, (_, i) => plainEvent(i));
  const { bytes, header } = encodeEvents(IDENTITY, events);
  t.match(header, { codec: 'zstd', dictionary: 0 });
  t.ok(bytes.equals(encodeEvents(IDENTITY, events, null).bytes));
});

t.test('a loss takes no dictionary, so that every collector can read it', async (t) => {
  const { header } = encodeLoss(IDENTITY, 1, { reason: 'unreadable', at: START, detail: 'x'.repeat(1_000) });
  t.match(header, { codec: 'zstd', dictionary: 0 });
});

t.test('encoding leaves earlier batches as they were', async (t) => {
  const first = encodeEvents(IDENTITY, [plainEvent(1)]).bytes;
  const copy = Buffer.from(first);
  for (let i = 0; i < 100; i++) encodeEvents(IDENTITY, [plainEvent(i)]);
  t.ok(first.equals(copy));
});

holds(
  t,
  'a loss comes back as it was, but for a detail that is too long',
  fc.property(
    fc.string({ unit: codePoint, minLength: 1, maxLength: 32 }),
    fc.nat({ max: 4e12 }),
    fc.option(fc.string({ unit: codePoint, maxLength: 512 })),
    fc.integer({ min: 1, max: 0xffff_ffff }),
    (reason, at, detail, count) => {
      const decoded = decodeBatch(encodeLoss(IDENTITY, count, { reason, at, detail }).bytes);
      return (
        decoded.ok &&
        decoded.kind === 'losses' &&
        decoded.header.count === count &&
        isDeepStrictEqual(decoded.loss, { reason, at, detail })
      );
    },
  ),
);

t.test("a loss's detail is cut to 1,024 characters, and leaves no half of one", async (t) => {
  const cut = (detail: string): string | null => {
    const decoded = decodeBatch(encodeLoss(IDENTITY, 1, { reason: 'unreadable', at: START, detail }).bytes);
    return decoded.ok && decoded.kind === 'losses' ? decoded.loss.detail : 'refused';
  };
  t.equal(cut('x'.repeat(1_024)), 'x'.repeat(1_024));
  t.equal(cut('x'.repeat(1_025)), 'x'.repeat(1_024));
  t.equal(cut(`${'x'.repeat(1_023)}😀`), `${'x'.repeat(1_023)}\ufffd`);
  t.equal(cut('\ud800'), '\ufffd');
});

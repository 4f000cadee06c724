import fc from 'fast-check';
import t from 'tap';
import { eventJson, localTime } from '../../../../../agent/inspect/facts/event-json.ts';
import type { TillEvent } from '../../../../../shared/event/event.ts';
import { parseEvent } from '../../../../../shared/event/parse.ts';
import { parseExactJson } from '../../../../../shared/exact-json.ts';
import { NOW, parsed, sale } from '../../../../support/agent/events.ts';
import { arbitraryEvent } from '../../../../support/shared/arbitrary-event.ts';

t.test('an event is told as its till wrote it', async (t) => {
  const posted = sale('R-1', {
    ts: '2026-11-22T09:30:00+05:30',
    dims: { cashier: 'c3', store: 'main' },
    items: [
      { sku: 'A1', qty: 1.125, price: 500 },
      { sku: 'FUEL', qty: 41.27, amount: 7_424 },
      { sku: 'BEANS', qty: -3, price: 349, amount: -1_000 },
    ],
    attrs: { any: ['json', null] },
  });
  t.strictSame(eventJson(parsed(posted)), posted);
});

t.test('a time has the offset that the till wrote', async (t) => {
  t.equal(localTime(NOW, 0), '2026-11-22T10:15:00+00:00');
  t.equal(localTime(NOW + 7, -210), '2026-11-22T06:45:00.007-03:30');
});

t.test('numbers of attrs are told as the till wrote them', async (t) => {
  const attrs = '{"orderId":9007199254740993,"rate":1.50,"huge":1e400}';
  const json = JSON.stringify(eventJson({ ...parsed(sale('R-1')), attrs }));
  t.match(json, `"attrs":${attrs}`);
});

/** An empty ref has a place on the wire, and none in a post. */
const tillEvent = arbitraryEvent.map((event) => ({ ...event, ref: event.ref === '' ? null : event.ref }));

t.test('posted again, an event is the same', async (t) => {
  const post = (event: TillEvent): TillEvent => {
    const again = parseEvent(parseExactJson(JSON.stringify(eventJson(event))), { now: NOW, store: event.store });
    if (!again.ok) throw new Error(JSON.stringify(again.errors));
    return { ...again.event, store: event.store };
  };
  const withoutFlags = (event: TillEvent): TillEvent => ({ ...event, flags: 0 });
  fc.assert(
    fc.property(tillEvent, (event) => {
      // An older agent kept empty dims, null as attrs, and texts that are not in NFC.
      const posted = post(event);
      const { dims: _d, items, ref: _r, attrs: _a, ...rest } = posted;
      const { dims: _ed, items: given, ref: _er, attrs: _ea, ...expected } = withoutFlags(event);
      t.strictSame(rest, expected);
      t.strictSame(
        items.map(({ sku: _, ...line }) => line),
        given.map(({ sku: _, ...line }) => line),
      );
      t.strictSame(post(posted), posted);
    }),
    { numRuns: 50 },
  );
});

import fc from 'fast-check';
import t from 'tap';
import { eventJson, localTime } from '../../../../../agent/inspect/facts/event-json.ts';
import { FLAG } from '../../../../../shared/event/event.ts';
import { parseEvent } from '../../../../../shared/event/parse.ts';
import { NOW, parsed, sale } from '../../../../support/agent/events.ts';
import { arbitraryEvent } from '../../../../support/shared/arbitrary-event.ts';

t.test('an event is told as its till wrote it', async (t) => {
  const posted = sale('R-1', {
    ts: '2026-11-22T09:30:00+05:30',
    dims: { cashier: 'c3', store: 'main' },
    items: [{ sku: 'A1', qty: 1.125, price: 500 }],
    attrs: { any: ['json', null] },
  });
  t.strictSame(eventJson(parsed(posted)), posted);
});

t.test('a time has the offset that the till wrote', async (t) => {
  t.equal(localTime(NOW, 0), '2026-11-22T10:15:00+00:00');
  t.equal(localTime(NOW + 7, -210), '2026-11-22T06:45:00.007-03:30');
});

/** An empty ref has a place on the wire, and none in a post. */
const tillEvent = arbitraryEvent.map((event) => ({ ...event, ref: event.ref === '' ? null : event.ref }));

t.test('posted again, an event is the same', async (t) => {
  fc.assert(
    fc.property(tillEvent, (event) => {
      const again = parseEvent(JSON.parse(JSON.stringify(eventJson(event))), { now: NOW, store: event.store });
      if (!again.ok) throw new Error(JSON.stringify(again.errors));
      const flags = event.flags & ~(FLAG.tsDefaulted | FLAG.clockSuspect | FLAG.masked);
      t.strictSame({ ...again.event, store: event.store }, { ...event, flags });
    }),
    { numRuns: 50 },
  );
});

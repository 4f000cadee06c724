import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { encodeBody } from '../../../../../agent/buffer/tables/event-row.ts';
import type { PendingEvent } from '../../../../../agent/port/outbox.ts';
import { BatchSizer, type Fitted } from '../../../../../agent/ship/batching/batch-sizer.ts';
import type { Run } from '../../../../../agent/ship/batching/lane.ts';
import type { TillEvent } from '../../../../../shared/event/event.ts';
import { epoch } from '../../../../../shared/ids.ts';
import { hourOf } from '../../../../../shared/time.ts';
import { decodeBatch } from '../../../../../shared/wire/batch.ts';
import { toEvents } from '../../../../../shared/wire/event-columns.ts';
import { NOW, parsed, sale } from '../../../../support/agent/events.ts';

const EPOCH = epoch('0123456789abcdef');
const run = (events: readonly TillEvent[]): Run => {
  const pending: PendingEvent[] = events.map((event, at) => {
    return { id: 100 + at, epoch: EPOCH, seq: 10 + at, hour: hourOf(NOW), event, bytes: encodeBody(event).length };
  });
  return Object.assign(pending, { first: pending[0]! });
};
const attributed = (sizes: readonly number[]): TillEvent[] =>
  sizes.map((size, at) => parsed(sale(`R-${at}`, { attrs: randomBytes(size).toString('base64') })));
/** How many a batch holds. */
const count = ({ sent: { firstId, lastId } }: Fitted): number => lastId - firstId + 1;

t.test('a batch holds the first events, as many as fit', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.array(fc.nat(3_000), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 5_000, max: 65_536 }),
        (sizes, maxBytes) => {
          const events = attributed(sizes);
          const fitted = new BatchSizer().fit(run(events), maxBytes, 7);
          if (fitted === null) throw new Error('nothing fits');
          if (fitted.encoded.bytes.length > maxBytes) throw new Error('too large');
          const decoded = decodeBatch(fitted.encoded.bytes);
          if (!decoded.ok || decoded.kind !== 'events') throw new Error('not a batch');
          const { header } = decoded;
          if (header.firstSeq !== 10 || header.count !== count(fitted) || header.clearThrough !== 7)
            throw new Error('header');
          if (fitted.sent.firstId !== 100) throw new Error('another id');
          toEvents(decoded.columns).forEach((event, at) => {
            if (event.ref !== events[at]!.ref) throw new Error('another event');
          });
        },
      ),
      { numRuns: 50 },
    ),
  );
});

t.test('nothing is given when not even the first event fits', async (t) => {
  t.equal(new BatchSizer().fit(run(attributed([3_000, 1])), 1_000, 0), null);
});

t.test('it learns how well events pack', async (t) => {
  const fitter = new BatchSizer();
  const events = run(Array.from({ length: 3_000 }, (_, at) => parsed(sale(`R-${at}`))));
  const first = fitter.fit(events, 16_384, 0)!;
  const second = fitter.fit(events, 16_384, 0)!;
  t.ok(count(second) > count(first), `${count(first)}, then ${count(second)} events`);
  t.ok(second.encoded.bytes.length <= 16_384);
  t.ok(Math.abs(fitter.estimate(count(second)) - second.encoded.bytes.length) < 1);
});

t.test('a batch holds no more events than it may', async (t) => {
  const events = run(Array.from({ length: 3_000 }, (_, at) => parsed(sale(`R-${at}`))));
  const fitter = new BatchSizer();
  fitter.fit(events, 65_536, 0);
  t.equal(count(fitter.fit(events, 131_072, 0)!), 1_000);
  t.equal(count(fitter.fit(events, 131_072, 0, null, 1)!), 1);
});

t.test('a batch holds no more bytes of the buffer than can be settled at once, however well they pack', async (t) => {
  const events = run(
    Array.from({ length: 600 }, (_, at) => parsed(sale(`R-${at}`, { attrs: { note: 'x'.repeat(2_000) } }))),
  );
  const fitter = new BatchSizer();
  fitter.fit(events, 65_536, 0);
  const each = encodeBody(events.first.event).length;
  const most = count(fitter.fit(events, 131_072, 0)!);
  t.ok(most * each <= 512 * 1024 && most * each > 510 * 1024, `${most} of ${each} bytes`);
});

t.test('no batch is built that the collector refuses, however regular the sales are', async (t) => {
  for (const items of [1, 5, 20, 60, 100, 500]) {
    const equal = parsed(sale('R', { items: Array(items).fill({ sku: 'CHAI', qty: 1, price: 100 }) }));
    const events = run(Array.from({ length: 1_000 }, () => ({ ...equal, ref: null })));
    const { encoded } = new BatchSizer().fit(events, 65_536, 0)!;
    t.match(decodeBatch(encoded.bytes), { ok: true }, `${encoded.header.count} events of ${items} items`);
  }
});

import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import type { PendingEvent } from '../../../../agent/buffer/port.ts';
import { encodeBody } from '../../../../agent/buffer/row.ts';
import { Fitter } from '../../../../agent/ship/fit.ts';
import { epoch } from '../../../../shared/ids.ts';
import { hourOf } from '../../../../shared/time.ts';
import { decodeBatch } from '../../../../shared/wire/batch.ts';
import { NOW, parsed, sale } from '../events.ts';

const EPOCH = epoch('0123456789abcdef');
const pending = (sizes: readonly number[]): PendingEvent[] =>
  sizes.map((size, at) => {
    const event = parsed(sale(`R-${at}`, { attrs: randomBytes(size).toString('base64') }));
    return { id: 100 + at, epoch: EPOCH, seq: 10 + at, hour: hourOf(NOW), event, bytes: encodeBody(event).length };
  });

t.test('a batch holds the first events, as many as fit', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.array(fc.nat(3_000), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 5_000, max: 65_536 }),
        (sizes, maxBytes) => {
          const events = pending(sizes);
          const fitted = new Fitter().fit(events, maxBytes, 7);
          if (fitted === null) throw new Error('nothing fits');
          if (fitted.encoded.bytes.length > maxBytes) throw new Error('too large');
          const decoded = decodeBatch(fitted.encoded.bytes);
          if (!decoded.ok || decoded.kind !== 'events') throw new Error('not a batch');
          const { firstSeq, count, clearThrough } = decoded.header;
          if (firstSeq !== 10 || count !== fitted.events.length || clearThrough !== 7) throw new Error('header');
          decoded.events.forEach((event, at) => {
            if (event.ref !== events[at]!.event.ref) throw new Error('another event');
          });
        },
      ),
      { numRuns: 50 },
    ),
  );
});

t.test('nothing is given when not even the first event fits', async (t) => {
  t.equal(new Fitter().fit(pending([3_000, 1]), 1_000, 0), null);
});

t.test('it learns how well events pack', async (t) => {
  const fitter = new Fitter();
  const events = Array.from({ length: 3_000 }, (_, at) => {
    const event = parsed(sale(`R-${at}`));
    return { id: at + 1, epoch: EPOCH, seq: at + 1, hour: hourOf(NOW), event, bytes: encodeBody(event).length };
  });
  const first = fitter.fit(events, 16_384, 0)!;
  const second = fitter.fit(events, 16_384, 0)!;
  t.ok(second.events.length > first.events.length, `${first.events.length}, then ${second.events.length} events`);
  t.ok(second.encoded.bytes.length <= 16_384);
  t.ok(Math.abs(fitter.estimate(second.events.length) - second.encoded.bytes.length) < 1);
});

import t from 'tap';
import { decodeBatch, encodeEvents, encodeLoss } from '../../../../shared/wire/batch.ts';
import { HOUR, IDENTITY } from '../../../support/shared/arbitrary-event.ts';

const event = (i: number) => ({
  type: 'sale',
  ts: HOUR * 3_600_000 + i,
  offset: 60,
  flags: 0,
  amount: 1_299,
  currency: 'GBP',
  ref: `R-${i}`,
  store: null,
  dims: ['customer', `u${i}`],
  items: [{ sku: 'A1', qty: 1_000, price: 1_299 }],
  attrs: null,
});

const BATCHES = {
  'a single event': encodeEvents(IDENTITY, [event(1)]).bytes,
  'one that is not compressed': encodeEvents(IDENTITY, [event(1)], null).bytes,
  'a compressed batch': encodeEvents(
    IDENTITY,
    Array.from({ length: 20 }, (_, i) => event(i)),
    null,
  ).bytes,
  'a loss': encodeLoss(IDENTITY, 7, { reason: 'evicted', at: HOUR * 3_600_000, detail: 'full' }).bytes,
};

for (const [what, batch] of Object.entries(BATCHES)) {
  /** The results of decoding, each with how often it came. */
  const tally = (inputs: Iterable<Uint8Array>): Record<string, number> => {
    const results: Record<string, number> = {};
    for (const input of inputs) {
      const decoded = decodeBatch(input);
      const result = decoded.ok ? 'ok' : decoded.result;
      results[result] = (results[result] ?? 0) + 1;
    }
    return results;
  };

  t.test(`${what} with any single bit flipped is damaged`, async (t) => {
    const flips = function* () {
      for (let bit = 0; bit < batch.length * 8; bit++) {
        const flipped = Buffer.from(batch);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        yield flipped;
      }
    };
    t.strictSame(tally(flips()), { damaged: batch.length * 8 });
  });

  t.test(`${what} cut off anywhere is damaged`, async (t) => {
    t.strictSame(tally(Array.from(batch, (_, end) => batch.subarray(0, end))), { damaged: batch.length });
  });

  t.test(`${what} with anything after it is damaged`, async (t) => {
    t.strictSame(tally([0, 1, 255].map((byte) => Buffer.concat([batch, Buffer.of(byte)]))), { damaged: 3 });
  });

  t.test(`${what} is still named when only its body is damaged`, async (t) => {
    const flipped = Buffer.from(batch);
    flipped[flipped.length - 1]! ^= 1;
    t.match(decodeBatch(flipped), {
      result: 'damaged',
      header: { epoch: IDENTITY.epoch, firstSeq: IDENTITY.firstSeq },
    });
  });
}

import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import t from 'tap';
import {
  decodeBody,
  type EventRow,
  encodeBody,
  RowCheck,
  RowChecksum,
  STATE,
  stateMask,
  tryDecodeBody,
} from '../../../../../agent/buffer/tables/event-row.ts';
import { crc32c } from '../../../../../shared/crc32c.ts';
import { epoch } from '../../../../../shared/ids.ts';
import { parsed, sale } from '../../../../support/agent/events.ts';

const LINES = [
  { sku: 'MUG', qty: -1, price: 900 },
  { sku: 'COUPON', qty: 1, price: -50 },
  { sku: 'VOIDED', qty: 0, price: 500 },
  { sku: 'FUEL', qty: 41.27, amount: 7_424 },
  { sku: 'BEANS', qty: 3, price: 349, amount: 0 },
];
const EPOCH = epoch('0123456789abcdef');

t.test('an event comes back from its row as it was', async (t) => {
  const full = parsed(
    sale('R-1', {
      ts: '2026-11-22T09:30:00.123+05:30',
      dims: { method: 'upi', store: 'delhi', name: 'Zoë 🛒' },
      items: [
        { sku: 'A1', qty: 0.125, price: 64950 },
        { sku: '', qty: 1e9, price: 1e12 },
      ],
      attrs: { any: ['json', null, { deep: true }] },
    }),
  );
  t.same(decodeBody(encodeBody(full)), full);
  const least = parsed({ type: 'void' });
  t.same(decodeBody(encodeBody(least)), least);
});

t.test('lines of receipts come back from their row as they were', async (t) => {
  const event = parsed(sale('R-1', { items: LINES }));
  t.strictSame(decodeBody(encodeBody(event)).items, [
    { sku: 'MUG', qty: -1_000, price: 900 },
    { sku: 'COUPON', qty: 1_000, price: -50 },
    { sku: 'VOIDED', qty: 0, price: 500 },
    { sku: 'FUEL', qty: 41_270, price: null, amount: 7_424 },
    { sku: 'BEANS', qty: 3_000, price: 349, amount: 0 },
  ]);
});

t.test('a change of state changes the checksum by a constant', async (t) => {
  const checksum = new RowChecksum();
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(2 ** 31), fc.nat(), (seq, hour, bodyCrc) => {
        const pending = checksum.of(EPOCH, seq, hour, bodyCrc, STATE.pending);
        for (const state of [STATE.acked, STATE.quarantined]) {
          if ((pending ^ stateMask(STATE.pending, state)) >>> 0 !== checksum.of(EPOCH, seq, hour, bodyCrc, state))
            throw new Error('differs');
        }
      }),
    ),
  );
});

t.test('the checksum depends on each of its parts', async (t) => {
  const checksum = new RowChecksum();
  const sums = new Set([
    checksum.of(EPOCH, 1, 2, 3, STATE.pending),
    checksum.of(epoch('0123456789abcdee'), 1, 2, 3, STATE.pending),
    checksum.of(EPOCH, 2, 2, 3, STATE.pending),
    checksum.of(EPOCH, 1 + 2 ** 32, 2, 3, STATE.pending),
    checksum.of(EPOCH, 1, 3, 3, STATE.pending),
    checksum.of(EPOCH, 1, 2, 4, STATE.pending),
    checksum.of(EPOCH, 1, 2, 3, STATE.acked),
  ]);
  t.equal(sums.size, 7);
});

t.test('a row is checked for its checksum, then for its place', async (t) => {
  const check = new RowCheck();
  const body = Buffer.from(encodeBody(parsed(sale('R-1'))));
  const sum = new RowChecksum().of(EPOCH, 7, 500, crc32c(body), STATE.acked);
  const row: EventRow = { id: 107, epoch: EPOCH, seq: 7, hour: 500, state: STATE.acked, sum, body };
  t.equal(check.fault(row), null);
  t.equal(check.faultAt(row, 100), null);
  for (const [name, changed] of Object.entries({
    seq: { seq: 8, id: 108 },
    hour: { hour: 501 },
    state: { state: STATE.pending },
    sum: { sum: sum ^ 1 },
    body: { body: Buffer.from('x') },
    epoch: { epoch: 'fedcba9876543210' },
  }))
    t.equal(check.faultAt({ ...row, ...changed }, 100), 'its checksum does not match', name);
  t.equal(check.faultAt({ ...row, id: 108 }, 100), 'it does not belong where it lies');
  t.equal(check.faultAt(row, undefined), 'it does not belong where it lies', 'an unknown epoch');
  t.equal(check.faultAt({ ...row, seq: 8 }, 100), 'its checksum does not match', 'both');
  t.match(check.fault({ ...row, epoch: 'x' }), /not an epoch/);
  t.match(check.fault({ ...row, hour: -1 }), /out of range/);
  t.equal(check.fault({ ...row, body: null as unknown as Buffer }) === null, false);
  t.equal(check.fault(row), null, 'a fault leaves nothing behind');
});

t.test('bytes that are no event give a message', async (t) => {
  t.match(tryDecodeBody(encodeBody(parsed(sale('R-1')))), { ref: 'R-1' });
  t.type(tryDecodeBody(Buffer.of(0x93)), 'string');
});

t.test('golden bytes: a row of schema 1 is read for ever', async (t) => {
  const event = parsed(sale('R-1', { ts: 1_795_341_600_000, dims: { method: 'upi' } }));
  const hex = Buffer.from(encodeBody(event)).toString('hex');
  t.equal(
    hex,
    '9ba473616c65cb427a202b2c5000000000cd0513a3455552a3522d31c092a66d6574686f64a375706993a24131cd07d0cd01f4c0',
  );
  t.equal(new RowChecksum().of(EPOCH, 41, 498_706, 0xdeadbeef, STATE.pending), 3_242_778_240);
});

t.test('golden bytes: totals of lines are a field of their own', async (t) => {
  const event = parsed(sale('R-1', { ts: 1_795_341_600_000, items: LINES }));
  const hex = Buffer.from(encodeBody(event)).toString('hex');
  t.equal(
    hex,
    '9ca473616c65cb427a202b2c5000000000cd0513a3455552a3522d31c090' +
      '9fa34d5547d1fc18cd0384a6434f55504f4ecd03e8d0cea6564f4944454400cd01f4a44655454ccda136c0a54245414e53cd0bb8cd015d' +
      'c095c0c0c0cd1d0000',
  );
  t.strictSame(decodeBody(Buffer.from(hex, 'hex')), event);
});

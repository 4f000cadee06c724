import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import t from 'tap';
import { packCooperatively } from '../../../../../collector/aggregation/message-pack/pack-cooperatively.ts';
import { runToEnd } from '../../../../../shared/cooperative.ts';
import { pack } from '../../../../../shared/wire/message-pack.ts';
import { holds } from '../../../../support/shared/property.ts';

const scalar = fc.oneof(fc.integer(), fc.double(), fc.string(), fc.boolean(), fc.constant(null), fc.uint8Array());
const column = fc.oneof(
  fc.array(scalar, { maxLength: 30 }),
  fc.tuple(scalar, fc.constantFrom(10, 1_001, 70_000)).map(([of, length]) => Array.from({ length }, () => of)),
);
const cell = fc.record({ keys: column, groups: fc.array(column, { maxLength: 3 }), overflow: scalar, tickets: scalar });

holds(
  t,
  'small values and large ones are packed to the bytes that one call gives',
  fc.property(cell, (value) => {
    const packed = runToEnd(packCooperatively([1, value]));
    return Buffer.compare(packed, Buffer.from(pack([1, value]))) === 0;
  }),
  { numRuns: 60 },
);

t.test('what is packed stays as it was when more is packed', async (t) => {
  const first = runToEnd(packCooperatively(['a'.repeat(100)]));
  const before = Buffer.from(first);
  for (let at = 0; at < 1_000; at++) runToEnd(packCooperatively(['b'.repeat(100)]));
  t.same(Buffer.compare(first, before), 0);
});

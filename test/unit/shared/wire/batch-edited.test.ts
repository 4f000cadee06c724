import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import type { TillEvent } from '../../../../shared/event/event.ts';
import { ID_PATTERN } from '../../../../shared/ids.ts';
import { decodeBatch, encodeEvents, encodeLoss } from '../../../../shared/wire/batch.ts';
import { RELEASED } from '../../../../shared/wire/dictionaries/released.ts';
import { toEvents } from '../../../../shared/wire/event-columns.ts';
import { arbitraryEvent, IDENTITY } from '../../../support/shared/arbitrary-event.ts';
import { holds } from '../../../support/shared/property.ts';
import { resealed, sealed } from '../../../support/shared/seal-batch.ts';

// Batches of an agent that means harm, at random: honest ones edited, their checksums put right
// again.

const isShort = (text: string): boolean => [...text].length <= 64 && text.isWellFormed();
const inRange = (value: number, min: number, max: number): boolean =>
  Number.isInteger(value) && value >= min && value <= max;

/** The bounds of contracts.md, once more. */
const withinBounds = (event: TillEvent, hour: number): boolean =>
  /^[a-z][a-z0-9_.]{0,31}$/.test(event.type) &&
  Math.floor(event.ts / 3_600_000) === hour &&
  inRange(event.offset, -1080, 1080) &&
  inRange(event.flags, 0, 255) &&
  (event.amount === null || (inRange(event.amount, 0, 1e12) && event.currency !== null)) &&
  (event.currency === null || /^[A-Z]{3}$/.test(event.currency)) &&
  (event.ref === null || isShort(event.ref)) &&
  (event.store === null || new RegExp(ID_PATTERN).test(event.store)) &&
  (event.attrs === null || (Buffer.byteLength(event.attrs) <= 4_096 && JSON.parse(event.attrs) !== undefined)) &&
  event.dims.length <= 32 &&
  event.dims.every((text, i) => (i % 2 === 0 ? /^[a-z][a-z0-9_]{0,31}$/.test(text) : isShort(text))) &&
  event.items.length <= 2_000 &&
  event.items.every(
    ({ sku, qty, price, amount }) =>
      isShort(sku) &&
      inRange(qty, -1e12, 1e12) &&
      (price === null ? amount !== undefined : inRange(price, -1e12, 1e12)) &&
      (amount === undefined || inRange(amount, -1e12, 1e12)),
  );

const isTyped = (message: Uint8Array): boolean => {
  const decoded = decodeBatch(message);
  if (!decoded.ok) return ['damaged', 'unsupported', 'invalid'].includes(decoded.result) && decoded.detail !== '';
  return decoded.kind === 'losses'
    ? isShort(decoded.loss.reason)
    : toEvents(decoded.columns).every((event) => withinBounds(event, decoded.header.hour));
};

const edits = fc.array(fc.tuple(fc.nat(), fc.constantFrom('set', 'insert', 'remove'), fc.nat({ max: 255 })), {
  minLength: 1,
  maxLength: 5,
});

function editedBody(plain: Uint8Array, changes: readonly (readonly [number, string, number])[]): Buffer {
  const bytes = [...plain];
  for (const [at, how, byte] of changes) {
    if (how === 'set') bytes[at % bytes.length] = byte;
    else if (how === 'insert') bytes.splice(at % bytes.length, 0, byte);
    else bytes.splice(at % bytes.length, 1);
  }
  return Buffer.from(bytes);
}

const bodies = fc.oneof(
  fc.array(arbitraryEvent, { minLength: 1, maxLength: 4 }).map((events) => encodeEvents(IDENTITY, events, null)),
  fc.constant(encodeLoss(IDENTITY, 3, { reason: 'evicted', at: 0, detail: 'full' })),
);
const plainOf = ({ bytes, header }: ReturnType<typeof encodeEvents>): Buffer =>
  header.codec === 'none' ? bytes.subarray(52) : zstdDecompressSync(bytes.subarray(52));

holds(
  t,
  'a body edited in any way under right checksums gives events within bounds or a typed refusal',
  fc.property(bodies, edits, fc.boolean(), (batch, changes, compressed) => {
    const { kind, count, receiptLines } = batch.header;
    const codec = compressed ? 'zstd' : 'none';
    return isTyped(sealed(editedBody(plainOf(batch), changes), { kind, count, receiptLines, codec }));
  }),
  { numRuns: 3_000 },
);

holds(
  t,
  'so does a compressed body that is edited, with a dictionary and without',
  fc.property(bodies, edits, fc.constantFrom(null, ...RELEASED), (batch, changes, dictionary) => {
    const { kind, count, receiptLines } = batch.header;
    const plain = plainOf(batch);
    const frame = zstdCompressSync(plain, dictionary === null ? {} : { dictionary: dictionary.bytes });
    const claims = { kind, count, receiptLines, codec: 'zstd', dictionary: dictionary?.id ?? 0 } as const;
    return isTyped(sealed(plain, claims, editedBody(frame, changes)));
  }),
  { numRuns: 1_000 },
);

holds(
  t,
  'and a header that is edited',
  fc.property(bodies, fc.nat({ max: 47 }), fc.nat({ max: 255 }), (batch, at, byte) => {
    const message = Buffer.from(batch.bytes);
    message[at] = byte;
    const headerLength = message.readUInt16BE(3);
    return isTyped(headerLength >= 52 && headerLength <= message.length ? resealed(message) : message);
  }),
  { numRuns: 1_000 },
);

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { pack } from '../../../../shared/wire/message-pack.ts';
import {
  type AckEnvelope,
  decodeAcks,
  decodeStatus,
  encodeAcks,
  encodeStatus,
  type Status,
} from '../../../../shared/wire/messages.ts';
import { codePoint } from '../../../support/shared/code-point.ts';
import { holds } from '../../../support/shared/property.ts';

const STREAM = 'till-1.9f3c0000000000a1';
const ACKS: AckEnvelope = {
  acks: [
    { stream: STREAM, first: 1, last: 3, sum: 0xdeadbeef, result: 'stored' },
    { stream: STREAM, first: 4, last: 4, sum: 0, result: 'invalid', reason: 'amount is out of range' },
    { stream: STREAM, first: 5, last: 5_004, sum: 1, result: 'busy', retryAfterMs: 1_500 },
    { stream: STREAM, first: 6, last: 6, sum: 1, result: 'damaged' },
    { stream: STREAM, first: 7, last: 7, sum: 1, result: 'unsupported' },
  ],
  credit: 0.5,
  serverTime: 1_795_339_800_000,
  storeGen: '7f000001',
};
const STATUS: Status = {
  version: '0.1.0',
  epochs: [
    {
      epoch: '9f3c0000000000a1',
      lastSeq: 41,
      pending: [
        [3, 4],
        [9, 41],
      ],
    },
    { epoch: '9f3c0000000000a2', lastSeq: 0, pending: [] },
  ],
  clearThrough: 1_795_339_740_000,
  losses: 0,
  bufferBytes: 65_536,
  clockOffsetMs: -250,
};

t.test('acks and a status come back as they were sent', async (t) => {
  t.strictSame(decodeAcks(encodeAcks(ACKS)), ACKS);
  t.strictSame(decodeAcks(encodeAcks({ ...ACKS, acks: [] })), { ...ACKS, acks: [] });
  t.strictSame(decodeStatus(encodeStatus(STATUS)), STATUS);
  t.strictSame(decodeStatus(encodeStatus({ ...STATUS, clockOffsetMs: null })), { ...STATUS, clockOffsetMs: null });
});

t.test('an envelope without acks, as on the answer to a status, is a few dozen bytes', async (t) => {
  t.ok(encodeAcks({ ...ACKS, acks: [] }).length < 64);
});

t.test('keys of a later version are passed over', async (t) => {
  const acks = { ...ACKS, region: 'eu', acks: ACKS.acks.map((ack) => ({ ...ack, trace: [1] })) };
  t.match(decodeAcks(pack(acks)), ACKS);
  const status = { ...STATUS, os: { name: 'linux' }, epochs: STATUS.epochs.map((epoch) => ({ ...epoch, opened: 1 })) };
  t.match(decodeStatus(pack(status)), STATUS);
});

const without = (value: object, key: string) =>
  Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));

t.test('a message that lacks a key, or has one of the wrong kind, is no message', async (t) => {
  for (const key of Object.keys(ACKS)) t.equal(decodeAcks(pack(without(ACKS, key))), null, `acks without ${key}`);
  for (const key of Object.keys(STATUS))
    t.equal(decodeStatus(pack(without(STATUS, key))), null, `status without ${key}`);
  const ack = ACKS.acks[0]!;
  const badAcks = [
    { ...ack, stream: 'till-1' },
    { ...ack, stream: 'Till.9f3c0000000000a1' },
    { ...ack, first: -1 },
    { ...ack, last: 0.5 },
    { ...ack, last: 2 ** 53 },
    { ...ack, sum: '1' },
    { ...ack, result: 'lost' },
    { ...ack, reason: null },
    { ...ack, retryAfterMs: -1 },
  ];
  for (const bad of badAcks) t.equal(decodeAcks(pack({ ...ACKS, acks: [bad] })), null, JSON.stringify(bad));
  for (const credit of [-0.1, 1.1, Number.NaN, Number.POSITIVE_INFINITY, '1']) {
    t.equal(decodeAcks(pack({ ...ACKS, credit })), null, `credit ${credit}`);
  }
  const epoch = STATUS.epochs[0]!;
  const badEpochs = [
    { ...epoch, epoch: '9F3C0000000000A1' },
    { ...epoch, epoch: '0000000000000000' },
    { ...epoch, lastSeq: -1 },
    { ...epoch, pending: [[1]] },
    { ...epoch, pending: [[1, 2, 3]] },
    { ...epoch, pending: Array(17).fill([1, 2]) },
  ];
  for (const bad of badEpochs) t.equal(decodeStatus(pack({ ...STATUS, epochs: [bad] })), null, JSON.stringify(bad));
  t.equal(decodeStatus(pack({ ...STATUS, epochs: Array(257).fill(epoch) })), null, 'too many epochs');
  t.equal(decodeStatus(pack({ ...STATUS, version: 'v'.repeat(65) })), null, 'a version too long');
  t.equal(decodeStatus(pack({ ...STATUS, clearThrough: 2 ** 63 })), null, 'a clearance beyond 2^53');
});

t.test('a full status has room', async (t) => {
  const pending = Array.from({ length: 16 }, (_, i): [number, number] => [i, Number.MAX_SAFE_INTEGER]);
  const full = { ...STATUS, epochs: Array(256).fill({ epoch: 'f'.repeat(16), lastSeq: 1, pending }) };
  t.strictSame(decodeStatus(encodeStatus(full)), full);
});

t.test('no cut of a message is a message', async (t) => {
  for (const message of [encodeAcks(ACKS), encodeStatus(STATUS)]) {
    const cuts = Array.from(message, (_, end) => message.subarray(0, end));
    t.strictSame(
      cuts.filter((cut) => decodeAcks(cut) !== null || decodeStatus(cut) !== null),
      [],
    );
  }
});

const isAcks = (value: unknown): boolean => value === null || Array.isArray((value as AckEnvelope).acks);
const isStatus = (value: unknown): boolean => value === null || Array.isArray((value as Status).epochs);

holds(
  t,
  'hostile bytes give null or a message, never throw',
  fc.property(
    fc.constantFrom(encodeAcks(ACKS), encodeStatus(STATUS)),
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }),
    fc.uint8Array({ maxLength: 100 }),
    (message, edits, noise) => {
      const edited = Uint8Array.from(message);
      for (const [at, byte] of edits) edited[at % edited.length] = byte;
      return [edited, noise].every((input) => isAcks(decodeAcks(input)) && isStatus(decodeStatus(input)));
    },
  ),
  { numRuns: 3_000 },
);

holds(
  t,
  'any acks come back as they were sent',
  fc.property(
    fc.array(
      fc.record(
        {
          stream: fc.constant(STREAM),
          first: fc.maxSafeNat(),
          last: fc.maxSafeNat(),
          sum: fc.nat({ max: 0xffff_ffff }),
          result: fc.constantFrom('stored', 'invalid', 'damaged', 'unsupported', 'busy'),
          reason: fc.string({ unit: codePoint }),
          retryAfterMs: fc.maxSafeNat(),
        },
        { requiredKeys: ['stream', 'first', 'last', 'sum', 'result'], noNullPrototype: true },
      ),
    ),
    fc.double({ min: 0, max: 1, noNaN: true }).map((credit) => credit + 0),
    (acks, credit) => isDeepStrictEqual(decodeAcks(encodeAcks({ ...ACKS, acks, credit })), { ...ACKS, acks, credit }),
  ),
);

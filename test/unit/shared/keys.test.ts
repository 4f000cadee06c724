import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { epoch, merchantId, terminalId } from '../../../shared/ids.ts';
import {
  controlKey,
  dueKey,
  dueRange,
  type EventsKey,
  eventsKey,
  eventsPrefix,
  historyKey,
  parseDueKey,
  parseEventsKey,
  parseHistoryKey,
  parseRollupKey,
  parseTerminalKey,
  prefixEnd,
  REGISTRY_EPOCH,
  rollupKey,
  salt,
  terminalKey,
  terminalsPrefix,
} from '../../../shared/keys.ts';
import { dueKeys, eventsKeys, merchants, rollups, terminalRows } from '../../support/shared/arbitrary-keys.ts';
import { holds } from '../../support/shared/property.ts';

const ACME = merchantId('acme');
const TILL = terminalId('till-1');
const EPOCH = epoch('9f3c0000000000a1');
/** 2026-11-22T09:00Z */
const HOUR = 498_705;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

t.test('the salt of a merchant never changes', async (t) => {
  const golden = {
    acme: 0xc6,
    a: 0x30,
    ab: 0x36,
    'a-b': 0x4d,
    'online-retail': 0x9e,
    m1: 0x75,
    ['z'.repeat(64)]: 0x35,
  };
  for (const [merchant, byte] of Object.entries(golden)) t.equal(salt(merchantId(merchant)), byte, merchant);
});

t.test('the keys are these bytes, for ever', async (t) => {
  const event: EventsKey = {
    merchant: ACME,
    hour: HOUR,
    kind: 'events',
    terminal: TILL,
    epoch: EPOCH,
    firstSeq: 2 ** 32 + 41,
    count: 3,
    digest: 'deadbeef01020304',
  };
  const till = '74696c6c2d3100';
  t.equal(
    hex(eventsKey(event)),
    `c661636d6500 00079c11 01 ${till} 9f3c0000000000a1 0000000100000029 00000003 deadbeef01020304`.replaceAll(' ', ''),
  );
  t.equal(hex(eventsKey({ ...event, kind: 'losses' })).slice(20, 22), '00');
  t.equal(hex(eventsPrefix(ACME, HOUR)), 'c661636d650000079c11');
  t.equal(hex(eventsPrefix(ACME, HOUR, 'events')), 'c661636d650000079c1101');
  t.equal(hex(eventsPrefix(ACME, HOUR, 'losses', TILL)), `c661636d650000079c1100${till}`);
  t.equal(hex(rollupKey(ACME, 'hour', 1, HOUR)), 'c661636d6500 00 0001 00079c11'.replaceAll(' ', ''));
  t.equal(hex(rollupKey(ACME, 'day', 258, 20_779)), 'c661636d6500 01 0102 0000512b'.replaceAll(' ', ''));
  t.equal(
    hex(historyKey(rollupKey(ACME, 'hour', 1, HOUR), 7)),
    'c661636d6500 00 0001 00079c11 00000007'.replaceAll(' ', ''),
  );
  t.equal(
    hex(dueKey({ minute: HOUR * 60 + 62, merchant: ACME, level: 'hour', time: HOUR, nonce: '0102030405060708' })),
    'c6 01c8943a 61636d6500 00 00079c11 0102030405060708'.replaceAll(' ', ''),
  );
  t.equal(hex(terminalKey(ACME, TILL, EPOCH)), `c661636d6500${till}9f3c0000000000a1`);
  t.equal(hex(terminalKey(ACME, TILL, REGISTRY_EPOCH)), `c661636d6500${till}0000000000000000`);
  t.equal(hex(terminalsPrefix(ACME)), 'c661636d6500');
  t.equal(hex(controlKey('key', 'k1')), '6b6579006b31');
});

const same = (parsed: object, made: object): boolean => isDeepStrictEqual(parsed, { ...made });

holds(
  t,
  'each key is parsed back into what it was made of',
  fc.property(eventsKeys, dueKeys, rollups, terminalRows, (event, due, rollup, row) => {
    const rollupOf = rollupKey(rollup.merchant, rollup.level, rollup.logic, rollup.time);
    return (
      same(parseHistoryKey(historyKey(rollupOf, 7)), { rollup: rollupOf, revision: 7 }) &&
      same(parseEventsKey(eventsKey(event)), event) &&
      same(parseDueKey(dueKey(due)), due) &&
      same(parseRollupKey(rollupKey(rollup.merchant, rollup.level, rollup.logic, rollup.time)), rollup) &&
      same(parseTerminalKey(terminalKey(row.merchant, row.terminal, row.epoch)), row)
    );
  }),
);

/** The bytes that a parser takes it makes again; others give a RangeError. */
function takesOnlyItsOwn<K>(
  parse: (bytes: Uint8Array) => K,
  write: (key: K) => Buffer,
): (bytes: Uint8Array) => boolean {
  return (bytes) => {
    let key: K;
    try {
      key = parse(bytes);
    } catch (error) {
      return error instanceof RangeError;
    }
    return write(key).equals(bytes);
  };
}
const strict = [
  takesOnlyItsOwn(parseEventsKey, eventsKey),
  takesOnlyItsOwn(parseDueKey, dueKey),
  takesOnlyItsOwn(parseRollupKey, (k) => rollupKey(k.merchant, k.level, k.logic, k.time)),
  takesOnlyItsOwn(parseTerminalKey, (k) => terminalKey(k.merchant, k.terminal, k.epoch)),
];
const writtenKeys: fc.Arbitrary<Buffer> = fc.oneof(
  eventsKeys.map(eventsKey),
  dueKeys.map(dueKey),
  rollups.map((k) => rollupKey(k.merchant, k.level, k.logic, k.time)),
  terminalRows.map((k) => terminalKey(k.merchant, k.terminal, k.epoch)),
);

holds(
  t,
  'a parser takes exactly the bytes that its writer makes, and refuses edited, cut and foreign ones',
  fc.property(
    fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(writtenKeys, fc.nat(), fc.nat({ max: 255 })).map(([key, at, byte]) => {
        const edited = Buffer.from(key);
        edited[at % edited.length] = byte;
        return edited;
      }),
      fc.tuple(writtenKeys, fc.nat()).map(([key, end]) => key.subarray(0, end % key.length)),
      writtenKeys.map((key) => Buffer.concat([key, Buffer.of(0)])),
    ),
    (bytes) => strict.every((holdsFor) => holdsFor(bytes)),
  ),
  { numRuns: 1_000 },
);

t.test('a nonce and an epoch are 16 hex digits, no more and no fewer', async (t) => {
  for (const nonce of ['', '00', '010203040506070', '01020304050607080', '010203040506070g', '0102030405060708ff']) {
    t.throws(() => dueKey({ minute: 0, merchant: ACME, level: 'hour', time: 0, nonce }), RangeError, nonce);
  }
});

t.test('a prefix with a terminal needs a kind before it', async (t) => {
  t.throws(() => eventsPrefix(ACME, HOUR, undefined, TILL), RangeError);
});

const within = (key: Buffer, start: Buffer, stop: Buffer): boolean =>
  Buffer.compare(start, key) <= 0 && Buffer.compare(key, stop) < 0;

holds(
  t,
  'from a prefix to its end are exactly the keys that start with it',
  fc.property(fc.uint8Array({ minLength: 1, maxLength: 6 }), fc.uint8Array({ maxLength: 8 }), (head, tail) => {
    fc.pre(head.some((byte) => byte !== 0xff));
    const prefix = Buffer.from(head);
    const starts = (key: Buffer): boolean => key.subarray(0, prefix.length).equals(prefix);
    const keys = [
      Buffer.from(tail),
      Buffer.concat([prefix, tail]),
      Buffer.concat([prefix, Buffer.alloc(3, 0xff), tail]),
    ];
    return keys.every((key) => within(key, prefix, prefixEnd(prefix)) === starts(key));
  }),
  { numRuns: 1_000 },
);

t.test('a prefix of nothing but 0xff has no end', async (t) => {
  t.throws(() => prefixEnd(Buffer.of(0xff, 0xff)), RangeError);
  t.throws(() => prefixEnd(Buffer.alloc(0)), RangeError);
  t.equal(hex(prefixEnd(Buffer.of(1, 0xff, 0xff))), '02');
});

holds(
  t,
  "no merchant's range holds another's keys, however alike their ids",
  fc.property(eventsKeys, merchants, (key, other) => {
    const prefix = terminalsPrefix(other);
    return within(eventsKey(key), prefix, prefixEnd(prefix)) === (key.merchant === other);
  }),
  { numRuns: 1_000 },
);

t.test("the ranges of 'a', 'ab' and 'a-b' do not overlap even under one salt", async (t) => {
  const prefixes = ['a', 'ab', 'a-b', 'a_b', 'a0']
    .map((name) => terminalsPrefix(merchantId(name)).subarray(1))
    .sort(Buffer.compare);
  for (const [i, prefix] of prefixes.slice(1).entries()) {
    t.ok(Buffer.compare(prefixEnd(prefixes[i]!), prefix) <= 0, `${prefixes[i]} ends before ${prefix}`);
  }
});

holds(
  t,
  'the due range of a salt holds its marks up to and with a minute, and no others',
  fc.property(dueKeys, fc.nat({ max: 0xffff_fffe }), fc.nat({ max: 255 }), (key, minute, ofSalt) => {
    const { start, stop } = dueRange(ofSalt, minute);
    return within(dueKey(key), start, stop) === (salt(key.merchant) === ofSalt && key.minute <= minute);
  }),
  { numRuns: 1_000 },
);

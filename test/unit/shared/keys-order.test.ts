import fc from 'fast-check';
import t from 'tap';
import { type Epoch, epoch, type MerchantId, merchantId, type TerminalId, terminalId } from '../../../shared/ids.ts';
import {
  DUE,
  type DueKey,
  dueKey,
  type EventsKey,
  eventsKey,
  KIND,
  LEVEL,
  type Level,
  rollupKey,
  salt,
  terminalKey,
} from '../../../shared/keys.ts';
import { dueKeys, eventsKeys, rollups, terminalRows } from '../../support/shared/arbitrary-keys.ts';
import { holds } from '../../support/shared/property.ts';

type Field = number | string;
/**
 * The fields of each key in their order. Ids compare as if ended by a byte below all of theirs,
 * which `<` on texts does.
 */
const ordered = {
  events: (k: EventsKey): Field[] => [
    salt(k.merchant),
    k.merchant,
    k.hour,
    KIND[k.kind],
    k.terminal,
    k.epoch,
    k.firstSeq,
    k.count,
    k.digest,
  ],
  due: (k: DueKey): Field[] => [salt(k.merchant), k.minute, k.merchant, DUE[k.level], k.time, k.nonce],
  rollups: (k: { merchant: MerchantId; level: Level; logic: number; time: number }): Field[] => [
    salt(k.merchant),
    k.merchant,
    LEVEL[k.level],
    k.logic,
    k.time,
  ],
  terminals: (k: { merchant: MerchantId; terminal: TerminalId; epoch: Epoch }): Field[] => [
    salt(k.merchant),
    k.merchant,
    k.terminal,
    k.epoch,
  ],
};

function compareFields(a: readonly Field[], b: readonly Field[]): number {
  for (const [i, field] of a.entries()) if (field !== b[i]) return field < b[i]! ? -1 : 1;
  return 0;
}

function orders<K>(name: string, keys: fc.Arbitrary<K>, bytes: (key: K) => Buffer, fields: (key: K) => Field[]): void {
  // The second key is often the first with one field changed.
  const pairs = fc.tuple(keys, keys).chain(([a, b]) => {
    const mixed = fc.subarray(Object.keys(a as object)).map((kept) => {
      const merged = { ...b } as Record<string, unknown>;
      for (const field of kept) merged[field] = (a as Record<string, unknown>)[field];
      return merged as K;
    });
    return fc.tuple(fc.constant(a), mixed);
  });
  holds(
    t,
    `${name} keys sort by their bytes as by their fields`,
    fc.property(pairs, ([a, b]) => Buffer.compare(bytes(a), bytes(b)) === compareFields(fields(a), fields(b))),
    { numRuns: 1_000 },
  );
}

orders('events', eventsKeys, eventsKey, ordered.events);
orders('due', dueKeys, dueKey, ordered.due);
orders('rollups', rollups, (k) => rollupKey(k.merchant, k.level, k.logic, k.time), ordered.rollups);
orders('terminals', terminalRows, (k) => terminalKey(k.merchant, k.terminal, k.epoch), ordered.terminals);

t.test(
  'losses sort before events of the same hour, and a longer batch after a shorter one of the same first seq',
  async (t) => {
    const key: EventsKey = {
      merchant: merchantId('acme'),
      hour: 498_705,
      kind: 'events',
      terminal: terminalId('till-1'),
      epoch: epoch('9f3c0000000000a1'),
      firstSeq: 1,
      count: 3,
      digest: '0000000000000009',
    };
    t.ok(Buffer.compare(eventsKey({ ...key, kind: 'losses', terminal: terminalId('z') }), eventsKey(key)) < 0);
    t.ok(Buffer.compare(eventsKey(key), eventsKey({ ...key, count: 4, digest: '0000000000000000' })) < 0);
  },
);

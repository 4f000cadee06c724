import fc from 'fast-check';
import type { Epoch, MerchantId, TerminalId } from '../../../shared/ids.ts';
import type { DueKey, EventsKey, Level } from '../../../shared/keys.ts';

const id = fc
  .tuple(fc.constantFrom(...'az09'), fc.string({ unit: fc.constantFrom(...'abz019-_'), maxLength: 63 }))
  .map((parts) => parts.join(''));
/** Few and close to each other, so that keys often share a prefix. */
const closeId = fc.constantFrom('a', 'ab', 'a-b', 'a_b', 'a0', 'aa', 'b', 'a'.repeat(64));
const anyId = fc.oneof(closeId, id);
export const merchants = anyId as fc.Arbitrary<MerchantId>;
const terminals = anyId as fc.Arbitrary<TerminalId>;
const hex8 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((bits) => bits.toString(16).padStart(16, '0'));
const epochs = hex8 as fc.Arbitrary<Epoch>;
const levels = fc.constantFrom<Level>('hour', 'day');
const u16 = fc.nat({ max: 0xffff });
const u32 = fc.oneof(fc.constantFrom(0, 1, 255, 256, 0xffff_ffff), fc.nat({ max: 0xffff_ffff }));
const seqs = fc.oneof(fc.constantFrom(0, 1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER), fc.maxSafeNat());

export const eventsKeys: fc.Arbitrary<EventsKey> = fc.record({
  merchant: merchants,
  hour: u32,
  kind: fc.constantFrom('losses', 'events'),
  terminal: terminals,
  epoch: epochs,
  firstSeq: seqs,
  count: u32,
  digest: hex8,
});
export const dueKeys: fc.Arbitrary<DueKey> = fc.record({
  minute: u32,
  merchant: merchants,
  level: fc.constantFrom('hour', 'day', 'finality'),
  time: u32,
  nonce: hex8,
});
export const rollups = fc.record({ merchant: merchants, level: levels, logic: u16, time: u32 });
export const terminalRows = fc.record({ merchant: merchants, terminal: terminals, epoch: epochs });

/**
 * Row keys of the store: order-preserving bytes (`key-bytes.ts`). Their layout is a contract, never
 * configuration: golden vectors in `test/unit/shared/keys.test.ts` pin it. A parser accepts exactly
 * what its writer produces; anything else is a `RangeError`.
 */
import { Buffer } from 'node:buffer';
import { crc32c } from './crc32c.ts';
import type { Epoch, MerchantId, TerminalId } from './ids.ts';
import { KeyReader, KeyWriter } from './key-bytes.ts';

/** Kind of an events row: loss records sort before events. */
export const KIND = { losses: 0, events: 1 } as const;
export type Kind = keyof typeof KIND;
/** Level of a rollup row. `time` counts hours or days since 1970. */
export const LEVEL = { hour: 0, day: 1 } as const;
export type Level = keyof typeof LEVEL;
/** What a due mark names: an hour, a day, or how far a merchant's figures are final (time 0). */
export const DUE = { ...LEVEL, finality: 2 } as const;
export type DueLevel = keyof typeof DUE;

/** Distributes merchants over the key space: the low byte of the CRC-32C of the merchant's id. */
export const salt = (merchant: MerchantId): number => crc32c(Buffer.from(merchant, 'latin1')) & 0xff;

const ofMerchant = (merchant: MerchantId): KeyWriter => new KeyWriter().u8(salt(merchant)).id(merchant);

/** Checks that a key has its merchant's salt. */
const salted = (reader: KeyReader, given: number, merchant: MerchantId): MerchantId =>
  given === salt(merchant) ? merchant : reader.refuse('with another salt than its merchant');

const readMerchant = (reader: KeyReader): MerchantId => salted(reader, reader.u8(), reader.id<MerchantId>());

/** First key after every key that starts with `prefix`. */
export function prefixEnd(prefix: Uint8Array): Buffer {
  let last = prefix.length - 1;
  while (last >= 0 && prefix[last] === 0xff) last--;
  if (last < 0) throw new RangeError('no key sorts after this prefix');
  const end = Buffer.from(prefix.subarray(0, last + 1));
  end[last]!++;
  return end;
}

/**
 * `events`: salt · merchant · 0 · hour u32 · kind u8 · terminal · 0 · epoch 8
 * · firstSeq u64 · count u32 · digest 8
 */
export interface EventsKey {
  readonly merchant: MerchantId;
  readonly hour: number;
  readonly kind: Kind;
  readonly terminal: TerminalId;
  readonly epoch: Epoch;
  readonly firstSeq: number;
  readonly count: number;
  /** Of what the batch says: see `wire/batch-digest.ts`. 16 hex digits. */
  readonly digest: string;
}

export const eventsKey = (k: EventsKey): Buffer =>
  ofMerchant(k.merchant)
    .u32(k.hour)
    .u8(KIND[k.kind])
    .id(k.terminal)
    .hex8(k.epoch)
    .u64(k.firstSeq)
    .u32(k.count)
    .hex8(k.digest)
    .done();

/** Below every digest: the first key that a row of these seqs could have. */
export const NO_DIGEST = '0000000000000000';

/** The first key that a row of these seqs could have. */
export const firstEventsKey = (of: Omit<EventsKey, 'firstSeq' | 'count' | 'digest'>) => (firstSeq: number) =>
  eventsKey({ ...of, firstSeq, count: 0, digest: NO_DIGEST });

/** All rows of a half-open range of hours. */
export const eventsRange = (merchant: MerchantId, from: number, to: number): { start: Buffer; stop: Buffer } => ({
  start: eventsPrefix(merchant, from),
  stop: eventsPrefix(merchant, to),
});

/** Prefix of one hour's rows, optionally narrowed to a kind and, within it, to a terminal. */
export function eventsPrefix(merchant: MerchantId, hour: number, kind?: Kind, terminal?: TerminalId): Buffer {
  const key = ofMerchant(merchant).u32(hour);
  if (kind !== undefined) key.u8(KIND[kind]);
  else if (terminal !== undefined) throw new RangeError('a prefix with a terminal needs a kind');
  if (terminal !== undefined) key.id(terminal);
  return key.done();
}

/** @throws RangeError when the bytes are not an events key. */
export function parseEventsKey(bytes: Uint8Array): EventsKey {
  const r = new KeyReader(bytes);
  const key = {
    merchant: readMerchant(r),
    hour: r.u32(),
    kind: r.name(KIND),
    terminal: r.id<TerminalId>(),
    epoch: r.hex8<Epoch>(),
    firstSeq: r.u64(),
    count: r.u32(),
    digest: r.hex8(),
  };
  r.end();
  return key;
}

/** `rollups`: salt · merchant · 0 · level u8 · logic u16 · time u32 */
export const rollupKey = (merchant: MerchantId, level: Level, logic: number, time: number): Buffer =>
  ofMerchant(merchant).u8(LEVEL[level]).u16(logic).u32(time).done();

/**
 * Parses a rollup key; its time counts hours or days since 1970.
 *
 * @throws RangeError when the bytes are not a rollups key
 */
export function parseRollupKey(bytes: Uint8Array): { merchant: MerchantId; level: Level; logic: number; time: number } {
  const r = new KeyReader(bytes);
  const key = { merchant: readMerchant(r), level: r.name(LEVEL), logic: r.u16(), time: r.u32() };
  r.end();
  return key;
}

/** `history`: rollups key · revision u32 */
export const historyKey = (rollup: Uint8Array, revision: number): Buffer => {
  const key = Buffer.allocUnsafe(rollup.length + 4);
  key.set(rollup);
  key.writeUInt32BE(revision, rollup.length);
  return key;
};

/** Splits a history key into its rollups key and the revision. */
export function parseHistoryKey(bytes: Uint8Array): { rollup: Uint8Array; revision: number } {
  const at = bytes.length - 4;
  if (at < 0) throw new RangeError('not a history key');
  return { rollup: bytes.subarray(0, at), revision: Buffer.from(bytes).readUInt32BE(at) };
}

/** `due`: salt · minute u32 · merchant · 0 · level u8 · time u32 · nonce 8. Minutes since 1970. */
export interface DueKey {
  readonly minute: number;
  readonly merchant: MerchantId;
  readonly level: DueLevel;
  readonly time: number;
  /** 64 random bits, 16 hex digits: a due mark's key is never reused. */
  readonly nonce: string;
}

export const dueKey = (k: DueKey): Buffer =>
  new KeyWriter().u8(salt(k.merchant)).u32(k.minute).id(k.merchant).u8(DUE[k.level]).u32(k.time).hex8(k.nonce).done();

/** All due marks of one salt, from a minute up to and including another. */
export const dueRange = (saltByte: number, throughMinute: number, fromMinute = 0): { start: Buffer; stop: Buffer } => ({
  start: new KeyWriter().u8(saltByte).u32(fromMinute).done(),
  stop: new KeyWriter()
    .u8(saltByte)
    .u32(throughMinute + 1)
    .done(),
});

/** @throws RangeError when the bytes are not a due key. */
export function parseDueKey(bytes: Uint8Array): DueKey {
  const r = new KeyReader(bytes);
  const given = r.u8();
  const minute = r.u32();
  const merchant = salted(r, given, r.id<MerchantId>());
  const key = { minute, merchant, level: r.name(DUE), time: r.u32(), nonce: r.hex8() };
  r.end();
  return key;
}

/** Epoch 0 of a terminal's rows is its registry entry; no agent may claim it. */
export const REGISTRY_EPOCH = '0000000000000000' as Epoch;

/** `terminals`: salt · merchant · 0 · terminal · 0 · epoch 8 */
export const terminalKey = (merchant: MerchantId, terminal: TerminalId, epoch: Epoch): Buffer =>
  ofMerchant(merchant).id(terminal).hex8(epoch).done();

/** Also the key of the row that says how far the merchant's figures are final. */
export const terminalsPrefix = (merchant: MerchantId): Buffer => ofMerchant(merchant).done();

/** @throws RangeError when the bytes are not a terminals key. */
export function parseTerminalKey(bytes: Uint8Array): { merchant: MerchantId; terminal: TerminalId; epoch: Epoch } {
  const r = new KeyReader(bytes);
  const key = { merchant: readMerchant(r), terminal: r.id<TerminalId>(), epoch: r.hex8<Epoch>() };
  r.end();
  return key;
}

/** `control`: kind · 0 · name */
export const controlKey = (kind: string, name: string): Buffer => Buffer.from(`${kind}\0${name}`, 'utf8');

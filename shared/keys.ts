/**
 * Row keys of the store: order-preserving bytes, integers big-endian, ids ended by 0x00 (no id holds one). Layout constants, never
 * configuration; golden vectors in `test/unit/shared/keys.test.ts` pin them.
 */
import { Buffer } from 'node:buffer';
import type { Epoch, MerchantId, TerminalId } from './ids.ts';
import { crc32c } from './wire/crc32c.ts';

/** Kind of an events row: loss records sort before events. */
export const KIND = { losses: 0, events: 1 } as const;
export type Kind = keyof typeof KIND;
/** Level of a rollup row and of a due mark. `time` counts hours or days since 1970. */
export const LEVEL = { hour: 0, day: 1 } as const;
export type Level = keyof typeof LEVEL;

/** Longest id (64) and its terminator. */
const ID_BYTES = 65;

class KeyWriter {
  readonly #bytes = Buffer.allocUnsafe(2 * ID_BYTES + 64);
  #at = 0;

  u8(value: number): this {
    this.#at = this.#bytes.writeUInt8(value, this.#at);
    return this;
  }
  u16(value: number): this {
    this.#at = this.#bytes.writeUInt16BE(value, this.#at);
    return this;
  }
  u32(value: number): this {
    this.#at = this.#bytes.writeUInt32BE(value, this.#at);
    return this;
  }
  /** @param value a safe integer */
  u64(value: number): this {
    this.#at = this.#bytes.writeUInt32BE(Math.floor(value / 2 ** 32), this.#at);
    return this.u32(value >>> 0);
  }
  id(text: string): this {
    this.#at += this.#bytes.write(text, this.#at, 'latin1');
    return this.u8(0);
  }
  hex(text: string): this {
    this.#at += this.#bytes.write(text, this.#at, 'hex');
    return this;
  }
  done(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }
}

/** Reads keys that this module wrote; anything else throws `RangeError`. */
class KeyReader {
  readonly #bytes: Buffer;
  #at = 0;
  constructor(key: Uint8Array) {
    this.#bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  }
  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw new RangeError(`row key too short: ${this.#bytes.toString('hex')}`);
    this.#at = at + length;
    return at;
  }
  u8 = (): number => this.#bytes.readUInt8(this.#take(1));
  u16 = (): number => this.#bytes.readUInt16BE(this.#take(2));
  u32 = (): number => this.#bytes.readUInt32BE(this.#take(4));
  u64 = (): number => this.u32() * 2 ** 32 + this.u32();
  id(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw new RangeError(`row key without an id's end: ${this.#bytes.toString('hex')}`);
    const text = this.#bytes.toString('latin1', this.#at, end);
    this.#at = end + 1;
    return text;
  }
  hex(length: number): string {
    const at = this.#take(length);
    return this.#bytes.toString('hex', at, at + length);
  }
  end(): void {
    if (this.#at !== this.#bytes.length) throw new RangeError(`row key too long: ${this.#bytes.toString('hex')}`);
  }
}

/** Spreads merchants over the key space: the low byte of the CRC-32C of the merchant's id. */
export const salt = (merchant: MerchantId): number => crc32c(Buffer.from(merchant, 'latin1')) & 0xff;

const ofMerchant = (merchant: MerchantId): KeyWriter => new KeyWriter().u8(salt(merchant)).id(merchant);

/** First key after every key that starts with `prefix`. */
export function prefixEnd(prefix: Uint8Array): Buffer {
  let last = prefix.length - 1;
  while (last >= 0 && prefix[last] === 0xff) last--;
  if (last < 0) throw new RangeError('no key sorts after this prefix');
  const end = Buffer.from(prefix.subarray(0, last + 1));
  end[last]!++;
  return end;
}

/** `events`: salt · merchant · 0 · hour u32 · kind u8 · terminal · 0 · epoch 8 · firstSeq u64 · count u32 · bodyCrc u32 */
export interface EventsKey {
  readonly merchant: MerchantId;
  readonly hour: number;
  readonly kind: Kind;
  readonly terminal: TerminalId;
  readonly epoch: Epoch;
  readonly firstSeq: number;
  readonly count: number;
  readonly bodyCrc: number;
}

export const eventsKey = (k: EventsKey): Buffer =>
  ofMerchant(k.merchant)
    .u32(k.hour)
    .u8(KIND[k.kind])
    .id(k.terminal)
    .hex(k.epoch)
    .u64(k.firstSeq)
    .u32(k.count)
    .u32(k.bodyCrc)
    .done();

/** Prefix of one hour's events, narrowed by kind and then terminal when given. */
export function eventsPrefix(merchant: MerchantId, hour: number, kind?: Kind, terminal?: TerminalId): Buffer {
  const key = ofMerchant(merchant).u32(hour);
  if (kind !== undefined) key.u8(KIND[kind]);
  if (terminal !== undefined) key.id(terminal);
  return key.done();
}

/** @throws RangeError when the bytes are not an events key. */
export function parseEventsKey(bytes: Uint8Array): EventsKey {
  const r = new KeyReader(bytes);
  r.u8();
  const merchant = r.id() as MerchantId;
  const hour = r.u32();
  const kind: Kind = r.u8() === KIND.losses ? 'losses' : 'events';
  const key = {
    merchant,
    hour,
    kind,
    terminal: r.id() as TerminalId,
    epoch: r.hex(8) as Epoch,
    firstSeq: r.u64(),
    count: r.u32(),
    bodyCrc: r.u32(),
  };
  r.end();
  return key;
}

/** `rollups`: salt · merchant · 0 · level u8 · logic u16 · time u32 */
export const rollupKey = (merchant: MerchantId, level: Level, logic: number, time: number): Buffer =>
  ofMerchant(merchant).u8(LEVEL[level]).u16(logic).u32(time).done();

/** Time of a rollup key: hours or days since 1970. @throws RangeError */
export function parseRollupKey(bytes: Uint8Array): { merchant: MerchantId; level: Level; logic: number; time: number } {
  const r = new KeyReader(bytes);
  r.u8();
  const merchant = r.id() as MerchantId;
  const level: Level = r.u8() === LEVEL.hour ? 'hour' : 'day';
  const key = { merchant, level, logic: r.u16(), time: r.u32() };
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

/** `due`: salt · minute u32 · merchant · 0 · level u8 · time u32 · nonce 8. Minutes since 1970. */
export interface DueKey {
  readonly minute: number;
  readonly merchant: MerchantId;
  readonly level: Level;
  readonly time: number;
  /** 64 random bits, 16 hex digits: a mark's key is never used again. */
  readonly nonce: string;
}

export const dueKey = (k: DueKey): Buffer =>
  new KeyWriter().u8(salt(k.merchant)).u32(k.minute).id(k.merchant).u8(LEVEL[k.level]).u32(k.time).hex(k.nonce).done();

/** All marks of one salt up to and with a minute. */
export const dueRange = (saltByte: number, throughMinute: number): { start: Buffer; stop: Buffer } => ({
  start: new KeyWriter().u8(saltByte).done(),
  stop: new KeyWriter()
    .u8(saltByte)
    .u32(throughMinute + 1)
    .done(),
});

/** @throws RangeError when the bytes are not a due key. */
export function parseDueKey(bytes: Uint8Array): DueKey {
  const r = new KeyReader(bytes);
  r.u8();
  const minute = r.u32();
  const merchant = r.id() as MerchantId;
  const level: Level = r.u8() === LEVEL.hour ? 'hour' : 'day';
  const key = { minute, merchant, level, time: r.u32(), nonce: r.hex(8) };
  r.end();
  return key;
}

/** Epoch 0 of a terminal's rows is its registry entry. */
export const REGISTRY_EPOCH = '0000000000000000' as Epoch;

/** `terminals`: salt · merchant · 0 · terminal · 0 · epoch 8 */
export const terminalKey = (merchant: MerchantId, terminal: TerminalId, epoch: Epoch): Buffer =>
  ofMerchant(merchant).id(terminal).hex(epoch).done();

export const terminalsPrefix = (merchant: MerchantId): Buffer => ofMerchant(merchant).done();

/** @throws RangeError when the bytes are not a terminals key. */
export function parseTerminalKey(bytes: Uint8Array): { merchant: MerchantId; terminal: TerminalId; epoch: Epoch } {
  const r = new KeyReader(bytes);
  r.u8();
  const key = { merchant: r.id() as MerchantId, terminal: r.id() as TerminalId, epoch: r.hex(8) as Epoch };
  r.end();
  return key;
}

/** `control`: kind · 0 · name */
export const controlKey = (kind: string, name: string): Buffer => Buffer.from(`${kind}\0${name}`, 'utf8');

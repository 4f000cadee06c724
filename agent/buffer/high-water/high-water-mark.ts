/**
 * A high-water mark: the progress of an epoch in 64 bytes outside the database, so that losses can
 * be counted when the WAL or the whole database is lost.
 *
 *     magic 2 "ts" · version 1 · shipping 1 · serial u64 · epoch 8 · last seq u64 ·
 *     settled through u64 · opened at u64 · oldest hour u32 · newest hour u32 ·
 *     unconfirmed from u64 · CRC-32C of all that u32, big-endian
 *
 * A mark has two such slots, written in turn: a torn write leaves the other one intact. Of the
 * intact slots the one with the higher serial counts.
 */
import { Buffer } from 'node:buffer';
import { crc32c } from '../../../shared/crc32c.ts';
import { type Epoch, epoch } from '../../../shared/ids.ts';

export interface HighWaterMark {
  readonly epoch: Epoch;
  /** Highest seq given out. */
  readonly lastSeq: number;
  /** The collector knows all seqs up to this one: it has the event, or the record of its loss. */
  readonly settledThrough: number;
  /** Milliseconds since 1970. */
  readonly openedAt: number;
  /** Hours since 1970 of the oldest pending event and of the newest accepted one; 0: not known. */
  readonly oldestHour: number;
  readonly newestHour: number;
  /** First seq with unconfirmed timestamps; from it on nothing was shipped. 0: there is none. */
  readonly unconfirmedFrom: number;
  readonly shipping: ShippingState;
}

/**
 * What was shipped of an epoch that was opened while an older file was still being recovered.
 * `held`: nothing. `ahead`: events may have been shipped before older ones were found. `free`:
 * there was no recovery, or it is over.
 */
export type ShippingState = 'free' | 'held' | 'ahead';

export const SLOT_BYTES = 64;
const MAGIC = 0x7473;
const VERSION = 1;
const SHIPPING: readonly ShippingState[] = ['free', 'held', 'ahead'];
const CRC_AT = SLOT_BYTES - 4;

/** @param serial ascends with each write to the file */
export function encodeMark(mark: HighWaterMark, serial: number): Buffer {
  const slot = Buffer.alloc(SLOT_BYTES);
  slot.writeUInt16BE(MAGIC, 0);
  slot[2] = VERSION;
  slot[3] = SHIPPING.indexOf(mark.shipping);
  for (const [at, value] of [
    [4, serial],
    [20, mark.lastSeq],
    [28, mark.settledThrough],
    [36, mark.openedAt],
    [52, mark.unconfirmedFrom],
  ] as const)
    slot.writeBigUInt64BE(BigInt(value), at);
  slot.write(mark.epoch, 12, 'hex');
  slot.writeUInt32BE(mark.oldestHour, 44);
  slot.writeUInt32BE(mark.newestHour, 48);
  slot.writeUInt32BE(crc32c(slot, 0, CRC_AT), CRC_AT);
  return slot;
}

/** Null when the slot holds no mark, or not an intact one. */
export function decodeMark(slot: Buffer): { readonly mark: HighWaterMark; readonly serial: number } | null {
  if (slot.length < SLOT_BYTES || slot.readUInt16BE(0) !== MAGIC || slot[2] !== VERSION) return null;
  if (slot.readUInt32BE(CRC_AT) !== crc32c(slot, 0, CRC_AT)) return null;
  const number = (at: number): number => Number(slot.readBigUInt64BE(at));
  const mark: HighWaterMark = {
    epoch: epoch(slot.toString('hex', 12, 20)),
    lastSeq: number(20),
    settledThrough: number(28),
    openedAt: number(36),
    oldestHour: slot.readUInt32BE(44),
    newestHour: slot.readUInt32BE(48),
    unconfirmedFrom: number(52),
    shipping: SHIPPING[slot[3]!] ?? 'free',
  };
  return { mark, serial: number(4) };
}

/** Whether the collector knows all seqs of the epoch. */
export const isSettled = ({ lastSeq, settledThrough }: HighWaterMark): boolean => settledThrough >= lastSeq;

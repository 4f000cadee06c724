/** A record of the loss ledger as it lies in its row, and the checksum that guards it. */
import { Buffer } from 'node:buffer';
import { crc32c } from '../../../shared/crc32c.ts';
import { type Epoch, epoch } from '../../../shared/ids.ts';
import type { PendingLoss } from '../../port/outbox.ts';

/**
 * `evicted`: dropped to make room. `quarantined`: the collector refuses it, or it fits into no batch. `unreadable`: not what was written.
 * `duplicate`: turned out to be the repeat of an event that a salvage brought back; `detail` names that one.
 */
export type LossReason = 'evicted' | 'quarantined' | 'unreadable' | 'duplicate';

/** Of which nothing is left to be sent: a repeat of such an event is welcome, and no ref may hide it. */
export const REPEATABLE: readonly LossReason[] = ['evicted', 'unreadable'];

export interface LossRecord {
  readonly epoch: Epoch;
  readonly first_seq: number;
  readonly count: number;
  /** Hours since 1970. */
  readonly hour: number;
  readonly reason: string;
  /** When it was given up, milliseconds since 1970. */
  readonly at: number;
  readonly detail: string | null;
  /** When the collector acknowledged it, milliseconds since 1970; 0 while it has not. */
  readonly acked: number;
}

export type LossRow = LossRecord & { readonly id: number; readonly sum: number };

/** The wire's header has 32 bits for it. */
export const MAX_LOSS_COUNT = 0xffff_ffff;

const FIXED_BYTES = 48;

/**
 * CRC-32C of epoch (8 bytes), first seq, count, hour, at and acked (8 bytes each, big-endian), then the reason, a zero byte and, unless it is
 * null, the detail in UTF-8.
 *
 * @throws TypeError, RangeError when a field can't be one: the record is not what was written
 */
export function lossSum(record: LossRecord): number {
  const text = `${record.reason}\0${record.detail ?? ''}`;
  const bytes = Buffer.alloc(FIXED_BYTES + 1 + Buffer.byteLength(text));
  bytes.write(epoch(record.epoch), 0, 'hex');
  const numbers = [record.first_seq, record.count, record.hour, record.at, record.acked];
  for (const [index, value] of numbers.entries()) bytes.writeBigInt64BE(BigInt(value), 8 + 8 * index);
  bytes[FIXED_BYTES] = record.detail === null ? 0 : 1;
  bytes.write(text, FIXED_BYTES + 1);
  return crc32c(bytes);
}

/** Whether a row is what was written. */
export function isSound(row: Omit<LossRow, 'id'>): boolean {
  try {
    return row.first_seq >= 1 && row.count >= 1 && row.count <= MAX_LOSS_COUNT && lossSum(row) === row.sum;
  } catch {
    return false;
  }
}

/** As it is shipped. */
export const asPending = ({ id, epoch, first_seq, count, hour, reason, at, detail }: LossRow): PendingLoss => ({
  id,
  epoch,
  firstSeq: first_seq,
  count,
  hour,
  loss: { reason, at, detail },
});

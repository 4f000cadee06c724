/** The row format of a loss record (table `losses`), and the checksum that guards it. */
import { Buffer } from 'node:buffer';
import { crc32c } from '../../../shared/crc32c.ts';
import { type Epoch, epoch } from '../../../shared/ids.ts';
import type { PendingLoss } from '../../port/outbox.ts';

/**
 * `evicted`: deleted to make room. `quarantined`: refused by the collector, or too large for a
 * batch. `unreadable`: the row does not hold what was written. `duplicate`: a retry of an event
 * that recovery found; `detail` names that event.
 */
export type LossReason = 'evicted' | 'quarantined' | 'unreadable' | 'duplicate';

/** Reasons after which the event is lost: a retry must be stored, so its dedup entry is deleted. */
export const REPEATABLE: readonly LossReason[] = ['evicted', 'unreadable'];

export interface LossRecord {
  readonly epoch: Epoch;
  readonly first_seq: number;
  readonly count: number;
  /** Hours since 1970. */
  readonly hour: number;
  readonly reason: string;
  /** When the events were lost, milliseconds since 1970. */
  readonly at: number;
  readonly detail: string | null;
  /** When the collector acknowledged it, milliseconds since 1970; 0 while it has not. */
  readonly acked: number;
}

export type LossRow = LossRecord & { readonly id: number; readonly sum: number };

/** The wire format has 32 bits for the count. New records keep to `MAX_LOSS_SEQS`. */
const MAX_LOSS_COUNT = 0xffff_ffff;

const FIXED_BYTES = 48;

/**
 * CRC-32C of epoch (8 bytes), first seq, count, hour, at and acked (8 bytes each, big-endian), one
 * byte that is 0 for a detail of null and 1 otherwise, then in UTF-8 the reason, a zero byte and
 * the detail.
 *
 * @throws TypeError, RangeError when a field has an impossible value: the record is damaged
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

/** Whether a row holds what was written. */
export function isSound(row: Omit<LossRow, 'id'>): boolean {
  try {
    return row.first_seq >= 1 && row.count >= 1 && row.count <= MAX_LOSS_COUNT && lossSum(row) === row.sum;
  } catch {
    return false;
  }
}

/** The record as it is shipped. */
export const asPending = ({ id, epoch, first_seq, count, hour, reason, at, detail }: LossRow): PendingLoss => ({
  id,
  epoch,
  firstSeq: first_seq,
  count,
  hour,
  loss: { reason, at, detail },
});

/** Decodes a raw row of the event log for the fold. */
import { Buffer } from 'node:buffer';
import type { EventsKey } from '../../shared/keys.ts';
import { decodeBatch, type Loss } from '../../shared/wire/batch.ts';
import type { FoldRow } from './fold.ts';

export interface StoredRow {
  readonly rowKey: Uint8Array;
  readonly key: EventsKey;
  /** The wire batch. */
  readonly bytes: Uint8Array;
  /** Milliseconds since 1970. */
  readonly arrival: number;
}

const damaged = ({ rowKey }: StoredRow, why: string): Error =>
  new Error(`raw row ${Buffer.from(rowKey).toString('hex')} can't be read: ${why}`);

/**
 * @throws Error when the row is not a loss record: it was one when it was stored, so the store has
 *   damaged it
 */
export function readLossRow(row: StoredRow): Loss {
  const batch = decodeBatch(row.bytes);
  if (!batch.ok) throw damaged(row, batch.detail);
  if (batch.kind !== 'losses') throw damaged(row, 'it holds events, not a loss');
  return batch.loss;
}

/**
 * @throws Error when the batch is unreadable: it was readable when it was stored, so the store has
 *   damaged it
 */
export function readRow(row: StoredRow): FoldRow {
  const batch = decodeBatch(row.bytes);
  const { epoch, firstSeq, count } = row.key;
  if (!batch.ok) throw damaged(row, batch.detail);
  return {
    rowKey: row.rowKey,
    arrival: row.arrival,
    epoch,
    firstSeq,
    count,
    events: batch.kind === 'events' ? batch.events : null,
  };
}

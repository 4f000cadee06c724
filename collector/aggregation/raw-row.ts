/** Decodes a raw row of the event log for the fold. */
import { Buffer } from 'node:buffer';
import type { EventsKey } from '../../shared/keys.ts';
import { decodeBatch, type Loss, unpackBatches } from '../../shared/wire/batch.ts';
import type { FoldRow } from './fold.ts';

export interface StoredRow {
  readonly rowKey: Uint8Array;
  readonly key: EventsKey;
  /** The wire batch. */
  readonly bytes: Uint8Array;
  /** Milliseconds since 1970. */
  readonly arrival: number;
  /** The batch's body, if `unpackedTogether` unpacked it. */
  readonly unpacked?: Uint8Array | null;
}

/** Rows that are unpacked together, and bytes of them: a large one does not wait. */
const ROWS_TOGETHER = 64;
const BYTES_TOGETHER = 32 * 1024;

/** The rows, of which small ones that follow each other are unpacked together: that is faster. */
export async function* unpackedTogether<Row extends StoredRow>(rows: AsyncIterable<Row>): AsyncGenerator<Row, void> {
  let waiting: Row[] = [];
  let bytes = 0;
  for await (const row of rows) {
    bytes += row.bytes.length;
    if (waiting.push(row) < ROWS_TOGETHER && bytes < BYTES_TOGETHER) continue;
    yield* unpacked(waiting);
    waiting = [];
    bytes = 0;
  }
  yield* unpacked(waiting);
}

function* unpacked<Row extends StoredRow>(rows: readonly Row[]): Generator<Row, void> {
  const bodies = unpackBatches(rows.map(({ bytes }) => bytes));
  for (const [at, row] of rows.entries()) yield { ...row, unpacked: bodies[at]! };
}

/** A raw row cannot be decoded: the store damaged it, or it was stored before a bound existed. */
export class UnreadableRow extends Error {
  override readonly name = 'UnreadableRow';
}

const damaged = ({ rowKey }: StoredRow, why: string): Error =>
  new UnreadableRow(`raw row ${Buffer.from(rowKey).toString('hex')} can't be read: ${why}`);

/** @throws UnreadableRow when the row is not a loss record */
export function readLossRow(row: StoredRow): Loss {
  const batch = decodeBatch(row.bytes);
  if (!batch.ok) throw damaged(row, batch.detail);
  if (batch.kind !== 'losses') throw damaged(row, 'it holds events, not a loss');
  return batch.loss;
}

/** @throws UnreadableRow */
export function readRow(row: StoredRow): FoldRow {
  const batch = decodeBatch(row.bytes, row.unpacked);
  const { epoch, firstSeq, count } = row.key;
  if (!batch.ok) throw damaged(row, batch.detail);
  return {
    rowKey: row.rowKey,
    arrival: row.arrival,
    epoch,
    firstSeq,
    count,
    columns: batch.kind === 'events' ? batch.columns : null,
  };
}

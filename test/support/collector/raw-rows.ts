/** Raw rows as the store gives them: real wire batches under real keys. */
import { PartialFold } from '../../../collector/aggregation/fold.ts';
import type { PartialAggregate } from '../../../collector/aggregation/partial.ts';
import { readRow, type StoredRow } from '../../../collector/aggregation/raw-row.ts';
import { runToEnd } from '../../../shared/cooperative.ts';
import type { TillEvent } from '../../../shared/event/event.ts';
import { type Epoch, epoch, type MerchantId, merchantId, type TerminalId, terminalId } from '../../../shared/ids.ts';
import { eventsKey } from '../../../shared/keys.ts';
import { hourOf } from '../../../shared/time.ts';
import { type EncodedBatch, encodeEvents, encodeLoss, type Loss } from '../../../shared/wire/batch.ts';
import { batchDigest } from '../../../shared/wire/batch-digest.ts';
import type { BatchHeader } from '../../../shared/wire/header.ts';
import { HOUR, LOGIC } from './till-events.ts';

/** The digest key of the stores under test that no collector initialized. */
export const DIGEST_KEY: Uint8Array = Buffer.alloc(16, 'a key of a test.');

export interface StreamPlace {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  readonly epoch: Epoch;
  readonly hour: number;
}

export const PLACE: StreamPlace = {
  merchant: merchantId('acme'),
  terminal: terminalId('till-1'),
  epoch: epoch('00000000000000aa'),
  hour: HOUR,
};

export type RowOptions = Partial<StreamPlace> & {
  readonly arrival?: number;
  /** Of a record of losses. */
  readonly loss?: Partial<Loss>;
};

export interface SentRow extends StoredRow {
  readonly header: BatchHeader;
}

function sent({ arrival = 0, loss: _, ...options }: RowOptions, encode: (place: StreamPlace) => EncodedBatch): SentRow {
  const place = { ...PLACE, ...options };
  const { bytes, header } = encode(place);
  const { kind, hour, firstSeq, count } = header;
  const key = { ...place, kind, hour, firstSeq, count, digest: batchDigest(DIGEST_KEY, bytes) };
  return { rowKey: eventsKey(key), key, header, bytes, arrival };
}

export const eventsRow = (firstSeq: number, events: readonly TillEvent[], options: RowOptions = {}): SentRow =>
  sent({ hour: hourOf(events[0]!.ts), ...options }, (place) =>
    encodeEvents({ ...place, firstSeq, clearThrough: 0 }, events),
  );

/** A loss record of `count` seqs. */
export const lossRow = (firstSeq: number, count: number, options: RowOptions = {}): SentRow =>
  sent(options, (place) =>
    encodeLoss({ ...place, firstSeq, clearThrough: 0 }, count, {
      reason: 'evicted',
      at: 0,
      detail: null,
      ...options.loss,
    }),
  );

/** The fold of one terminal's rows of one hour; equal keys are one row, as in the store. */
export function foldRows(rows: readonly StoredRow[]): PartialAggregate {
  const stored = new Map(rows.map((row) => [Buffer.from(row.rowKey).toString('hex'), row]));
  const fold = new PartialFold(LOGIC);
  for (const name of [...stored.keys()].sort()) runToEnd(fold.add(readRow(stored.get(name)!)));
  return fold.partial();
}

/** The part of events that came in one batch after the other. */
export function foldOf(events: readonly TillEvent[]): PartialAggregate {
  const rows: StoredRow[] = [];
  for (let at = 0; at < events.length; at += 1_000) rows.push(eventsRow(1 + at, events.slice(at, at + 1_000)));
  return foldRows(rows);
}

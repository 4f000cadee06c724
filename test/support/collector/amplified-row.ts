/** Raw rows that cost far more than their bytes: as a hostile till makes them. */
import { epoch } from '../../../shared/ids.ts';
import { eventsKey } from '../../../shared/keys.ts';
import { batchDigest } from '../../../shared/wire/batch-digest.ts';
import { HEADER_BYTES, readHeader } from '../../../shared/wire/header.ts';
import { pack } from '../../../shared/wire/message-pack.ts';
import { sealed } from '../shared/seal-batch.ts';
import { DIGEST_KEY, PLACE, type RowOptions, type SentRow } from './raw-rows.ts';

/** A stream's first `events` seqs, each a sale of `items` equal items. */
export function amplifiedRow(events: number, items: number, options: RowOptions = {}): SentRow {
  const { arrival = 0, loss: _, ...place } = { ...PLACE, ...options };
  const all = (value: number) => new Array<number>(events * items).fill(value);
  const columns = [['sale', 'INR', 's'], 0, 0, 0, 0, 1, 1, null, null, null, 0, [], [], items, all(2), all(1), all(1)];
  const identity = { epoch: place.epoch, firstSeq: 1, hour: place.hour, clearThrough: 0 };
  const bytes = sealed(pack(columns), { ...identity, count: events, codec: 'zstd' });
  const head = readHeader(bytes);
  if (!head.ok || bytes.length < HEADER_BYTES) throw new Error('not a batch');
  const key = { ...place, ...head.header, digest: batchDigest(DIGEST_KEY, bytes) };
  return { rowKey: eventsKey(key), key, header: head.header, bytes, arrival };
}

/** The epochs 1, 2, 3 … */
export const epochNumber = (number: number) => epoch(number.toString(16).padStart(16, '0'));

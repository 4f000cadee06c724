/** Makes a wire batch of as many events as fit. */
import { type EncodedBatch, encodeColumns, MAX_UNPACKED_BYTES } from '../../../shared/wire/batch.ts';
import { Columns } from '../../../shared/wire/column-encoder.ts';
import { type Dictionary, NEWEST } from '../../../shared/wire/dictionaries/released.ts';
import type { IdSpan, Run } from './lane.ts';

/** Of the room, so that a batch that packs a little worse than the last one needs no second try. */
const AIM = 0.95;
/** More make a batch hardly smaller, but what is built on the way to it outlives young collections: memory while a backlog drains. */
const MOST_EVENTS = 1_000;
/** What they take in the buffer: bounds the same memory where sales are large. */
const MOST_BYTES = 512 * 1024;

export interface Fitted {
  readonly encoded: EncodedBatch;
  readonly sent: IdSpan;
}

/** Cuts batches to size by what the ones before took, so that few are encoded twice. */
export class BatchSizer {
  /** Bytes on the wire for each byte in the buffer. */
  #ratio = 1;
  /** Bytes on the wire that an event of the last batch took; 0 before the first. */
  #perEvent = 0;

  /** About how many bytes so many events will take on the wire. */
  estimate(events: number): number {
    return this.#perEvent * events;
  }

  /**
   * @param maxBytes on the wire
   * @param dictionary null for a collector that does not know it
   * @param most events
   * @returns null when not even the first one fits
   * @throws on a fault of the disk
   */
  fit(
    run: Run,
    maxBytes: number,
    clearThrough: number,
    dictionary: Dictionary | null = NEWEST,
    most = MOST_EVENTS,
  ): Fitted | null {
    const { id: firstId, epoch, seq: firstSeq, hour } = run.first;
    for (let limit = most; limit >= 1; ) {
      const columns = new Columns(hour);
      let bytes = 0;
      for (const event of run) {
        const more = bytes + event.bytes;
        if (columns.count > 0 && (more > MOST_BYTES || more * this.#ratio > maxBytes * AIM)) break;
        bytes = more;
        columns.add(event.event);
        if (columns.count === limit) break;
      }
      const { count } = columns;
      const encoded = encodeColumns({ epoch, firstSeq, hour, clearThrough }, columns, dictionary);
      this.#ratio = encoded.bytes.length / bytes;
      this.#perEvent = encoded.bytes.length / count;
      if (encoded.bytes.length <= maxBytes && encoded.header.unpackedLength <= MAX_UNPACKED_BYTES)
        return { encoded, sent: { firstId, lastId: firstId + count - 1 } };
      limit = Math.floor(count / 2);
    }
    return null;
  }
}

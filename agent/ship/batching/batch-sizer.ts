/** Builds wire batches with as many events as fit. */
import { type EncodedBatch, encodeColumns, isWithinBounds } from '../../../shared/wire/batch.ts';
import { Columns } from '../../../shared/wire/column-encoder.ts';
import { type Dictionary, NEWEST } from '../../../shared/wire/dictionaries/released.ts';
import type { IdSpan, Run } from './lane.ts';

/**
 * Share of the room to aim for, so that a batch that compresses a little worse needs no second try.
 */
const TARGET_SHARE = 0.95;
/**
 * Most events in a batch. More hardly make it smaller, but intermediate objects would survive young
 * collections, which costs memory while a backlog drains.
 */
const MAX_EVENTS = 1_000;
/** Most bytes of a batch's events in the buffer: bounds the same memory where sales are large. */
const MAX_BYTES = 512 * 1024;

export interface Fitted {
  readonly encoded: EncodedBatch;
  readonly sent: IdSpan;
}

/** Sizes batches by the compression ratio of the previous ones, so that few are encoded twice. */
export class BatchSizer {
  /** Bytes on the wire per byte in the buffer. */
  #ratio = 1;
  /** Bytes on the wire per event of the last batch; 0 before the first. */
  #perEvent = 0;

  /** Estimated bytes on the wire of this many events. */
  estimate(events: number): number {
    return this.#perEvent * events;
  }

  /**
   * @param maxBytes limit on the wire
   * @param dictionary null for a collector that does not know it
   * @param most limit of events
   * @returns null when not even the first event fits
   * @throws on a disk error
   */
  fit(
    run: Run,
    maxBytes: number,
    clearThrough: number,
    dictionary: Dictionary | null = NEWEST,
    most = MAX_EVENTS,
  ): Fitted | null {
    const { id: firstId, epoch, seq: firstSeq, hour } = run.first;
    for (let limit = most; limit >= 1; ) {
      const columns = new Columns(hour);
      let bytes = 0;
      for (const event of run) {
        const more = bytes + event.bytes;
        if (columns.count > 0 && (more > MAX_BYTES || more * this.#ratio > maxBytes * TARGET_SHARE)) break;
        bytes = more;
        columns.add(event.event);
        if (columns.count === limit) break;
      }
      const { count } = columns;
      const encoded = encodeColumns({ epoch, firstSeq, hour, clearThrough }, columns, dictionary);
      this.#ratio = encoded.bytes.length / bytes;
      this.#perEvent = encoded.bytes.length / count;
      if (encoded.bytes.length <= maxBytes && isWithinBounds(encoded))
        return { encoded, sent: { firstId, lastId: firstId + count - 1 } };
      limit = Math.floor(count / 2);
    }
    return null;
  }
}

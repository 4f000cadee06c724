/** Makes a wire batch of as many events as fit. */
import type { Epoch } from '../../shared/ids.ts';
import { type EncodedBatch, encodeEvents, MAX_UNPACKED_BYTES } from '../../shared/wire/batch.ts';
import { type Dictionary, NEWEST } from '../../shared/wire/dictionaries/released.ts';
import type { PendingEvent } from '../buffer/port.ts';

/** Of the room, so that a batch that packs a little worse than the last one needs no second try. */
const AIM = 0.95;
/** How many events to have at hand before it is known how they pack, and at least. */
const FIRST_CAPACITY = 500;
const LEAST_CAPACITY = 64;
/** More make a batch hardly smaller, but what is built on the way to it outlives young collections: memory while a backlog drains. */
const MOST_CAPACITY = 1_000;

export interface Fitted {
  readonly encoded: EncodedBatch;
  readonly events: readonly PendingEvent[];
}

/** Cuts batches to size by what the ones before took, so that few are encoded twice. */
export class Fitter {
  /** Bytes on the wire for each byte in the buffer. */
  #ratio = 1;
  /** Bytes on the wire that an event of the last batch took; 0 before the first. */
  #perEvent = 0;

  /** About how many bytes so many events will take on the wire. */
  estimate(events: number): number {
    return this.#perEvent * events;
  }

  /** About how many events fit into so many bytes on the wire, and some more. */
  capacity(bytes: number): number {
    if (this.#perEvent === 0) return FIRST_CAPACITY;
    return Math.max(LEAST_CAPACITY, Math.min(MOST_CAPACITY, Math.ceil(bytes / this.#perEvent)));
  }

  /**
   * @param events of consecutive seqs of one stream in one hour, one at least
   * @param maxBytes on the wire
   * @param dictionary null for a collector that does not know it
   * @returns null when not even the first one fits
   */
  fit(
    events: readonly PendingEvent[],
    maxBytes: number,
    clearThrough: number,
    dictionary: Dictionary | null = NEWEST,
  ): Fitted | null {
    const { epoch, seq, hour } = events[0]!;
    const identity: { epoch: Epoch; firstSeq: number; hour: number; clearThrough: number } = {
      epoch,
      firstSeq: seq,
      hour,
      clearThrough,
    };
    for (let count = this.#guess(events, maxBytes * AIM); count >= 1; count = Math.floor(count / 2)) {
      const taken = events.slice(0, count);
      const encoded = encodeEvents(
        identity,
        taken.map(({ event }) => event),
        dictionary,
      );
      this.#ratio = encoded.bytes.length / taken.reduce((sum, { bytes }) => sum + bytes, 0);
      this.#perEvent = encoded.bytes.length / count;
      if (encoded.bytes.length <= maxBytes && encoded.header.unpackedLength <= MAX_UNPACKED_BYTES)
        return { encoded, events: taken };
    }
    return null;
  }

  #guess(events: readonly PendingEvent[], maxBytes: number): number {
    let wire = 0;
    let count = 0;
    for (const { bytes } of events) {
      wire += bytes * this.#ratio;
      if (wire > maxBytes) break;
      count++;
    }
    return Math.max(1, count);
  }
}

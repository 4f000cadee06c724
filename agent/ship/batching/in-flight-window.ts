/**
 * The window of batches in flight: at most 4 and 256 KiB, scaled by the collector's credit.
 *
 * Invariant: a batch is in the window from its publish until an ack names its stream, range and
 * checksum; nothing else removes it.
 */
import assert from 'node:assert/strict';
import type { StreamId } from '../../../shared/ids.ts';
import type { Ack } from '../../../shared/wire/messages.ts';
import type { PendingLoss } from '../../port/outbox.ts';
import type { IdSpan } from './lane.ts';

const MAX_BATCHES = 4;
const MAX_BYTES = 256 * 1024;

export type BatchContent =
  | { readonly lane: 'live' | 'backlog'; readonly sent: IdSpan }
  | { readonly lane: 'losses'; readonly loss: PendingLoss };
export type LaneName = BatchContent['lane'];

export interface InFlight {
  readonly content: BatchContent;
  readonly stream: StreamId;
  readonly first: number;
  readonly last: number;
  /** Checksum: the header's bodyCrc. */
  readonly sum: number;
  /** Id of the dictionary it was compressed with; 0: none. */
  readonly dictionary: number;
  /** On the wire. */
  readonly bytes: number;
  /** Monotonic milliseconds. */
  readonly sentAt: number;
  /** When the broker had it (PUBACK), monotonic milliseconds; null before. */
  arrivedAt: number | null;
  /** Says that the broker has it; may be called again. */
  arrived: () => void;
}

const keyOf = ({ stream, first, last, sum }: Pick<InFlight, 'stream' | 'first' | 'last' | 'sum'> | Ack): string =>
  `${stream}/${first}-${last}/${sum}`;

export class InFlightWindow {
  readonly #batches = new Map<string, InFlight>();
  #bytes = 0;
  /** 0 to 1. Even at 0 one batch may be sent: its ack reports new credit. */
  credit = 1;

  get size(): number {
    return this.#batches.size;
  }

  /** Number of batches that may be in flight at this credit. */
  get slots(): number {
    return Math.max(1, Math.floor(MAX_BATCHES * this.credit));
  }

  /** Bytes that one more batch may take; 0 when none may be sent. */
  get room(): number {
    if (this.#batches.size === 0) return MAX_BYTES;
    if (this.#batches.size >= this.slots) return 0;
    return Math.max(0, MAX_BYTES * this.credit - this.#bytes);
  }

  /** Number of a lane's batches in flight. */
  of(lane: LaneName): number {
    let count = 0;
    for (const { content } of this.#batches.values()) if (content.lane === lane) count++;
    return count;
  }

  /**
   * When the batch arrived that has waited longest for its ack, monotonic milliseconds; null when
   * none has arrived.
   */
  get oldestArrival(): number | null {
    let oldest: number | null = null;
    for (const { arrivedAt } of this.#batches.values())
      if (arrivedAt !== null && (oldest === null || arrivedAt < oldest)) oldest = arrivedAt;
    return oldest;
  }

  sent(batch: InFlight): void {
    const key = keyOf(batch);
    assert(!this.#batches.has(key), `${key} is already in flight`);
    this.#batches.set(key, batch);
    this.#bytes += batch.bytes;
  }

  /** Removes the batch that the ack names. @returns it; null when there is none */
  acked(ack: Ack): InFlight | null {
    const key = keyOf(ack);
    const batch = this.#batches.get(key);
    if (batch === undefined) return null;
    this.#batches.delete(key);
    this.#bytes -= batch.bytes;
    return batch;
  }
}

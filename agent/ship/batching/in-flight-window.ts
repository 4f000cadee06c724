/**
 * Batches on their way, not acknowledged yet: at most 4, and 256 KiB, times the collector's credit.
 *
 * Invariants: a batch is in here from its publish until an ack that names its stream, range and checksum; nothing else takes it out.
 */
import assert from 'node:assert/strict';
import type { StreamId } from '../../../shared/ids.ts';
import type { Ack } from '../../../shared/wire/messages.ts';
import type { PendingLoss } from '../../port/outbox.ts';
import type { IdSpan } from './lane.ts';

const MAX_BATCHES = 4;
const MAX_BYTES = 256 * 1024;

export type Cargo =
  | { readonly lane: 'live' | 'backlog'; readonly sent: IdSpan }
  | { readonly lane: 'losses'; readonly loss: PendingLoss };
export type LaneName = Cargo['lane'];

export interface InFlight {
  readonly cargo: Cargo;
  readonly stream: StreamId;
  readonly first: number;
  readonly last: number;
  /** The header's bodyCrc. */
  readonly sum: number;
  /** Id of the dictionary that it was packed with; 0: none. */
  readonly dictionary: number;
  /** On the wire. */
  readonly bytes: number;
  /** Monotonic milliseconds. */
  readonly sentAt: number;
}

const keyOf = ({ stream, first, last, sum }: Pick<InFlight, 'stream' | 'first' | 'last' | 'sum'> | Ack): string =>
  `${stream}/${first}-${last}/${sum}`;

export class InFlightWindow {
  readonly #batches = new Map<string, InFlight>();
  #bytes = 0;
  /** 0 to 1. Even without credit one batch may go: it is how the agent hears that there is credit again. */
  credit = 1;

  get size(): number {
    return this.#batches.size;
  }

  /** How many batches may be on their way at this credit. */
  get slots(): number {
    return Math.max(1, Math.floor(MAX_BATCHES * this.credit));
  }

  /** Bytes that one more batch may take; 0 when none may go. */
  get room(): number {
    if (this.#batches.size === 0) return MAX_BYTES;
    if (this.#batches.size >= this.slots) return 0;
    return Math.max(0, MAX_BYTES * this.credit - this.#bytes);
  }

  /** Batches of a lane on their way. */
  of(lane: LaneName): number {
    let count = 0;
    for (const { cargo } of this.#batches.values()) if (cargo.lane === lane) count++;
    return count;
  }

  /** The batch that has waited longest for its ack. */
  get oldest(): InFlight | null {
    return this.#batches.values().next().value ?? null;
  }

  sent(batch: InFlight): void {
    const key = keyOf(batch);
    assert(!this.#batches.has(key), `${key} is on its way already`);
    this.#batches.set(key, batch);
    this.#bytes += batch.bytes;
  }

  /** @returns the batch that the ack names, which leaves the window; null when there is none */
  acked(ack: Ack): InFlight | null {
    const key = keyOf(ack);
    const batch = this.#batches.get(key);
    if (batch === undefined) return null;
    this.#batches.delete(key);
    this.#bytes -= batch.bytes;
    return batch;
  }
}

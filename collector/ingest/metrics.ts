/** What ingest counts, always after the fact; main.ts says where. */
import type { Ack } from '../../shared/wire/messages.ts';

export interface IngestMetrics {
  /** A group of batches is durable, with its marks. */
  committed(group: {
    readonly batches: number;
    readonly events: number;
    readonly bytes: number;
    readonly seconds: number;
  }): void;
  /** Rows and marks may or may not be stored. */
  commitFailed(): void;
  /** Every ack, by its result. */
  acked(result: Ack['result']): void;
  /** Batches with a mark of their own, and those whose mark was already there. */
  marked(made: number, skipped: number): void;
  heldBytes(bytes: number): void;
  statuses(outcome: 'kept' | 'unreadable' | 'dropped', count: number): void;
}

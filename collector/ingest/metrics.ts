/**
 * The counters of ingest, always raised after the fact; `app/prometheus-metrics.ts` implements
 * them.
 */
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
  /** Batches with a new due mark, and those covered by an existing one. */
  marked(made: number, skipped: number): void;
  heldBytes(bytes: number): void;
  statuses(outcome: 'kept' | 'unreadable' | 'dropped', count: number): void;
}

/**
 * The counters of ingest, always raised after the fact; `app/prometheus-metrics.ts` implements
 * them.
 */
import type { Ack } from '../../shared/wire/messages.ts';
import type { StatusMetrics } from './status/status-writer.ts';

/** Why a batch was answered `busy` although the store takes batches. */
export type RefusalReason = 'terminal-room' | 'merchant-room' | 'bytes-per-day' | 'events-per-day';

export interface IngestMetrics extends StatusMetrics {
  /** Rows are durable that the store did not have. */
  stored(rows: { readonly events: number; readonly bytes: number }): void;
  /** A group of batches is durable, with its marks. */
  committed(group: { readonly batches: number; readonly seconds: number }): void;
  /** Rows and marks may or may not be stored. */
  commitFailed(): void;
  /** Every ack, by its result. */
  acked(result: Ack['result']): void;
  /** Batches that exceed what their terminal or merchant may cause. */
  refused(reason: RefusalReason): void;
  /** Batches answered `stored` without decoding them: this process stored the same bytes before. */
  repeated(): void;
  /** Batches with a new due mark, and those covered by an existing one. */
  marked(made: number, skipped: number): void;
  heldBytes(bytes: number): void;
  /** The store lacked what a terminal says that it acknowledged, and the terminal was told so. */
  storeLacks(): void;
}

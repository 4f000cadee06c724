/** Port through which ingest hands events to the buffer. */
import type { TillEvent } from '../../shared/event/event.ts';
import type { StreamId } from '../../shared/ids.ts';

export interface Duplicate {
  /** Index in the request. */
  readonly index: number;
  readonly stream: StreamId;
  readonly seq: number;
}

export type Accepted =
  | {
      readonly kind: 'accepted';
      /** Number of events stored; 0 when all were duplicates, and then the seqs are null. */
      readonly accepted: number;
      readonly stream: StreamId;
      readonly firstSeq: number | null;
      readonly lastSeq: number | null;
      readonly duplicates: readonly Duplicate[];
    }
  /** The byte budget or the disk is exhausted; nothing of the request was stored. */
  | { readonly kind: 'full'; readonly detail: string }
  /**
   * No buffer can be written at present (its disk is missing, read-only or failing). The agent
   * retries.
   */
  | { readonly kind: 'unavailable'; readonly detail: string };

/** Accepts events into the buffer. */
export interface Intake {
  /** All or nothing. Concurrent calls share a commit. Rejects on a disk error. */
  accept(events: readonly TillEvent[]): Promise<Accepted>;
}

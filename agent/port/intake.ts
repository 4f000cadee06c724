/**
 * The port at which ingest hands events to the buffer: `BufferSupervisor` implements it, and passes
 * them to `SqliteBuffer`.
 */
import type { TillEvent } from '../../shared/event/event.ts';
import type { StreamId } from '../../shared/ids.ts';

/** An event of a request that has the ref of an earlier one: the earlier one's identity. */
export interface KnownEvent {
  /** Index in the request. */
  readonly index: number;
  readonly stream: StreamId;
  readonly seq: number;
}

export type Accepted =
  | {
      readonly kind: 'accepted';
      /** How many were stored; 0 when all were duplicates, and then the seqs are null. */
      readonly accepted: number;
      readonly stream: StreamId;
      readonly firstSeq: number | null;
      readonly lastSeq: number | null;
      /** Not stored: of the same content as the earlier one. */
      readonly duplicates: readonly KnownEvent[];
      /** Stored: of other content than the earlier one. */
      readonly conflicts: readonly KnownEvent[];
    }
  /** The byte budget or the disk is used up: nothing of the request was stored. */
  | { readonly kind: 'full'; readonly detail: string }
  /**
   * There is no buffer to write to at present (its disk is gone, read-only, or ill); it is tried
   * again by itself.
   */
  | { readonly kind: 'unavailable'; readonly detail: string };

/** Where ingest hands events over. */
export interface Intake {
  /** All or nothing. Concurrent calls share a commit. Rejects on a fault of the disk. */
  accept(events: readonly TillEvent[]): Promise<Accepted>;
}

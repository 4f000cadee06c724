/**
 * What memory knows of the rows, as the parts of the buffer read it. `BufferState` implements it.
 * The properties are live: a commit or a reload replaces what they return.
 */
import type { EpochIndex } from './epochs.ts';
import type { PendingSet } from './pending-set.ts';

export interface RowIndex {
  readonly epochs: EpochIndex;
  readonly pending: PendingSet;
  /** Event rows, whatever their state. */
  readonly rowCount: number;
  /**
   * Whether another process has written rows that memory does not know yet.
   * @throws on a fault of the disk
   */
  readonly isBehind: boolean;
}

/** Restatements and their order: the oldest first. */
import type { ChangeReason, Changes } from '../../store/rollups/rollup.ts';

/** A restatement's place in the list. */
export interface Place {
  /** When the new figures became the published ones, milliseconds since 1970. */
  readonly at: number;
  /** Hours since 1970. */
  readonly time: number;
  /** Of the row that was replaced; 0: none was, another logic version became active. */
  readonly revision: number;
}

export interface Restatement extends Place {
  readonly reason: ChangeReason | 'logic';
  readonly wasFinal: boolean;
  readonly changes: Changes;
}

export const byPlace = (a: Place, b: Place): number => a.at - b.at || a.time - b.time || a.revision - b.revision;

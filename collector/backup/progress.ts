/** What a long command shows of its way, and how it is told to stop. */
import type { BackedUp } from './manifest.ts';

export interface Progress {
  readonly table: BackedUp;
  readonly rows: number;
  readonly bytes: number;
  /** Of the whole, from 0 to 1; null: the whole is not known. */
  readonly share: number | null;
}

export interface Watch {
  /** Called after each file. */
  readonly progress: (at: Progress) => void;
  /** Aborted: the work stops where it can go on later, and rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

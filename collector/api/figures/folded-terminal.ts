/** One terminal of an hour that is kept up with the raw log: its fold, and which rows are in it. */
import type { Epoch } from '../../../shared/ids.ts';
import { FoldTooDear, PartialFold } from '../../aggregation/fold.ts';
import type { Logic } from '../../aggregation/logic/logic-version.ts';
import { UnreadableRow } from '../../aggregation/raw-row.ts';
import type { ParkReason } from '../../store/parked-hours.ts';

export interface Lane {
  /** Rows folded so far. */
  rows: number;
  lastKey: Uint8Array;
  epoch: Epoch | null;
  /** The last seq of that epoch. */
  lastSeq: number;
  /** Rows at or below `lastKey` that the check saw, and in which of its passes. */
  seen: number;
  pass: number;
}

export interface FoldedTerminal {
  readonly fold: PartialFold;
  readonly losses: Lane;
  readonly events: Lane;
  /** Of the fold's bytes, those that are counted. */
  bytes: number;
  /** Why the terminal is left out, until when (monotonic, milliseconds). */
  readonly parked: { readonly reason: ParkReason; readonly until: number } | null;
}

/** @param pass of the check, which has not to count what comes now */
export function newTerminal(logic: Logic, pass: number, parked: FoldedTerminal['parked'] = null): FoldedTerminal {
  const noKey = { lastKey: new Uint8Array(), epoch: null, lastSeq: 0 };
  const lane = (): Lane => ({ rows: 0, ...noKey, seen: 0, pass });
  return { fold: new PartialFold(logic), losses: lane(), events: lane(), bytes: 0, parked };
}

/** Why a terminal is to be parked; null: the error is another one. */
export const reasonOf = (error: unknown): ParkReason | null => {
  if (error instanceof FoldTooDear) return 'cost';
  return error instanceof UnreadableRow ? 'unreadable' : null;
};

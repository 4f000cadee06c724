/** Builds the status message for the collector: what the agent still holds, and its clearance. */
import type { Epoch } from '../../../shared/ids.ts';
import { MAX_ACKED_RUNS, MAX_CLOSED_EPOCHS, type Status } from '../../../shared/wire/messages.ts';
import type { Acknowledged, EpochHolding, Holdings } from '../../port/outbox.ts';

/** Limits of the message: see `shared/wire/messages.ts`. */
const MAX_RANGES = 16;
const MAX_EPOCHS = 256;
const MAX_VERSION = 64;

/** Limits the number of ranges; the last one is widened to cover the rest. */
function bounded(pending: EpochHolding['pending']): [number, number][] {
  const ranges = pending.slice(0, MAX_RANGES).map(([first, last]): [number, number] => [first, last]);
  const final = pending.at(-1);
  if (final !== undefined && pending.length > MAX_RANGES) ranges[MAX_RANGES - 1]![1] = final[1];
  return ranges;
}

export interface StatusFacts {
  readonly version: string;
  readonly holdings: Holdings;
  readonly acknowledged: Acknowledged;
  readonly clearThrough: number;
  readonly clockOffsetMs: number | null;
  /** Epochs with loss records that the collector does not have. */
  readonly unsentLosses: ReadonlySet<Epoch>;
  /** The agent stops: the open epoch is closed if nothing of it is left to send. */
  readonly signingOff: boolean;
}

export function statusMessage(facts: StatusFacts): Status {
  const { version, holdings, acknowledged, clearThrough, clockOffsetMs, unsentLosses, signingOff } = facts;
  const { open, drained } = holdings;
  const epochs = holdings.epochs.filter(({ epoch, pending }) => pending.length > 0 || epoch === open);
  // An epoch with a loss record to send is not over, but has nothing pending.
  const isOver = ({ epoch }: { readonly epoch: Epoch }): boolean => !unsentLosses.has(epoch);
  const signedOff = signingOff ? epochs.filter(({ epoch, pending }) => epoch === open && pending.length === 0) : [];
  const closed = [...drained, ...signedOff].filter(isOver);
  return {
    version: version.slice(0, MAX_VERSION),
    // The newest ones, which include the open epoch.
    epochs: epochs
      .slice(-MAX_EPOCHS)
      .map(({ epoch, lastSeq, pending }) => ({ epoch, lastSeq, pending: bounded(pending) })),
    closed: closed.slice(-MAX_CLOSED_EPOCHS).map(({ epoch, lastSeq }) => [epoch, lastSeq]),
    clearThrough,
    losses: holdings.losses,
    bufferBytes: holdings.bytes,
    clockOffsetMs,
    ...(acknowledged.storeGen === null ? {} : { storeGen: acknowledged.storeGen }),
    ackedThrough: acknowledged.runs.slice(0, MAX_ACKED_RUNS),
  };
}

/**
 * Net losses: the loss records of the raw log, less the seqs that event rows hold. Stored beats
 * lost: a till may have lost an event after it was stored, or a clone of the till may have
 * delivered it.
 */
import type { Epoch, MerchantId, TerminalId } from '../../../shared/ids.ts';
import { eventsKey, NO_DIGEST } from '../../../shared/keys.ts';
import { difference, type Ranges, union } from '../../../shared/seq-ranges.ts';
import type { Loss } from '../../../shared/wire/loss.ts';
import { readLossRow, UnreadableRow } from '../../aggregation/raw-row.ts';
import type { EventLog, RawRow, Stream } from '../../store/event-log.ts';
import { NearbyHours } from './nearby-hours.ts';

/**
 * A loss record of unreadable events carries the nearest known hour, so their event rows are
 * searched this many hours before and after it: enough for a weekend.
 */
const NEARBY_HOURS = 72;
const HOURS_PER_READ = 16;
/**
 * Separate ranges of stored seqs that are read of an hour at a time. A record may claim billions of
 * seqs: what it costs is the rows that are there.
 */
const RANGES_PER_STEP = 10_000;

/**
 * Where a walk continues: hours come newest first, the records of one hour by terminal, epoch and
 * seq.
 */
export interface LossPosition {
  /** Hours since 1970; later hours are skipped. */
  readonly hour: number;
  /**
   * Position in this hour: from `seq` on, in the record that begins at `firstSeq`. Null: the start
   * of the hour.
   */
  readonly record: {
    readonly terminal: TerminalId;
    readonly epoch: Epoch;
    readonly firstSeq: number;
    readonly seq: number;
  } | null;
}

/** The result of one step of the walk. */
export interface LossStep {
  /**
   * Ranges that are really lost, ascending; empty when the step only reports how far the walk is.
   */
  readonly lost: Ranges;
  /** The record they belong to; null when the step only passed an hour. */
  readonly record: { readonly row: RawRow; readonly loss: Loss } | null;
  /** A record that cannot be read: its seqs are not judged. */
  readonly unreadable?: RawRow['key'];
  /** How many hours were read for this step. */
  readonly reads: number;
  /** Where the walk continues after this step. */
  readonly next: LossPosition;
}

export interface LossesOf {
  readonly merchant: MerchantId;
  /** Left out: all terminals. */
  readonly terminal: TerminalId | undefined;
}

const startOf = (merchant: MerchantId, { hour, record }: LossPosition): Uint8Array | undefined =>
  record === null ? undefined : eventsKey({ merchant, hour, kind: 'losses', ...record, count: 0, digest: NO_DIGEST });

/** Called for each row read: others' turns, and a budget. Rejects beyond it. */
export type Pace = () => Promise<void> | undefined;

/** @returns null when the store has damaged the row */
function lossOf(row: RawRow): Loss | null {
  try {
    return readLossRow(row);
  } catch (error) {
    if (error instanceof UnreadableRow) return null;
    throw error;
  }
}

/** @throws StoreUnavailable; what `pace` rejects with */
export async function* netLosses(
  log: EventLog,
  { merchant, terminal }: LossesOf,
  from: LossPosition,
  pace: Pace = () => undefined,
): AsyncGenerator<LossStep, void, undefined> {
  const nearby = new NearbyHours(log, merchant, NEARBY_HOURS);
  for await (const { hour, hasLosses } of log.hoursBackwards(merchant, 0, from.hour + 1)) {
    const position = hour === from.hour ? from : { hour, record: null };
    let stream = position.record === null ? '' : `${position.record.terminal}/${position.record.epoch}`;
    /**
     * The lowest seq of the stream that no earlier record of this hour covers: each seq is reported
     * once.
     */
    let next = position.record?.seq ?? 0;
    const hours = hasLosses ? await nearby.of(hour) : [];
    const rows = hasLosses ? log.losses(merchant, hour, { terminal, start: startOf(merchant, position) }) : [];
    for await (const row of rows) {
      const { key } = row;
      if (`${key.terminal}/${key.epoch}` !== stream) {
        stream = `${key.terminal}/${key.epoch}`;
        next = 0;
      }
      const end = key.firstSeq + key.count;
      const loss = lossOf(row);
      if (loss === null) {
        yield { lost: [], record: null, unreadable: key, reads: 0, next: { hour, record: { ...key, seq: end } } };
        continue;
      }
      const record = { row, loss };
      for (next = Math.max(next, key.firstSeq); next < end; ) {
        const { lost, through, reads } = await notHeld(log, row, next, end - 1, hours, pace);
        next = through + 1;
        yield { lost, record, reads, next: { hour, record: { ...key, seq: next } } };
      }
      next = Math.max(next, end);
    }
    yield { lost: [], record: null, reads: hours.length, next: { hour: hour - 1, record: null } };
  }
}

/**
 * The seqs, from `first` through `through`, that no event row of the stream holds in any of the
 * hours. Hours are read in the given order until nothing is missing any more.
 */
async function notHeld(
  log: EventLog,
  { key }: RawRow,
  first: number,
  last: number,
  hours: readonly number[],
  pace: Pace,
) {
  let lost: Ranges = [[first, last]];
  let through = last;
  let reads = 0;
  for (; reads < hours.length && lost.length > 0; reads += HOURS_PER_READ) {
    const some = hours.slice(reads, reads + HOURS_PER_READ);
    const found = await Promise.all(some.map((hour) => heldRanges(log, key, hour, first, through, pace)));
    through = Math.min(through, ...found.map((hour) => hour.through));
    const unread: Ranges = through < last ? [[through + 1, last]] : [];
    lost = difference(lost, union([...found.flatMap(({ ranges }) => ranges), ...unread]));
  }
  return { lost, through, reads: Math.min(reads, hours.length) };
}

/** The ranges of one hour's rows, and the seq through which they are complete. */
async function heldRanges(log: EventLog, stream: Stream, hour: number, first: number, last: number, pace: Pace) {
  const ranges: [number, number][] = [];
  for await (const [from, to] of log.held(stream, hour, first, last)) {
    await pace();
    const before = ranges.at(-1);
    if (before !== undefined && from <= before[1] + 1) before[1] = Math.max(before[1], to);
    else if (ranges.length === RANGES_PER_STEP) return { ranges, through: from - 1 };
    else ranges.push([from, to]);
  }
  return { ranges, through: last };
}

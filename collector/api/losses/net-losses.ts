/**
 * What tills gave up and the collector does not hold: the loss records of the raw log, less the seqs that its event rows have. Stored beats
 * lost: a till may have lost an event after it had been stored, or a clone of it may have delivered it.
 */
import type { Epoch, MerchantId, TerminalId } from '../../../shared/ids.ts';
import { eventsKey } from '../../../shared/keys.ts';
import { difference, type Ranges, union } from '../../../shared/seq-ranges.ts';
import type { Loss } from '../../../shared/wire/loss.ts';
import { readLossRow } from '../../aggregation/raw-row.ts';
import type { EventLog, RawRow } from '../../store/event-log.ts';
import { HoursAround } from './nearby-hours.ts';

/**
 * A record of events that could not be read any more names the nearest hour that is known, so the events are looked for so many hours before
 * and after it too: over a weekend.
 */
const HOURS_AROUND = 72;
const HOURS_AT_ONCE = 16;
/** A record may name billions of seqs: so many are looked for at a time. */
const SEQS_AT_ONCE = 50_000;

/** Where a walk goes on: hours come newest first, the records of one hour by terminal, epoch and seq. */
export interface LossPlace {
  /** Hours since 1970: no later hour is looked at. */
  readonly hour: number;
  /** Where in this hour: from `seq` on, in the record that begins at `firstSeq`. Null: at its start. */
  readonly record: {
    readonly terminal: TerminalId;
    readonly epoch: Epoch;
    readonly firstSeq: number;
    readonly seq: number;
  } | null;
}

/** One stretch of work. */
export interface LossStep {
  /** Ranges that are really lost, ascending; empty when there is nothing to tell but how far the walk is. */
  readonly lost: Ranges;
  /** The record they are of; null when the step only passed an hour. */
  readonly record: { readonly row: RawRow; readonly loss: Loss } | null;
  /** How many hours were looked into for it. */
  readonly looks: number;
  /** Where the walk goes on after this step. */
  readonly next: LossPlace;
}

export interface LossesOf {
  readonly merchant: MerchantId;
  /** Left out: of all terminals. */
  readonly terminal: TerminalId | undefined;
}

const startOf = (merchant: MerchantId, { hour, record }: LossPlace): Uint8Array | undefined =>
  record === null ? undefined : eventsKey({ merchant, hour, kind: 'losses', ...record, count: 0, bodyCrc: 0 });

/** @throws Error when a record can't be read; StoreUnavailable */
export async function* netLosses(
  log: EventLog,
  { merchant, terminal }: LossesOf,
  from: LossPlace,
): AsyncGenerator<LossStep, void, undefined> {
  const around = new HoursAround(log, merchant, HOURS_AROUND);
  for await (const { hour, hasLosses } of log.hoursBackwards(merchant, 0, from.hour + 1)) {
    const place = hour === from.hour ? from : { hour, record: null };
    let stream = place.record === null ? '' : `${place.record.terminal}/${place.record.epoch}`;
    /** The lowest seq of the stream that no record before this one of the hour names: each is told once. */
    let next = place.record?.seq ?? 0;
    const hours = hasLosses ? await around.of(hour) : [];
    const rows = hasLosses ? log.losses(merchant, hour, { terminal, start: startOf(merchant, place) }) : [];
    for await (const row of rows) {
      const { key } = row;
      if (`${key.terminal}/${key.epoch}` !== stream) {
        stream = `${key.terminal}/${key.epoch}`;
        next = 0;
      }
      const end = key.firstSeq + key.count;
      const record = { row, loss: readLossRow(row) };
      for (next = Math.max(next, key.firstSeq); next < end; ) {
        const last = Math.min(end, next + SEQS_AT_ONCE) - 1;
        const { lost, looks } = await notHeld(log, row, next, last, hours);
        next = last + 1;
        yield { lost, record, looks, next: { hour, record: { ...key, seq: next } } };
      }
      next = Math.max(next, end);
    }
    yield { lost: [], record: null, looks: hours.length, next: { hour: hour - 1, record: null } };
  }
}

/** What no event row of the stream holds in any of the hours, which are looked at in their order until there is nothing left to find. */
async function notHeld(log: EventLog, { key }: RawRow, first: number, last: number, hours: readonly number[]) {
  let lost: Ranges = [[first, last]];
  let looks = 0;
  for (; looks < hours.length && lost.length > 0; looks += HOURS_AT_ONCE) {
    const some = hours.slice(looks, looks + HOURS_AT_ONCE);
    const found = await Promise.all(some.map((hour) => Array.fromAsync(log.held(key, hour, first, last))));
    lost = difference(lost, union(found.flat()));
  }
  return { lost, looks: Math.min(looks, hours.length) };
}

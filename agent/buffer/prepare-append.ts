/**
 * Prepares a request outside the transaction: hashes and encodes its events, in the order in which
 * they get their seqs.
 */
import type { Cooperative } from '../../shared/cooperative.ts';
import { crc32c } from '../../shared/crc32c.ts';
import { FLAG, type TillEvent } from '../../shared/event/event.ts';
import { isEventTime, isOfClock } from '../../shared/event/timestamp.ts';
import { hourOf } from '../../shared/time.ts';
import type { Stamp } from '../port/event-clock.ts';
import { contentHash, isDeduplicable } from './tables/content-hash.ts';
import { encodeBody } from './tables/event-row.ts';
import type { NewEvent } from './tables/event-table.ts';
import { correctedBy } from './timestamps/corrected-time.ts';

/** Bytes of a row beside its body: other columns, index entries, its share of inner pages. */
const ROW_BYTES = 128;
/** Bytes of a dedup entry beside its texts, which are stored twice. */
const REF_BYTES = 96;
/** A larger body spills to overflow pages, the last of which is part empty. */
const SPILL_BYTES = 1_000;
const PAGE_BYTES = 4_096;

export interface PreparedAppend {
  /** By hour, else as given. */
  readonly rows: readonly NewEvent[];
  /** Upper estimate of what they take in the file. */
  readonly bytes: number;
  /** When the request arrived. */
  readonly stamp: Stamp;
}

/** Events between two yields. */
const SLICE_EVENTS = 100;

/**
 * A time that the till took from the machine's clock, while that is known to be wrong, is shifted
 * by the clock's error; so is one that can be no event's, for the clock was set right meanwhile.
 */
function corrected(given: TillEvent, { at, wall, suspect }: Stamp): TillEvent {
  const event = suspect ? { ...given, flags: given.flags | FLAG.clockSuspect } : given;
  const isWrong = suspect && (event.flags & FLAG.tsDefaulted) === 0 && isOfClock(event.ts, wall);
  if (!isWrong && isEventTime(event.ts)) return event;
  return correctedBy(event, isWrong ? at - wall : at - event.ts);
}

/** @param stamp of the request */
function intakeRow(given: TillEvent, index: number, stamp: Stamp): NewEvent {
  const event = corrected(given, stamp);
  const body = encodeBody(event);
  // A repeat is known by the time that the till gave.
  const known = isDeduplicable(given) ? { ref: given.ref, content: contentHash(given) } : null;
  return { index, hour: hourOf(event.ts), body, bodyCrc: crc32c(body), type: event.type, known };
}

function bytesOf({ body, type, known }: NewEvent): number {
  const spilt = body.length > SPILL_BYTES ? PAGE_BYTES : 0;
  const ref = known === null ? 0 : REF_BYTES + 6 * (type.length + known.ref.length);
  return ROW_BYTES + body.length + spilt + ref;
}

/** @param stamp by the clock that gave events without a time theirs */
export function* prepareAppend(events: readonly TillEvent[], stamp: Stamp): Cooperative<PreparedAppend> {
  const rows: NewEvent[] = [];
  let bytes = 0;
  for (const [index, event] of events.entries()) {
    if (index % SLICE_EVENTS === SLICE_EVENTS - 1) yield;
    const row = intakeRow(event, index, stamp);
    bytes += bytesOf(row);
    rows.push(row);
  }
  // Array.prototype.sort is stable; most requests lie in one hour.
  if (rows.some(({ hour }) => hour !== rows[0]!.hour)) rows.sort((a, b) => a.hour - b.hour);
  return { rows, bytes, stamp };
}

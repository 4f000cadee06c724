/**
 * Corrects events that a wrong clock stamped, and moves them to the hours in which they were sold,
 * before they are first offered for shipping.
 */
import type { Database, Statement } from 'better-sqlite3';
import { crc32c } from '../../../shared/crc32c.ts';
import { FLAG, type TillEvent } from '../../../shared/event/event.ts';
import { isOfClock } from '../../../shared/event/timestamp.ts';
import type { Epoch } from '../../../shared/ids.ts';
import { hourOf } from '../../../shared/time.ts';
import { encodeBody, RowCheck, RowChecksum, STATE, tryDecodeBody } from '../tables/event-row.ts';
import { type PendingRow, pendingRows, rewriteEvent } from '../tables/event-statements.ts';
import type { IdRange } from '../tables/pending-set.ts';
import type { ChangeSet } from '../transaction/changeset.ts';
import { correctedBy } from './corrected-time.ts';

/** Bytes of bodies that a slice corrects; events are accepted between slices. */
const BYTES_AT_ONCE = 128 * 1024;
/** Rows held in memory. */
const READ_AT_ONCE = 20;

/**
 * A defaulted time is shifted. So is one that the till took from the same clock: within an hour of
 * the acceptance, if nothing was known against the clock then. Another one is kept.
 *
 * @param at when the event was accepted, by the clock that is corrected
 */
function corrected(event: TillEvent, at: number, shift: number): TillEvent {
  const followsAgent = (event.flags & (FLAG.tsDefaulted | FLAG.tsCorrected)) !== 0;
  const followsClock = (event.flags & FLAG.clockSuspect) === 0 && isOfClock(event.ts, at);
  if (followsAgent || followsClock) return correctedBy(event, shift);
  return { ...event, flags: event.flags | FLAG.clockSuspect };
}

export class EventCorrection {
  readonly #checksum = new RowChecksum();
  readonly #check = new RowCheck();
  readonly #read: ReturnType<typeof pendingRows>;
  readonly #write: ReturnType<typeof rewriteEvent>;
  readonly #refs: Statement<[number, number, number]>;

  constructor(db: Database) {
    this.#read = pendingRows(db);
    this.#write = rewriteEvent(db);
    this.#refs = db.prepare('UPDATE refs SET at = at + ? WHERE id BETWEEN ? AND ?');
  }

  /**
   * Corrects the first pending events of a range, in the transaction of the change set.
   *
   * @param shift collector time less the stamped time, milliseconds
   * @param most rows that are corrected
   * @returns the id up to which the range is corrected
   */
  correctSome({ first, last }: IdRange, shift: number, most: number, changes: ChangeSet): number {
    const hours = new Map<number, number>();
    const count = (hour: number, by: number): unknown => hours.set(hour, (hours.get(hour) ?? 0) + by);
    let upTo = first - 1;
    for (let rows = 0, bytes = 0; upTo < last && rows < most && bytes < BYTES_AT_ONCE; ) {
      const limit = Math.min(READ_AT_ONCE, most - rows);
      const read = this.#read.all(upTo + 1, last, limit);
      for (const row of read) {
        bytes += row.body.length;
        const hour = this.#correct(row, shift);
        if (hour === row.hour) continue;
        count(row.hour, -1);
        count(hour, 1);
      }
      rows += read.length;
      upTo = read.length < limit ? last : read.at(-1)!.id;
    }
    changes.moveHours(hours);
    this.#refs.run(shift, first, upTo);
    return upTo;
  }

  /** @returns the hour under which the event lies from now on */
  #correct(row: PendingRow, shift: number): number {
    // The next reader of an unreadable row quarantines it.
    const event = this.#check.fault(row) ?? tryDecodeBody(row.body);
    if (typeof event === 'string') return row.hour;
    const moved = corrected(event, row.at, shift);
    const hour = hourOf(moved.ts);
    const body = encodeBody(moved);
    const sum = this.#checksum.of(row.epoch as Epoch, row.seq, hour, crc32c(body), STATE.pending);
    this.#write.run(hour, shift, sum, body, row.id);
    return hour;
  }
}

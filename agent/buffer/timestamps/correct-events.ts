/** Moves events to the hours in which they were sold: of a segment that a wrong clock stamped, before they are first offered for shipping. */
import type { Database, Statement } from 'better-sqlite3';
import { crc32c } from '../../../shared/crc32c.ts';
import { FLAG, type TillEvent } from '../../../shared/event/event.ts';
import { epoch as epochOf } from '../../../shared/ids.ts';
import { hourOf, MAX_TS, MIN_TS } from '../../../shared/time.ts';
import { decodeBody, encodeBody, RowChecksum, STATE } from '../tables/event-row.ts';
import type { IdRange } from '../tables/pending-set.ts';
import type { ChangeSet } from '../transaction/changeset.ts';

/** A slice, between which events are accepted: bytes of their bodies. */
const BYTES_AT_ONCE = 128 * 1024;
/** Rows held in memory. */
const READ_AT_ONCE = 20;

interface Row {
  readonly id: number;
  readonly epoch: string;
  readonly seq: number;
  readonly hour: number;
  readonly sum: number;
  readonly body: Buffer;
}

/** Given times are kept. */
function corrected(event: TillEvent, shift: number): TillEvent {
  const flags = event.flags | FLAG.clockSuspect;
  if ((event.flags & FLAG.tsDefaulted) === 0) return { ...event, flags };
  return { ...event, flags, ts: Math.min(MAX_TS - 1, Math.max(MIN_TS, event.ts + shift)) };
}

export class EventCorrection {
  readonly #checksum = new RowChecksum();
  readonly #read: Statement<[number, number, number], Row>;
  readonly #write: Statement<[number, number, number, Uint8Array, number]>;
  readonly #refs: Statement<[number, number, number]>;

  constructor(db: Database) {
    this.#read = db.prepare(
      'SELECT id, epoch, seq, hour, sum, body FROM events NOT INDEXED WHERE id BETWEEN ? AND ? AND state = 0 ORDER BY id LIMIT ?',
    );
    this.#write = db.prepare('UPDATE events SET hour = ?, at = at + ?, sum = ?, body = ? WHERE id = ?');
    this.#refs = db.prepare('UPDATE refs SET at = at + ? WHERE id BETWEEN ? AND ?');
  }

  /**
   * Corrects the first pending events of a range. Runs within a transaction, of which the draft is.
   *
   * @param shift true time less the time that they were stamped with, milliseconds
   * @param most rows that it corrects
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
        const hour = this.#corrected(row, shift);
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

  /** @returns its hour from here on */
  #corrected({ id, epoch, seq, hour, sum, body }: Row, shift: number): number {
    // What is not what was written is set aside by whoever reads it next.
    if (sum !== this.#checksum.of(epochOf(epoch), seq, hour, crc32c(body), STATE.pending)) return hour;
    const event = corrected(decodeBody(body), shift);
    const moved = hourOf(event.ts);
    const bytes = encodeBody(event);
    const newSum = this.#checksum.of(epochOf(epoch), seq, moved, crc32c(bytes), STATE.pending);
    this.#write.run(moved, shift, newSum, bytes, id);
    return moved;
  }
}

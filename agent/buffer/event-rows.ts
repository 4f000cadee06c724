/** The statements on the table of events, each in one place. */
import type { Database, Statement } from 'better-sqlite3';
import { type Epoch, epoch } from '../../shared/ids.ts';
import { crc32c } from '../../shared/wire/crc32c.ts';
import type { IntakeRow } from './intake-request.ts';
import type { IdRange, PendingSet } from './pending-set.ts';
import type { PendingEvent } from './port.ts';
import { decodeBody, RowChecksum, STATE, type State, stateMask } from './row.ts';

interface Row {
  id: number;
  epoch: string;
  seq: number;
  hour: number;
  sum: number;
  body: Buffer;
}

export interface Unreadable {
  readonly id: number;
  readonly detail: string;
}

/** Rows read at a time: bounds what a read holds in memory before it looks at their bytes. */
const READ_AT_ONCE = 256;

export class EventRows {
  readonly #checksum = new RowChecksum();
  readonly #insert: Statement<[number, Epoch, number, number, number, number, Uint8Array]>;
  readonly #read: Statement<[number, number, number], Row>;
  readonly #hours: Statement<[number, number], { hour: number; count: number }>;
  readonly #settle: Statement<{
    state: State;
    at: number;
    reason: string | null;
    mask: number;
    first: number;
    last: number;
  }>;
  readonly #expire: Statement<[number, number, number]>;

  constructor(db: Database) {
    this.#insert = db.prepare(
      'INSERT INTO events (id, epoch, seq, hour, state, at, sum, body) VALUES (?, ?, ?, ?, 0, ?, ?, ?)',
    );
    // NOT INDEXED: by id. The partial indexes would be walked whole.
    this.#read = db.prepare(
      'SELECT id, epoch, seq, hour, sum, body FROM events NOT INDEXED WHERE id BETWEEN ? AND ? AND state = 0 ORDER BY id LIMIT ?',
    );
    this.#hours = db.prepare(
      'SELECT hour, count(*) AS count FROM events NOT INDEXED WHERE id BETWEEN ? AND ? AND state = 0 GROUP BY hour',
    );
    // (a | b) - (a & b) is XOR, which SQLite lacks.
    this.#settle = db.prepare(
      `UPDATE events NOT INDEXED SET state = @state, at = @at, reason = @reason, sum = (sum | @mask) - (sum & @mask)
       WHERE id BETWEEN @first AND @last AND state = 0`,
    );
    // Times ahead of the clock are left from a time when it was wrong.
    this.#expire = db.prepare(
      `DELETE FROM events WHERE id IN (
         SELECT id FROM events WHERE state = 1 AND id <> (SELECT max(id) FROM events) AND (at <= ? OR at > ?)
         ORDER BY at LIMIT ?)`,
    );
  }

  /** @param at milliseconds since 1970 */
  insert(id: number, epoch: Epoch, seq: number, row: IntakeRow, at: number): void {
    this.#insert.run(
      id,
      epoch,
      seq,
      row.hour,
      at,
      this.#checksum.of(epoch, seq, row.hour, row.bodyCrc, STATE.pending),
      row.body,
    );
  }

  /**
   * Takes what is pending of a range out of pending.
   *
   * @param reason of a quarantine, else null
   * @returns how many, by hour
   */
  settle(
    { first, last }: IdRange,
    state: typeof STATE.acked | typeof STATE.quarantined,
    reason: string | null,
    at: number,
  ): Map<number, number> {
    const hours = new Map<number, number>();
    for (const { hour, count } of this.#hours.all(first, last)) hours.set(hour, count);
    this.#settle.run({ state, at, reason, mask: stateMask(STATE.pending, state), first, last });
    return hours;
  }

  /** Deletes at most `limit` acked events that were acked at `before` or earlier, or later than `after`. @returns how many */
  expire(before: number, after: number, limit: number): number {
    return this.#expire.run(before, after, limit).changes;
  }

  /**
   * Pending events as `Outbox.pending` gives them, and the rows met on the way that are not what was written.
   *
   * @param baseOf an event's id less its seq, of each epoch that the buffer knows
   */
  pending(
    set: PendingSet,
    after: number,
    limit: number,
    maxBytes: number,
    baseOf: (epoch: Epoch) => number | undefined,
  ): { events: PendingEvent[]; unreadable: Unreadable[] } {
    const events: PendingEvent[] = [];
    const unreadable: Unreadable[] = [];
    let bytes = 0;
    for (const { first, last } of set.ranges) {
      let from = Math.max(first, after + 1);
      while (from <= last) {
        if (events.length >= limit || bytes >= maxBytes) return { events, unreadable };
        const rows = this.#read.all(from, last, Math.min(READ_AT_ONCE, limit - events.length));
        if (rows.length === 0) break;
        for (const row of rows) {
          if (bytes >= maxBytes) return { events, unreadable };
          const event = this.#checked(row, baseOf);
          if (typeof event === 'string') unreadable.push({ id: row.id, detail: event });
          else {
            bytes += event.bytes;
            events.push(event);
          }
          from = row.id + 1;
        }
      }
    }
    return { events, unreadable };
  }

  #checked(row: Row, baseOf: (epoch: Epoch) => number | undefined): PendingEvent | string {
    const { id, seq, hour, sum, body } = row;
    try {
      const of = epoch(row.epoch);
      if (sum !== this.#checksum.of(of, seq, hour, crc32c(body), STATE.pending)) return 'its checksum does not match';
      if (baseOf(of) !== id - seq) return 'it does not belong where it lies';
      return { id, epoch: of, seq, hour, event: decodeBody(body), bytes: body.length };
    } catch (error) {
      return (error as Error).message;
    }
  }
}

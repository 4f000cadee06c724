/**
 * By which clock events were stamped, and what the collector's clock makes of it.
 *
 * Table `clocks`: a row for each segment of the agent's clock, from its first event's id on, until it is known to be right. States of a row:
 * not compared (`settled_to` null) -> being corrected (right up to `settled_to`) -> right (`settled_to` is `RIGHT`), and soon gone: ids
 * that lie in no row are right. Invariants:
 * - What is not right is not offered for shipping (`unsettledFrom`), so a correction meets nothing that was ever sent.
 * - An event is corrected in the transaction that moves `settled_to` past it: once, wherever the agent is killed.
 * - What happened to an event up to `settled_to` bears true times, of refs too; above it, times of the segment's clock.
 * - What a salvage brings over has other ids than before, and of its clocks it is known only that nobody has confirmed them. They are told
 *   apart by the steps in their times, and judged like clocks of an earlier boot.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { ClockSegment, CollectorTimeReading, EventClock } from '../../port/event-clock.ts';
import { latestPendingAt, newestAt, pendingStamps } from '../tables/event-queries.ts';
import type { IdRange } from '../tables/pending-set.ts';
import type { ChangeSet } from '../transaction/changeset.ts';
import type { TransactionRunner } from '../transaction/transaction-runner.ts';
import { detectClockJumps } from './clock-jumps.ts';
import { EventCorrection } from './correct-events.ts';
import { judgeSegments } from './judge-segments.ts';

interface Row {
  readonly first_id: number;
  readonly boot: string;
  readonly origin: number;
  readonly truth: number | null;
  readonly settled_to: number | null;
}

const RIGHT = Number.MAX_SAFE_INTEGER;
/** The name of no boot. Any origin does: a correction moves times by a difference. */
const UNKNOWN = { boot: '', origin: 0 };
const isUnknown = ({ boot, settled_to }: Row): boolean => boot === UNKNOWN.boot && settled_to === null;
/** A slice, between which events are accepted: rows that are looked at for steps. */
const STAMPS_AT_ONCE = 2_000;
/** More of them are told apart no further: times that no sum guards may be anything. */
const MOST_ROWS = 200;

/** How far clocks were told apart: the next id, and the latest time since the clock was set. */
interface Place {
  readonly from: number;
  readonly latest: number | null;
}

export class ClockSegments {
  readonly #clock: EventClock;
  readonly #correction: EventCorrection;
  readonly #list: Statement<[], Row>;
  readonly #insert: Statement<[number, string, number, number | null, number | null]>;
  readonly #settle: Statement<[number, number, number]>;
  readonly #forget: Statement<[number]>;
  readonly #latestAt: ReturnType<typeof latestPendingAt>;
  readonly #stamps: ReturnType<typeof pendingStamps>;
  readonly #readLast: Statement<[], string>;
  readonly #writeLast: Statement<[string]>;
  /** The rows, as the transaction that runs or the last one left them; null: to be read. */
  #read: readonly Row[] | null = null;
  /** Whose row is there, or needs none. */
  #recorded: ClockSegment | null = null;

  /** The clock learns what the file knows. */
  constructor(db: Database, clock: EventClock) {
    this.#clock = clock;
    this.#correction = new EventCorrection(db);
    this.#list = db.prepare('SELECT first_id, boot, origin, truth, settled_to FROM clocks ORDER BY first_id');
    this.#insert = db.prepare(
      'INSERT OR REPLACE INTO clocks (first_id, boot, origin, truth, settled_to) VALUES (?, ?, ?, ?, ?)',
    );
    this.#settle = db.prepare('UPDATE clocks SET truth = ?, settled_to = ? WHERE first_id = ?');
    this.#forget = db.prepare('DELETE FROM clocks WHERE first_id < ?');
    this.#latestAt = latestPendingAt(db);
    this.#stamps = pendingStamps(db);
    this.#readLast = db.prepare<[], string>("SELECT value FROM meta WHERE key = 'true_time'").pluck();
    this.#writeLast = db.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('true_time', ?)");
    const opened = db.prepare<[], number>('SELECT opened_at FROM epochs ORDER BY base, ordinal').pluck().all();
    clock.recall(this.#last(), [...opened, ...newestAt(db).all()]);
  }

  /** Within the transaction that stores it: which segment stamped the event with this id, the newest. */
  stamped(id: number, segment: ClockSegment): void {
    if (segment === this.#recorded) return;
    const { boot, origin, right } = segment;
    const newest = this.#rows.at(-1);
    // What lies in no row is right.
    if (!right || (newest !== undefined && newest.settled_to !== RIGHT)) {
      this.#insert.run(id, boot, origin, right ? origin : null, right ? RIGHT : null);
      this.#read = null;
    }
    this.#recorded = segment;
  }

  /** Within the transaction that makes room for them: events of these ids were stamped by a clock that nobody has confirmed. */
  addUnconfirmed({ first, last }: IdRange): void {
    const { boot, origin } = UNKNOWN;
    this.#insert.run(first, boot, origin, null, null);
    // What lies behind was stamped by another.
    if (this.#rows.every(({ first_id }) => first_id !== last + 1))
      this.#insert.run(last + 1, boot, origin, origin, RIGHT);
    this.#read = null;
  }

  /** The transaction that ran left nothing. */
  rolledBack(): void {
    this.#recorded = null;
    this.#read = null;
  }

  /** Least id of which nobody knows yet whether its time is right; null when there is none. */
  get unconfirmedFrom(): number | null {
    for (const { first_id, settled_to } of this.#rows) {
      if (settled_to !== RIGHT) return settled_to === null ? first_id : settled_to + 1;
    }
    return null;
  }

  /**
   * How long ago something happened to an event, milliseconds, whatever the clocks did since.
   *
   * @param at when that was, as it was written
   * @param older whether it was before this process
   */
  age(id: number, at: number, older: boolean): number {
    const segment = this.#rows.findLast(({ first_id }) => first_id <= id);
    const { at: now, segment: current } = this.#clock.stamp();
    if (segment !== undefined && segment.boot === current.boot && id > (segment.settled_to ?? 0)) {
      // Both by the steady clock.
      return now - current.origin - (at - segment.origin);
    }
    const age = this.#clock.retention() - at;
    return older ? Math.max(age, this.#clock.running()) : age;
  }

  /**
   * Judges what was stamped by what the clock was just compared with, and corrects it. Rejects on a fault of the disk; what was not done then
   * is done with the next greeting.
   *
   * @param truth null: nothing was found out
   * @param stamped resolves when what was stamped so far is stored
   */
  async judge(
    truth: CollectorTimeReading | null,
    transactions: TransactionRunner,
    stamped: () => Promise<unknown>,
  ): Promise<void> {
    await stamped();
    for (let place: Place | null = { from: 0, latest: null }; place !== null; ) {
      const at: Place = place;
      place = await transactions.runBounded((changes) => this.#tellApart(at, changes));
    }
    await transactions.runBounded((changes) => this.#judge(truth, changes));
    while (await transactions.runBounded((changes, rows) => this.#correctSlice(rows, changes)));
    if (this.#rows.length > 0) await transactions.runBounded(() => this.#forgetRight());
  }

  get #rows(): readonly Row[] {
    this.#read ??= this.#list.all();
    return this.#read;
  }

  /** What a salvage brought over, where its clock was set. @returns where to go on; null when that is all */
  #tellApart({ from, latest }: Place, changes: ChangeSet): Place | null {
    // As they are now: a salvage may have brought some over.
    this.#read = null;
    const row = this.#rows.find((row) => isUnknown(row) && this.#lastOf(row, changes) >= from);
    if (row === undefined || this.#rows.length > MOST_ROWS) return null;
    const last = this.#lastOf(row, changes);
    const stamps = this.#stamps.all(Math.max(from, row.first_id), last, STAMPS_AT_ONCE);
    const steps = detectClockJumps(stamps, from > row.first_id ? latest : null);
    for (const id of steps.ids.slice(0, MOST_ROWS)) this.#insert.run(id, UNKNOWN.boot, UNKNOWN.origin, null, null);
    const isThrough = stamps.length < STAMPS_AT_ONCE;
    return { from: (isThrough ? last : stamps.at(-1)!.id) + 1, latest: steps.latest };
  }

  #judge(truth: CollectorTimeReading | null, changes: ChangeSet): void {
    // What an earlier segment stamps from here on has not been judged.
    this.#recorded = null;
    this.#read = null;
    const open = this.#rows.filter(({ settled_to }) => settled_to === null);
    const found =
      truth === null
        ? open.map(() => ({ kind: 'right' }) as const)
        : judgeSegments(
            open.map((row) => ({
              boot: row.boot,
              origin: row.origin,
              latestAt: this.#latestAt.get(row.first_id, this.#lastOf(row, changes)) ?? null,
            })),
            truth,
            this.#trueNow(truth),
            this.#clock.offset ?? 0,
          );
    open.forEach(({ first_id, origin }, at) => {
      const verdict = found[at]!;
      if (verdict.kind === 'right') this.#settle.run(origin, RIGHT, first_id);
      else this.#settle.run(verdict.truth, first_id - 1, first_id);
    });
    if (truth !== null) this.#remember(truth);
    this.#read = null;
  }

  /** @returns whether there is more */
  #correctSlice(rows: number, changes: ChangeSet): boolean {
    const row = this.#rows.find(({ settled_to }) => settled_to !== null && settled_to !== RIGHT);
    if (row === undefined) return false;
    const last = this.#lastOf(row, changes);
    const shift = row.truth! - row.origin;
    const range = { first: row.settled_to! + 1, last };
    const upTo = this.#correction.correctSome(range, shift, rows, changes);
    this.#settle.run(row.truth!, upTo >= last ? RIGHT : upTo, row.first_id);
    this.#read = null;
    return true;
  }

  #forgetRight(): void {
    const open = this.#rows.find(({ settled_to }) => settled_to !== RIGHT);
    this.#forget.run(open?.first_id ?? RIGHT);
    this.#read = null;
  }

  #lastOf({ first_id }: Row, changes: ChangeSet): number {
    const next = this.#rows.find((row) => row.first_id > first_id);
    return next === undefined ? changes.lastId : next.first_id - 1;
  }

  /** A salvage may have been waited for since it was heard. */
  #trueNow({ origin }: CollectorTimeReading): number {
    const { at, segment } = this.#clock.stamp();
    return at - segment.origin + origin;
  }

  #last(): CollectorTimeReading | null {
    try {
      const { boot, origin, at, toleranceMs } = JSON.parse(this.#readLast.get() ?? '{}') as Record<string, unknown>;
      const told = [origin, at, toleranceMs].every(Number.isSafeInteger) && typeof boot === 'string';
      return told ? ({ boot, origin, at, toleranceMs } as CollectorTimeReading) : null;
    } catch {
      // A damaged file: it is heard anew.
      return null;
    }
  }

  #remember(truth: CollectorTimeReading): void {
    this.#writeLast.run(JSON.stringify(truth));
  }
}

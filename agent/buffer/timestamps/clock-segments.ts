/**
 * Records which clock stamped which events, and corrects them once the collector's clock is known.
 *
 * Table `clocks` has a row for each segment of the agent's clock, from its first event's id on,
 * until the segment is known to be right. States of a row:
 *
 *     not compared (`settled_to` null) -> being corrected (right up to `settled_to`)
 *       -> right (`settled_to` is `RIGHT`) -> deleted: ids that lie in no row are right
 *
 * Invariants:
 * - Events that are not right are not offered for shipping (`unconfirmedFrom`), so a correction
 *   never changes an event that was shipped.
 * - An event is corrected in the transaction that moves `settled_to` past it: exactly once,
 *   wherever the agent is killed.
 * - Up to `settled_to` all times of an event, and of its refs, are collector time; above it, times
 *   of the segment's clock.
 * - Recovered events have new ids, and of their clocks it is known only that they are not
 *   confirmed. They are told apart by jumps in their times, and judged like clocks of an earlier
 *   boot.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { ClockSegment, CollectorTimeReading, EventClock } from '../../port/event-clock.ts';
import { latestPendingAt, newestAt, pendingStamps } from '../tables/event-statements.ts';
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
/** Not the name of any boot. Any origin will do: a correction shifts times by a difference. */
const UNKNOWN = { boot: '', origin: 0 };
const isUnknown = ({ boot, settled_to }: Row): boolean => boot === UNKNOWN.boot && settled_to === null;
/** Rows per slice that are searched for jumps; events are accepted between slices. */
const STAMPS_AT_ONCE = 2_000;
/** At this many rows the search for jumps ends: no checksum guards the times. */
const MAX_ROWS = 200;

/** Progress of the search for jumps: the next id, and the latest time since the last jump. */
interface SearchPosition {
  readonly from: number;
  readonly latest: number | null;
}

export class ClockSegments {
  readonly #clock: EventClock;
  readonly #correction: EventCorrection;
  readonly #list: Statement<[], Row>;
  readonly #insert: Statement<[number, string, number, number | null, number | null]>;
  readonly #settle: Statement<[number, number, number]>;
  readonly #delete: Statement<[number]>;
  readonly #latestAt: ReturnType<typeof latestPendingAt>;
  readonly #stamps: ReturnType<typeof pendingStamps>;
  readonly #readLast: Statement<[], string>;
  readonly #writeLast: Statement<[string]>;
  /** The rows, as the running or last transaction left them; null: to be read. */
  #cached: readonly Row[] | null = null;
  /** The segment whose row exists, or that needs none. */
  #recorded: ClockSegment | null = null;

  /** Tells the clock the times that the file knows. */
  constructor(db: Database, clock: EventClock) {
    this.#clock = clock;
    this.#correction = new EventCorrection(db);
    this.#list = db.prepare('SELECT first_id, boot, origin, truth, settled_to FROM clocks ORDER BY first_id');
    this.#insert = db.prepare(
      'INSERT OR REPLACE INTO clocks (first_id, boot, origin, truth, settled_to) VALUES (?, ?, ?, ?, ?)',
    );
    this.#settle = db.prepare('UPDATE clocks SET truth = ?, settled_to = ? WHERE first_id = ?');
    this.#delete = db.prepare('DELETE FROM clocks WHERE first_id < ?');
    this.#latestAt = latestPendingAt(db);
    this.#stamps = pendingStamps(db);
    this.#readLast = db.prepare<[], string>("SELECT value FROM meta WHERE key = 'true_time'").pluck();
    this.#writeLast = db.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('true_time', ?)");
    const opened = db.prepare<[], number>('SELECT opened_at FROM epochs ORDER BY base, ordinal').pluck().all();
    clock.recall(this.#lastReading(), [...opened, ...newestAt(db).all()]);
  }

  /** Records which segment stamped the newest event, in the transaction that stores it. */
  stamped(id: number, segment: ClockSegment): void {
    if (segment === this.#recorded) return;
    const { boot, origin, right } = segment;
    const newest = this.#rows.at(-1);
    // Ids that lie in no row are right.
    if (!right || (newest !== undefined && newest.settled_to !== RIGHT)) {
      this.#insert.run(id, boot, origin, right ? origin : null, right ? RIGHT : null);
      this.#cached = null;
    }
    this.#recorded = segment;
  }

  /**
   * Records that the clock of these ids is not confirmed, in the transaction that allocates them.
   */
  addUnconfirmed({ first, last }: IdRange): void {
    const { boot, origin } = UNKNOWN;
    this.#insert.run(first, boot, origin, null, null);
    // Ids behind the range belong to another clock.
    if (this.#rows.every(({ first_id }) => first_id !== last + 1))
      this.#insert.run(last + 1, boot, origin, origin, RIGHT);
    this.#cached = null;
  }

  /** The transaction was rolled back. */
  rolledBack(): void {
    this.#recorded = null;
    this.#cached = null;
  }

  /** Lowest id whose time is not confirmed yet; null when there is none. */
  get unconfirmedFrom(): number | null {
    for (const { first_id, settled_to } of this.#rows) {
      if (settled_to !== RIGHT) return settled_to === null ? first_id : settled_to + 1;
    }
    return null;
  }

  /**
   * How long ago something happened to an event, milliseconds, independent of clock changes since.
   *
   * @param at the stored time of it
   * @param older whether it was before this process started
   */
  age(id: number, at: number, older: boolean): number {
    const segment = this.#rows.findLast(({ first_id }) => first_id <= id);
    const { at: now, segment: current } = this.#clock.stamp();
    if (segment !== undefined && segment.boot === current.boot && id > (segment.settled_to ?? 0)) {
      // Both times are of the boot-time clock.
      return now - current.origin - (at - segment.origin);
    }
    const age = this.#clock.retention() - at;
    return older ? Math.max(age, this.#clock.running()) : age;
  }

  /**
   * Judges all open segments by the latest comparison with the collector's clock, and corrects
   * them. Rejects on a fault of the disk; the rest is then done with the next greeting.
   *
   * @param truth null: the comparison gave no result
   * @param stamped resolves when all events that were stamped so far are stored
   */
  async judge(
    truth: CollectorTimeReading | null,
    transactions: TransactionRunner,
    stamped: () => Promise<unknown>,
  ): Promise<void> {
    await stamped();
    for (let place: SearchPosition | null = { from: 0, latest: null }; place !== null; ) {
      const at: SearchPosition = place;
      place = await transactions.runBounded((changes) => this.#splitAtJumps(at, changes));
    }
    await transactions.runBounded((changes) => this.#judge(truth, changes));
    while (await transactions.runBounded((changes, rows) => this.#correctSlice(rows, changes)));
    if (this.#rows.length > 0) await transactions.runBounded(() => this.#deleteRight());
  }

  get #rows(): readonly Row[] {
    this.#cached ??= this.#list.all();
    return this.#cached;
  }

  /** Splits recovered segments at clock jumps. @returns where to go on; null at the end */
  #splitAtJumps({ from, latest }: SearchPosition, changes: ChangeSet): SearchPosition | null {
    // Read again: recovery may have added rows.
    this.#cached = null;
    const row = this.#rows.find((row) => isUnknown(row) && this.#lastOf(row, changes) >= from);
    if (row === undefined || this.#rows.length > MAX_ROWS) return null;
    const last = this.#lastOf(row, changes);
    const stamps = this.#stamps.all(Math.max(from, row.first_id), last, STAMPS_AT_ONCE);
    const jumps = detectClockJumps(stamps, from > row.first_id ? latest : null);
    for (const id of jumps.ids.slice(0, MAX_ROWS)) this.#insert.run(id, UNKNOWN.boot, UNKNOWN.origin, null, null);
    const isThrough = stamps.length < STAMPS_AT_ONCE;
    return { from: (isThrough ? last : stamps.at(-1)!.id) + 1, latest: jumps.latest };
  }

  #judge(truth: CollectorTimeReading | null, changes: ChangeSet): void {
    // Events that an earlier segment stamps from now on are not judged by this.
    this.#recorded = null;
    this.#cached = null;
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
            this.#collectorNow(truth),
            this.#clock.offset ?? 0,
          );
    open.forEach(({ first_id, origin }, at) => {
      const verdict = found[at]!;
      if (verdict.kind === 'right') this.#settle.run(origin, RIGHT, first_id);
      else this.#settle.run(verdict.truth, first_id - 1, first_id);
    });
    if (truth !== null) this.#remember(truth);
    this.#cached = null;
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
    this.#cached = null;
    return true;
  }

  #deleteRight(): void {
    const open = this.#rows.find(({ settled_to }) => settled_to !== RIGHT);
    this.#delete.run(open?.first_id ?? RIGHT);
    this.#cached = null;
  }

  #lastOf({ first_id }: Row, changes: ChangeSet): number {
    const next = this.#rows.find((row) => row.first_id > first_id);
    return next === undefined ? changes.lastId : next.first_id - 1;
  }

  /** Collector time now: the reading may be older, as recovery was waited for. */
  #collectorNow({ origin }: CollectorTimeReading): number {
    const { at, segment } = this.#clock.stamp();
    return at - segment.origin + origin;
  }

  #lastReading(): CollectorTimeReading | null {
    try {
      const { boot, origin, at, toleranceMs } = JSON.parse(this.#readLast.get() ?? '{}') as Record<string, unknown>;
      const isValid = [origin, at, toleranceMs].every(Number.isSafeInteger) && typeof boot === 'string';
      return isValid ? ({ boot, origin, at, toleranceMs } as CollectorTimeReading) : null;
    } catch {
      // A damaged file: the next greeting brings a new reading.
      return null;
    }
  }

  #remember(truth: CollectorTimeReading): void {
    this.#writeLast.run(JSON.stringify(truth));
  }
}

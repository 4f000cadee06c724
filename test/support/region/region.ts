/**
 * One merchant of a region, on a store under test: what tills deliver goes in as ingest puts it in,
 * runners process the due marks, and what is published is compared with a naive count of the
 * events. The merchant is a fresh one, so that a store can be used again and again.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { digestOf, digestText, NO_DIGEST } from '../../../collector/aggregation/hashes/row-set-digest.ts';
import type { Logic } from '../../../collector/aggregation/logic/logic-version.ts';
import type { StoredRow } from '../../../collector/aggregation/raw-row.ts';
import { ARTICLES_VIEW, viewKeys, viewNames } from '../../../collector/aggregation/views/views.ts';
import { RollupRunner, type RunnerOptions } from '../../../collector/rollup/passes/runner.ts';
import { type DueMark, DueMarks, dueMinute } from '../../../collector/store/due-marks.ts';
import { EventLog } from '../../../collector/store/event-log.ts';
import { Finality } from '../../../collector/store/finality.ts';
import { History } from '../../../collector/store/history/history.ts';
import { LogicSet } from '../../../collector/store/logic-versions.ts';
import { ParkedHours, type ParkedPart } from '../../../collector/store/parked-hours.ts';
import { Rollups } from '../../../collector/store/rollups/rollups.ts';
import { SealedHours } from '../../../collector/store/sealing/sealed-hours.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { runToEnd } from '../../../shared/cooperative.ts';
import type { TillEvent } from '../../../shared/event/event.ts';
import { type MerchantId, type TerminalId, terminalId } from '../../../shared/ids.ts';
import { type Level, salt } from '../../../shared/keys.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, minuteOf } from '../../../shared/time.ts';
import { decodeArticles, decodePartial, decodeView } from '../collector/decode-cells.ts';
import { articlesOf, expectedArticles, expectedFigures, figuresOf } from '../collector/figures-oracle.ts';
import { eventsOf } from '../collector/oracle-rows.ts';
import { DIGEST_KEY, eventsRow, lossRow, type RowOptions, type SentRow } from '../collector/raw-rows.ts';
import { HOUR, LOGIC } from '../collector/till-events.ts';
import { freshMerchant } from './fresh.ts';

/** What the runners of a region maintain, unless a test says otherwise. */
export const ONE_LOGIC = new LogicSet(
  [{ version: LOGIC.version, rules: 1, dimensions: LOGIC.dimensions, state: 'live' }],
  [],
);

export const GRACE_MS = 120_000;

/**
 * Of one merchant alone, so that a pass over a store that others use too is short and its report
 * about this test.
 */
class MerchantsMarks extends DueMarks {
  readonly #merchant: MerchantId;
  constructor(tables: Tables, merchant: MerchantId) {
    super(tables, () => randomBytes(8).toString('hex'));
    this.#merchant = merchant;
  }
  override async *due(...[ofSalt, ...range]: Parameters<DueMarks['due']>): AsyncIterable<DueMark> {
    if (ofSalt !== salt(this.#merchant)) return;
    for await (const mark of super.due(ofSalt, ...range)) if (mark.merchant === this.#merchant) yield mark;
  }
}

export class Region {
  readonly tables: Tables;
  readonly merchant: MerchantId;
  /** Milliseconds since 1970; begins with the hour `HOUR`. */
  now = HOUR * HOUR_MS;
  /** All that was put into the raw log. */
  readonly delivered: SentRow[] = [];
  readonly failures: Error[] = [];
  /** What runs parked. */
  readonly leftOut: ParkedPart[] = [];

  constructor(tables: Tables, merchant = freshMerchant()) {
    this.tables = tables;
    this.merchant = merchant;
  }

  /** The same merchant through other doors. */
  through(tables: Tables): Region {
    const region = new Region(tables, this.merchant);
    region.now = this.now;
    return region;
  }

  get log(): EventLog {
    return new EventLog(this.tables, DIGEST_KEY);
  }
  get marks(): DueMarks {
    return new MerchantsMarks(this.tables, this.merchant);
  }
  get parked(): ParkedHours {
    return new ParkedHours(this.tables);
  }
  get finality(): Finality {
    return new Finality(this.tables);
  }
  get history(): History {
    return new History(this.tables);
  }
  get sealed(): SealedHours {
    return new SealedHours(this.tables);
  }
  get rollups(): Rollups {
    return new Rollups(this.tables);
  }

  events(terminal: string, firstSeq: number, events: readonly TillEvent[], options: RowOptions = {}): SentRow {
    return eventsRow(firstSeq, events, this.#at(terminal, options));
  }
  losses(terminal: string, firstSeq: number, count: number, options: RowOptions = {}): SentRow {
    return lossRow(firstSeq, count, this.#at(terminal, options));
  }
  /**
   * The store lets rows expire by their arrival: it is now by the real clock, whenever the events
   * were.
   */
  #at(terminal: string, options: RowOptions): RowOptions {
    return { arrival: Date.now(), ...options, terminal: terminalId(terminal), merchant: this.merchant };
  }

  /** Raw rows alone, as a collector leaves them that dies before it makes the mark. */
  async append(...rows: readonly SentRow[]): Promise<void> {
    await this.log.append(rows.map((row) => ({ ...row, merchant: this.merchant, terminal: row.key.terminal })));
    this.delivered.push(...rows);
  }

  /** Puts other bytes into a row behind its key, as damage to the store does, or puts it right. */
  overwrite({ rowKey, arrival, bytes }: SentRow, by: Uint8Array = bytes): Promise<void> {
    return this.tables.put('events', [{ row: rowKey, cells: new Map([['b:batch', by]]), time: arrival }]);
  }

  /** Raw rows and then their marks, as ingest does it. */
  async deliver(...rows: readonly SentRow[]): Promise<void> {
    await this.append(...rows);
    for (const { key } of rows) await this.mark(key.hour, key.terminal);
  }

  mark(hour: number, ...terminals: readonly string[]): Promise<void> {
    const [start, end] = [hour * HOUR_MS, (hour + 1) * HOUR_MS];
    const open = this.now < end && start <= this.now + HOUR_MS;
    const minute = open ? dueMinute(end, this.now, GRACE_MS) : minuteOf(this.now) + 1;
    const mark = { minute, merchant: this.merchant, level: 'hour' as const, time: hour };
    return this.marks.add([{ ...mark, terminals: terminals as TerminalId[] }]);
  }

  runner(options: Partial<RunnerOptions> = {}): RollupRunner {
    return new RollupRunner({
      marks: this.marks,
      log: this.log,
      rollups: this.rollups,
      history: this.history,
      parked: this.parked,
      finality: this.finality,
      sealed: this.sealed,
      logics: { read: async () => ONE_LOGIC },
      now: () => this.now,
      clock: () => performance.now(),
      graceMs: GRACE_MS,
      concurrency: 8,
      onFailure: (_due, error) => this.failures.push(error),
      onParked: (_due, part) => this.leftOut.push(part),
      ...options,
    });
  }

  /** The next minute's pass. */
  pass() {
    this.now = (minuteOf(this.now) + 1) * MINUTE_MS;
    return this.runner().runDue();
  }

  /** From two hours after a day's end, the passes of as many minutes as there is something due. */
  async passDay(day: number): Promise<void> {
    this.now = Math.max(this.now, (day + 1) * DAY_MS + 2 * HOUR_MS);
    for (let minute = 0; minute < 10; minute++) {
      await this.pass();
      if ((await this.marksThrough(minuteOf(this.now) + 10)).length === 0) return;
    }
    throw new Error('there is no end of marks');
  }

  marksThrough(minute: number): Promise<DueMark[]> {
    return Array.fromAsync(this.marks.due(salt(this.merchant), minute));
  }

  async revision(level: Level, time: number): Promise<number | null> {
    return (await this.#row(level, time))?.revision ?? null;
  }

  #row(level: Level, time: number, logic: Logic = LOGIC) {
    return this.rollups.read({ merchant: this.merchant, level, logic: logic.version, time });
  }

  /** Terminals of the row's parts; none without a row. */
  async terminals(level: Level, time: number): Promise<string[]> {
    return [...((await this.#row(level, time))?.parts.keys() ?? [])].sort();
  }

  /**
   * Throws unless the row says, in parts, views and meta, exactly what the raw rows of its time do;
   * no rows: unless there is none.
   */
  async check(
    level: Level,
    time: number,
    rows: readonly StoredRow[] = this.delivered,
    logic: Logic = LOGIC,
  ): Promise<void> {
    const length = level === 'hour' ? 1 : 24;
    const base = time * length * 4;
    const of = rows.filter(({ key }) => Math.floor(key.hour / length) === time);
    const row = await this.#row(level, time, logic);
    assert.deepEqual([...(row?.parts.keys() ?? [])].sort(), [...new Set(of.map(({ key }) => key.terminal))].sort());
    if (row === null) return;
    const tally = { rows: 0, digest: NO_DIGEST, events: 0, conflicts: 0, lost: 0 };
    const all: TillEvent[] = [];
    for (const [terminal, bytes] of row.parts) {
      const held = eventsOf(of.filter(({ key }) => key.terminal === terminal));
      const expected = {
        ...held,
        events: held.events.map((event) => ({ ...event, type: logic.rules.typeOf(event.type) })),
      };
      const part = runToEnd(decodePartial(bytes, base));
      assert.deepEqual(figuresOf(part), expectedFigures(expected.events));
      // A day's articles are in its view alone.
      assert.deepEqual(articlesOf(part), expectedArticles(level === 'hour' ? expected.events : []));
      all.push(...expected.events);
      tally.rows += expected.rows.length;
      tally.events += expected.events.length;
      tally.conflicts += expected.conflicts;
      tally.lost += expected.lost;
      for (const { rowKey } of expected.rows) tally.digest = BigInt.asUintN(64, tally.digest + digestOf(rowKey));
    }
    const { rows: count, digest, events, conflicts, lost } = row.meta;
    assert.deepEqual({ rows: count, digest, events, conflicts, lost }, { ...tally, digest: digestText(tally.digest) });
    const views = await this.#views(level, time, logic);
    for (const name of viewNames(logic)) {
      const cube = decodeView(views.get(name)!, base);
      assert.deepEqual(figuresOf({ figures: cube }), expectedFigures(all, viewKeys(name)), name);
    }
    const articles = decodeArticles(views.get(ARTICLES_VIEW)!, base);
    assert.deepEqual(articlesOf({ articles }), expectedArticles(all));
  }

  async #views(level: Level, time: number, logic: Logic): Promise<Map<string, Uint8Array>> {
    const views = new Map<string, Uint8Array>();
    for (const name of [...viewNames(logic), ARTICLES_VIEW]) {
      const scan = this.rollups.scan(this.merchant, level, logic.version, time, time + 1, { kind: 'view', name });
      for await (const row of scan) for (const [found, bytes] of row.views) views.set(found, bytes);
    }
    return views;
  }

  /** Throws unless every hour and day of what was delivered is right. */
  async checkAll(logic: Logic = LOGIC): Promise<void> {
    const hours = new Set(this.delivered.map(({ key }) => key.hour));
    for (const hour of hours) await this.check('hour', hour, this.delivered, logic);
    for (const day of new Set([...hours].map((hour) => Math.floor(hour / 24))))
      await this.check('day', day, this.delivered, logic);
  }
}

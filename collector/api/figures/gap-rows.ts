/**
 * Hours without a rollup row, and the raw rows that they have: read at once, in one call that
 * passes over what lies between. They are few where sales are few, so the hours are folded from
 * them; where they are many, the hours are looked for one by one, and read when they are folded.
 */
import { Buffer } from 'node:buffer';
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import type { EventLog, RawRow } from '../../store/event-log.ts';
import type { Rollup } from '../../store/rollups/rollup.ts';

/** Half-open, hours or days since 1970. */
export interface HourRange {
  readonly from: number;
  readonly to: number;
}

/** What a fold reads. */
export type HourLog = Pick<EventLog, 'scan' | 'scanTerminal' | 'get'>;

export interface Instant {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Monotonic milliseconds. */
  readonly clock: number;
}

/** All rows of an hour. */
export interface SeenHour {
  /** When the reading began. */
  readonly at: Instant;
  readonly log: HourLog;
}

export interface GapHour {
  /** Hours since 1970. */
  readonly hour: number;
  /** Null: its rows were not read. */
  readonly seen: SeenHour | null;
}

/** One page of small rows. More of them are no small merchant's. */
export const GAP_ROWS = 64;

export class GapRows {
  readonly #log: EventLog;
  readonly #merchant: MerchantId;
  readonly #hours = new Map<number, readonly RawRow[]>();
  /** Of earlier hours that were asked for all rows are known. */
  #through = Number.NEGATIVE_INFINITY;
  /** Hours that have rows, which are not read. */
  #skipped: readonly number[] = [];
  #at: Instant = { now: 0, clock: 0 };

  /** Knows nothing until it has read. */
  constructor(log: EventLog, merchant: MerchantId) {
    this.#log = log;
    this.#merchant = merchant;
  }

  /**
   * @param gaps in order
   * @param skipped hours among them that are known to have rows, in order
   */
  async read(gaps: readonly HourRange[], skipped: readonly number[], at: Instant): Promise<void> {
    this.#at = at;
    this.#skipped = skipped;
    const within = without(gaps, skipped);
    const [first, last] = [within[0]?.from ?? 0, within.at(-1)?.to ?? 0];
    const rows = await Array.fromAsync(this.#log.scan(this.#merchant, first, last, { within, limit: GAP_ROWS }));
    this.#through = rows.length < GAP_ROWS ? Number.POSITIVE_INFINITY : rows.at(-1)!.key.hour;
    for (const [hour, of] of Map.groupBy(rows, ({ key }) => key.hour))
      if (hour < this.#through) this.#hours.set(hour, of);
  }

  /** Whether any hour has rows. */
  async hasAny(range: HourRange): Promise<boolean> {
    for await (const _ of this.hours(range)) return true;
    return false;
  }

  /** The hours that have rows, in order. */
  async *hours({ from, to }: HourRange): AsyncIterable<GapHour> {
    const known = [...this.#hours.keys(), ...this.#skipped].sort((a, b) => a - b);
    for (const hour of known) {
      if (hour < from || hour >= Math.min(to, this.#through)) continue;
      const rows = this.#hours.get(hour);
      yield { hour, seen: rows === undefined ? null : { at: this.#at, log: new RowsInMemory(rows) } };
    }
    const rest = Math.max(from, this.#through);
    for await (const hour of this.#log.hours(this.#merchant, rest, to)) yield { hour, seen: null };
  }
}

function without(gaps: readonly HourRange[], skipped: readonly number[]): HourRange[] {
  const left: HourRange[] = [];
  for (const { from, to } of gaps) {
    let start = from;
    for (const hour of skipped) {
      if (hour < start || hour >= to) continue;
      left.push({ from: start, to: hour });
      start = hour + 1;
    }
    left.push({ from: start, to });
  }
  return left.filter(({ from, to }) => from < to);
}

/** All rows of one hour, as the log has them. */
class RowsInMemory implements HourLog {
  readonly #rows: readonly RawRow[];

  constructor(rows: readonly RawRow[]) {
    this.#rows = rows;
  }

  async *scan(...[, , , { start, since = 0 } = {}]: Parameters<EventLog['scan']>): AsyncIterable<RawRow> {
    for (const row of this.#rows)
      if (row.arrival >= since && (start === undefined || Buffer.compare(row.rowKey, start) >= 0)) yield row;
  }

  async *scanTerminal(_merchant: MerchantId, _hour: number, terminal: TerminalId): AsyncIterable<RawRow> {
    for (const row of this.#rows) if (row.key.terminal === terminal) yield row;
  }

  async *get(rowKeys: readonly Uint8Array[]): AsyncIterable<RawRow> {
    for (const key of rowKeys) yield* this.#rows.filter(({ rowKey }) => Buffer.compare(rowKey, key) === 0);
  }
}

/**
 * Hours that no row answers. `open`: they have no rows of their own either; `absent`: their days
 * have none; `below`: the rows of their days are not to be used, or raw rows may have expired.
 */
export interface Gap extends HourRange {
  readonly kind: 'open' | 'absent' | 'below';
}

/** Days of a range, in order, and what lies between them. */
export class Window<S extends { readonly row: Rollup }> {
  /** Days whose rows are not to be used. */
  readonly below = new Set<number>();
  readonly #days: S[] = [];
  readonly #from: number;
  #bytes = 0;

  /** @param from hours since 1970 */
  constructor(from: number) {
    this.#from = from;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The end of its last day, hours since 1970. */
  get end(): number {
    const last = this.#days.at(-1);
    return last === undefined ? this.#from : (last.row.time + 1) * 24;
  }

  add(section: S): void {
    this.#days.push(section);
    const { parts, views } = section.row;
    for (const cells of [parts, views]) for (const cell of cells.values()) this.#bytes += cell.length;
  }

  /**
   * @param end hours since 1970, like the others
   * @param recent from then on the hour rows are known
   * @param kept before, raw rows may have expired
   */
  *pieces(end: number, recent: number, kept: number): Iterable<S | Gap> {
    let hour = this.#from;
    for (const day of this.#days) {
      const start = day.row.time * 24;
      if (hour < start) yield* this.#gaps(hour, start, recent, kept);
      yield day;
      hour = start + 24;
    }
    if (hour < end) yield* this.#gaps(hour, end, recent, kept);
  }

  *#gaps(from: number, to: number, recent: number, kept: number): Iterable<Gap> {
    const kindOf = (hour: number): Gap['kind'] => {
      if (hour >= recent) return 'open';
      return hour < kept || this.below.has(Math.floor(hour / 24)) ? 'below' : 'absent';
    };
    let start = from;
    for (let hour = from; hour < to; ) {
      const kind = kindOf(start);
      hour = kind === 'open' ? to : Math.min(to, hour - (hour % 24) + 24);
      if (hour < to && kindOf(hour) === kind) continue;
      yield { kind, from: start, to: hour };
      start = hour;
    }
  }
}

/**
 * Parked hours and days: what a roll-up left out, why, and when it tries again; and attempts that
 * were dear enough to be noted before they went on. One record an hour or day, in `control`. A
 * record is never deleted, because it may be written again.
 */
import { Buffer } from 'node:buffer';
import type { MerchantId, TerminalId } from '../../shared/ids.ts';
import { controlKey, type Level, prefixEnd } from '../../shared/keys.ts';
import { pack, unpack } from '../../shared/wire/message-pack.ts';
import { FIRST_LOGIC } from '../aggregation/logic/logic-version.ts';
import { Finality } from './finality.ts';
import type { Column, Tables } from './tables.ts';

const VALUE: Column = 'm:value';
const KIND = 'parked';
/** Digits of a time in a key, so that keys sort by time. */
const TIME_DIGITS = 10;

/**
 * Why something is parked: it costs more than its limit, a raw row cannot be read, or attempts
 * ended without a result (the process may have ended with them).
 */
export type ParkReason = 'cost' | 'unreadable' | 'crash';

export interface ParkedPart {
  /** Null: the whole hour or day. */
  readonly terminal: TerminalId | null;
  readonly reason: ParkReason;
  /** For people. */
  readonly detail: string;
  /** Failed attempts in a row. */
  readonly attempts: number;
  /** Of the first of them, milliseconds since 1970. */
  readonly since: number;
  /** Milliseconds since 1970; a due mark of that minute exists. */
  readonly retryAt: number;
}

export interface ParkedPlace {
  readonly merchant: MerchantId;
  readonly level: Level;
  /** Hours or days since 1970. */
  readonly time: number;
}

export interface ParkedRecord extends ParkedPlace {
  readonly parts: readonly ParkedPart[];
  /** When the noted attempt began, milliseconds since 1970; null: none is in progress. */
  readonly startedAt: number | null;
  /** Noted attempts in a row that never ended. */
  readonly crashes: number;
}

interface TimeRange {
  readonly from: number;
  readonly to: number;
}

const EVER: TimeRange = { from: 0, to: 10 ** TIME_DIGITS - 1 };

/** The records of one logic version; `list` has those of all. */
export class ParkedHours {
  readonly #tables: Tables;
  readonly #finality: Finality;
  readonly #logic: number;
  constructor(tables: Tables, logic = FIRST_LOGIC) {
    this.#tables = tables;
    this.#finality = new Finality(tables);
    this.#logic = logic;
  }

  /** Those of another logic version: each parks what it cannot compute. */
  ofLogic(version: number): ParkedHours {
    return new ParkedHours(this.#tables, version);
  }

  #keyOf({ merchant, level, time }: ParkedPlace): Buffer {
    // The records of version 1 are older than other versions. No merchant's id has a colon.
    const version = this.#logic === FIRST_LOGIC ? '' : `${this.#logic}:`;
    return controlKey(KIND, `${version}${merchant}/${level}/${String(time).padStart(TIME_DIGITS, '0')}`);
  }

  async read(place: ParkedPlace): Promise<ParkedRecord | null> {
    const [row] = await this.#tables.get('control', [this.#keyOf(place)], [VALUE]);
    return row ? (unpack(row.cells.get(VALUE)!) as ParkedRecord) : null;
  }

  /**
   * @param before as it was read; null: there was none
   * @returns false when it has changed since
   */
  async write(record: ParkedRecord, before: ParkedRecord | null): Promise<boolean> {
    const put = { row: this.#keyOf(record), cells: new Map([[VALUE, pack(record)]]) };
    const check = { column: VALUE, expected: before === null ? null : pack(before) };
    if (record.parts.length === 0) return await this.#tables.checkAndPut('control', check, put);
    // Before, so that nobody misses it; and after, if the span was begun meanwhile.
    await this.#include(record);
    const isWritten = await this.#tables.checkAndPut('control', check, put);
    if (isWritten) await this.#include(record);
    return isWritten;
  }

  #include({ merchant, level, time }: ParkedPlace): Promise<void> {
    const hours = level === 'hour' ? 1 : 24;
    return this.#finality.includeParked(merchant, { from: time * hours, to: (time + 1) * hours });
  }

  /** Makes the merchant's span have all that is parked in these logic versions: those in use. */
  async findSpan(merchant: MerchantId, versions: readonly number[]): Promise<void> {
    await this.#finality.beginParked(merchant);
    for (const version of versions) {
      const ranges = { hour: EVER, day: EVER };
      for await (const place of this.ofLogic(version).of(merchant, ranges)) await this.#include(place);
    }
    await this.#finality.includeParked(merchant, null);
  }

  /** Records with something parked, of all logic versions. */
  async *list(): AsyncIterable<ParkedRecord & { readonly logic: number }> {
    const start = controlKey(KIND, '');
    for await (const { row, cells } of this.#tables.scan('control', { start, stop: prefixEnd(start) })) {
      const record = unpack(cells.get(VALUE)!) as ParkedRecord;
      const [, version] = /^(\d+):/.exec(Buffer.from(row).toString('utf8', start.length)) ?? [];
      if (record.parts.length > 0) yield { ...record, logic: Number(version ?? FIRST_LOGIC) };
    }
  }

  /** Those of a merchant's half-open ranges of hours and days: days first, in order of time. */
  async *of(merchant: MerchantId, ranges: Readonly<Record<Level, TimeRange>>): AsyncIterable<ParkedRecord> {
    const part = (level: Level) => ({
      start: this.#keyOf({ merchant, level, time: ranges[level].from }),
      stop: this.#keyOf({ merchant, level, time: ranges[level].to }),
    });
    const within = [part('day'), part('hour')];
    const range = { start: within[0]!.start, stop: within[1]!.stop, within };
    for await (const { cells } of this.#tables.scan('control', range)) {
      const record = unpack(cells.get(VALUE)!) as ParkedRecord;
      if (record.parts.length > 0) yield record;
    }
  }
}

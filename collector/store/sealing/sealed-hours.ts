/**
 * Sealed hours. A store that lets raw rows expire cannot fold an hour again once the first of its
 * rows is gone: the figures would come out smaller. So an hour is sealed before.
 *
 *     earliest arrival ──▶ 4 days before that row expires: sealed. What arrives from now on is late
 *       for good: it is kept and counted, and no figure has it
 *     sealed ──▶ 3 days later: closed. The hour is not folded any more; until then what arrived in
 *       time still gets into its row
 *
 * Nothing is written when that happens: the row's earliest arrival and the clock tell. One record
 * an hour, in `control`, says how much came too late.
 */
import { type Buffer, Buffer as Bytes } from 'node:buffer';
import type { MerchantId } from '../../../shared/ids.ts';
import { controlKey, prefixEnd } from '../../../shared/keys.ts';
import { DAY_MS, HOUR_MS } from '../../../shared/time.ts';
import { pack, unpack } from '../../../shared/wire/message-pack.ts';
import { type Rollup, UNREADABLE_META } from '../rollups/rollup.ts';
import type { Column, Tables } from '../tables.ts';

const VALUE: Column = 'm:value';
const KIND = 'sealed';
const TIME_DIGITS = 10;

/** Longer than runs may be stopped, and than clocks may be wrong. */
const SEALED_BEFORE_EXPIRY_MS = 4 * DAY_MS;
const CLOSED_AFTER_SEAL_MS = 3 * DAY_MS;
/**
 * An hour is not sealed sooner after its end. The clock of a till that was a year ahead must not
 * seal an hour in which the others sell.
 */
export const OPEN_AFTER_END_MS = 30 * DAY_MS;
const NONE_FOR_MS = 60_000;
/** Writers that meet compare and set again. */
const MAX_RACES = 16;

/** Milliseconds since 1970. */
export interface Seal {
  /** What arrives then or later is in no figure. */
  readonly at: number;
  /** From then on the hour is not folded. */
  readonly closesAt: number;
}

/** What came for a sealed hour: raw rows of events, and the events in them. */
export interface LateCount {
  readonly batches: number;
  readonly events: number;
}

export interface SealedRecord extends LateCount {
  readonly merchant: MerchantId;
  /** Hours since 1970. */
  readonly hour: number;
  /** Milliseconds since 1970. */
  readonly sealedAt: number;
}

export class SealedHours {
  readonly #tables: Tables;
  #noneUntil = Number.NEGATIVE_INFINITY;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** Whether hours are ever sealed: this store lets raw rows expire. Ask after a read. */
  get areSealed(): boolean {
    return this.#tables.expiresAfterMs !== null;
  }

  /** @param row of an hour; null for one that will not be sealed */
  sealOf({ time, meta }: Pick<Rollup, 'time' | 'meta'>): Seal | null {
    const { expiresAfterMs } = this.#tables;
    if (expiresAfterMs === null) return null;
    // A meta that cannot be read does not tell, and no row arrives much before its hour.
    const earliest = meta === UNREADABLE_META ? time * HOUR_MS : meta.earliestArrival;
    if (earliest === null) return null;
    const at = Math.max(earliest + expiresAfterMs - SEALED_BEFORE_EXPIRY_MS, (time + 1) * HOUR_MS + OPEN_AFTER_END_MS);
    return { at, closesAt: at + CLOSED_AFTER_SEAL_MS };
  }

  isSealed(row: Pick<Rollup, 'time' | 'meta'>, now: number): boolean {
    const seal = this.sealOf(row);
    return seal !== null && now >= seal.at;
  }

  isClosed(row: Pick<Rollup, 'time' | 'meta'>, now: number): boolean {
    const seal = this.sealOf(row);
    return seal !== null && now >= seal.closesAt;
  }

  /**
   * Notes what the raw log holds by now. What was counted stays so when its rows have expired, too.
   *
   * @returns how many batches are new
   */
  async note(next: SealedRecord): Promise<number> {
    const row = keyOf(next.merchant, next.hour);
    for (let race = 0; race < MAX_RACES; race++) {
      const [found] = await this.#tables.get('control', [row], [VALUE]);
      const bytes = found?.cells.get(VALUE);
      const before = bytes === undefined ? null : recordOf(bytes);
      if (next.batches <= (before?.batches ?? 0)) return 0;
      const events = Math.max(next.events, before?.events ?? 0);
      const put = { row, cells: new Map([[VALUE, pack({ ...next, events })]]) };
      const check = { column: VALUE, expected: bytes === undefined ? null : Bytes.from(bytes) };
      if (await this.#tables.checkAndPut('control', check, put)) return next.batches - (before?.batches ?? 0);
    }
    throw new Error(`the record of the sealed hour ${next.hour} changed ${MAX_RACES} times meanwhile`);
  }

  /** Hours for which something came too late, of all merchants. */
  list(): AsyncIterable<SealedRecord> {
    const start = controlKey(KIND, '');
    return this.#scan(start, prefixEnd(start));
  }

  /**
   * Whether there are any in the store; that there are none is remembered for a minute.
   *
   * @param now milliseconds since 1970
   */
  async areSome(now: number): Promise<boolean> {
    if (now < this.#noneUntil && now >= this.#noneUntil - NONE_FOR_MS) return false;
    for await (const _ of this.list()) return true;
    this.#noneUntil = now + NONE_FOR_MS;
    return false;
  }

  /** Those of a merchant's half-open range of hours. */
  async *of(merchant: MerchantId, from: number, to: number): AsyncIterable<SealedRecord> {
    if (from < to) yield* this.#scan(keyOf(merchant, from), keyOf(merchant, to));
  }

  async *#scan(start: Uint8Array, stop: Uint8Array): AsyncIterable<SealedRecord> {
    for await (const { cells } of this.#tables.scan('control', { start, stop })) yield recordOf(cells.get(VALUE)!);
  }
}

const keyOf = (merchant: MerchantId, hour: number): Buffer =>
  controlKey(KIND, `${merchant}/${String(hour).padStart(TIME_DIGITS, '0')}`);

const recordOf = (bytes: Uint8Array): SealedRecord => unpack(Bytes.from(bytes)) as SealedRecord;

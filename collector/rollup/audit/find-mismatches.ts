/**
 * Finds the hours and days of a merchant whose published rows are not as the raw log says: one scan
 * of raw keys and one of rows for many days, side by side.
 *
 * What is on its way is none: an hour that is parked, or named by a due mark, and rows that arrived
 * just now, whose mark may not be written yet. So what differs is looked at twice.
 */
import { Slices } from '../../../shared/cooperative.ts';
import type { MerchantId } from '../../../shared/ids.ts';
import { type Level, salt } from '../../../shared/keys.ts';
import { dayOfHour, MINUTE_MS, minuteOf } from '../../../shared/time.ts';
import { addDigest, NO_DIGEST } from '../../aggregation/hashes/row-set-digest.ts';
import type { Logic } from '../../aggregation/logic/logic-version.ts';
import type { DueMarks } from '../../store/due-marks.ts';
import type { EventLog } from '../../store/event-log.ts';
import type { ParkedHours } from '../../store/parked-hours.ts';
import type { Rollup } from '../../store/rollups/rollup.ts';
import type { Rollups } from '../../store/rollups/rollups.ts';
import type { SealedHours } from '../../store/sealing/sealed-hours.ts';
import { areCellsWhole, dayFault, type Fault, hourFault, isMadeOf, type RowSet, sumOf } from './compare.ts';
import { type RawHour, rawHours } from './raw-keys.ts';

export interface AuditStores {
  readonly log: Pick<EventLog, 'keys' | 'scan'>;
  readonly rollups: Pick<Rollups, 'scan'>;
  readonly parked: Pick<ParkedHours, 'ofLogic'>;
  readonly marks: Pick<DueMarks, 'due' | 'add'>;
  readonly sealed: Pick<SealedHours, 'isSealed'>;
}

export interface AuditOptions {
  readonly stores: AuditStores;
  readonly logic: Pick<Logic, 'version'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Whether the cells are read too, not only keys and meta. */
  readonly cells: boolean;
  /** Whether hours are compared only of days whose row does not hold their raw rows. */
  readonly byDay?: boolean;
}

export interface Mismatch {
  readonly merchant: MerchantId;
  readonly level: Level;
  /** Hours or days since 1970. */
  readonly time: number;
  readonly fault: Fault;
  /** Raw rows that the row was made of; null: there is no row. */
  readonly counted: number | null;
  /** Raw rows that it should be made of. */
  readonly expected: number;
}

/** Called for each hour and day that is compared; others may have a turn. */
export type OnCompared = () => Promise<void> | undefined;

/** Days whose raw keys are read in one scan. */
const DAYS_PER_SCAN = 400;
/** A collector that lives has written the due mark of a row by then. */
const MARK_WITHIN_MS = MINUTE_MS;
/** Due marks of what has arrived are of a minute or two ahead. */
const MARKS_AHEAD_MINUTES = 5;

/** Of a half-open range of hours that have ended, and of the days that lie in it. */
export async function* findMismatches(
  merchant: MerchantId,
  from: number,
  to: number,
  options: AuditOptions,
  onCompared: OnCompared = () => undefined,
): AsyncGenerator<Mismatch, void, undefined> {
  // From the first day with anything: a range of all time is cheap.
  for (let at = from; at < to; ) {
    const first = await firstHour(merchant, at, to, options);
    if (first === null) return;
    const end = Math.min(to, (dayOfHour(first) + DAYS_PER_SCAN) * 24);
    for await (const found of compareAll(merchant, Math.max(from, dayOfHour(first) * 24), end, options, onCompared)) {
      if (await isOnItsWay(found, options)) continue;
      const { level, time } = found;
      const [start, stop] = level === 'hour' ? [time, time + 1] : [time * 24, (time + 1) * 24];
      for await (const again of compare(merchant, start, stop, options, () => undefined))
        if (again.level === level && again.time === time) yield again;
    }
    at = end;
  }
}

/** The first hour with a raw row or a row. */
async function firstHour(
  merchant: MerchantId,
  from: number,
  to: number,
  { stores, logic }: AuditOptions,
): Promise<number | null> {
  let first: number | null = null;
  for await (const { hour } of stores.log.keys(merchant, from, to, 1)) first = hour;
  const rows = stores.rollups.scan(merchant, 'hour', logic.version, from, first ?? to, { kind: 'meta' }, 1);
  for await (const { time } of rows) first = time;
  return first;
}

async function* compareAll(
  merchant: MerchantId,
  from: number,
  to: number,
  options: AuditOptions,
  onCompared: OnCompared,
): AsyncGenerator<Mismatch, void, undefined> {
  if (options.byDay !== true) {
    yield* compare(merchant, from, to, options, onCompared);
    return;
  }
  const days = await wholeDays(merchant, from, to, options);
  for (let day = dayOfHour(from); day * 24 < to; day++) {
    const [start, end] = [Math.max(from, day * 24), Math.min(to, (day + 1) * 24)];
    if (days.get(day) === false) yield* compare(merchant, start, end, options, onCompared);
    else if (days.has(day)) await onCompared();
  }
}

/** Of each day with raw rows or a row, whether its row holds exactly its raw rows. */
async function wholeDays(
  merchant: MerchantId,
  from: number,
  to: number,
  { stores, logic }: AuditOptions,
): Promise<ReadonlyMap<number, boolean>> {
  const raws = new Map<number, RowSet>();
  for await (const { hour, rows, digest } of rawHours(stores.log, merchant, from, to, new Slices())) {
    const before = raws.get(dayOfHour(hour)) ?? { rows: 0, digest: NO_DIGEST };
    raws.set(dayOfHour(hour), { rows: before.rows + rows, digest: addDigest(before.digest, digest) });
  }
  const days = new Map<number, boolean>([...raws.keys()].map((day) => [day, false]));
  const range = [dayOfHour(from), Math.ceil(to / 24)] as const;
  for await (const row of stores.rollups.scan(merchant, 'day', logic.version, ...range, { kind: 'meta' })) {
    const raw = raws.get(row.time);
    days.set(row.time, raw !== undefined && isMadeOf(row, raw));
  }
  return days;
}

async function* compare(
  merchant: MerchantId,
  from: number,
  to: number,
  options: AuditOptions,
  onCompared: OnCompared,
): AsyncGenerator<Mismatch, void, undefined> {
  const { stores, logic, cells, now } = options;
  const slices = new Slices();
  const kind = { kind: cells ? 'all' : 'meta' } as const;
  const rows = stores.rollups.scan(merchant, 'hour', logic.version, from, to, kind);
  const days = new Map<number, Pick<Rollup, 'meta'>[]>();
  const faulty = new Set<number>();
  for await (const { time, raw, row } of paired(rawHours(stores.log, merchant, from, to, slices), rows)) {
    await onCompared();
    const day = dayOfHour(time);
    if (row !== null) days.set(day, [...(days.get(day) ?? []), { meta: row.meta }]);
    // Some of its raw rows may have expired, and what comes now is not in its figures.
    if (row !== null && stores.sealed.isSealed(row, now())) continue;
    const isDamaged = cells && row !== null && !(await areCellsWhole(row, slices));
    const fault = isDamaged ? 'damaged' : hourFault(row, raw);
    if (fault === null) continue;
    faulty.add(day);
    yield { merchant, level: 'hour', time, fault, counted: row?.meta.rows ?? null, expected: raw?.rows ?? 0 };
  }
  const [firstDay, endDay] = [Math.ceil(from / 24), Math.floor(to / 24)];
  const published = new Map<number, { readonly fault: (hours: RowSet) => Fault | null; readonly rows: number }>();
  for await (const row of stores.rollups.scan(merchant, 'day', logic.version, firstDay, endDay, kind)) {
    const isDamaged = cells && !(await areCellsWhole(row, slices));
    const slim = { ...row, parts: new Map(), views: new Map() };
    published.set(row.time, {
      fault: (hours) => (isDamaged ? 'damaged' : dayFault(slim, hours)),
      rows: row.meta.rows,
    });
  }
  for (const day of [...new Set([...days.keys(), ...published.keys()])].sort((a, b) => a - b)) {
    // It follows when its hours are repaired.
    if (day < firstDay || day >= endDay || faulty.has(day)) continue;
    await onCompared();
    const hours = sumOf(days.get(day) ?? []);
    const row = published.get(day);
    const fault = row === undefined ? dayFault(null, hours) : row.fault(hours);
    if (fault !== null)
      yield { merchant, level: 'day', time: day, fault, counted: row?.rows ?? null, expected: hours.rows };
  }
}

interface Pair {
  readonly time: number;
  readonly raw: RawHour | null;
  readonly row: Rollup | null;
}

/** Hours that have raw rows or a row, in order. */
async function* paired(raws: AsyncIterable<RawHour>, rows: AsyncIterable<Rollup>): AsyncGenerator<Pair, void> {
  const ofRows = rows[Symbol.asyncIterator]();
  let row = await ofRows.next();
  try {
    for await (const raw of raws) {
      for (; !row.done && row.value.time < raw.hour; row = await ofRows.next())
        yield { time: row.value.time, raw: null, row: row.value };
      const isBoth = !row.done && row.value.time === raw.hour;
      yield { time: raw.hour, raw, row: isBoth ? row.value : null };
      if (isBoth) row = await ofRows.next();
    }
    for (; !row.done; row = await ofRows.next()) yield { time: row.value.time, raw: null, row: row.value };
  } finally {
    await ofRows.return?.();
  }
}

/** Whether it is parked, a due mark names it, or its rows arrived just now. */
async function isOnItsWay({ merchant, level, time }: Mismatch, { stores, logic, now }: AuditOptions): Promise<boolean> {
  const parked = await stores.parked.ofLogic(logic.version).read({ merchant, level, time });
  if (parked !== null && parked.parts.length > 0) return true;
  for await (const mark of stores.marks.due(salt(merchant), minuteOf(now()) + MARKS_AHEAD_MINUTES)) {
    if (mark.merchant !== merchant) continue;
    if (mark.level === level && mark.time === time) return true;
    if (level === 'day' && mark.level === 'hour' && dayOfHour(mark.time) === time) return true;
  }
  if (level === 'day') return false;
  for await (const { newestArrival } of rawHours(stores.log, merchant, time, time + 1, new Slices()))
    if (newestArrival > now() - MARK_WITHIN_MS && newestArrival <= now()) return true;
  return false;
}

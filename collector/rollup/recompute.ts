/**
 * Recomputes one merchant's hour or day and publishes it.
 *
 *     hour: read the row (revision, partial aggregates) -> fold raw rows -> merge with the other
 *           terminals' -> compare-and-set
 *     day:  recompute hours without a row -> read the row -> merge the hours' partial aggregates
 *           -> merge with the other terminals' -> compare-and-set
 *
 * The revision is read before the raw rows, so a successful compare-and-set proves that nobody
 * published in between from rows that this run did not see. A lost compare-and-set starts again
 * from the top; it is never success.
 *
 * A published row is complete, because the API reads it instead of the rows it was made of. So the
 * first run after the end of an hour or day takes all terminals, whatever the due marks name; later
 * runs take the named terminals and keep the other partial aggregates.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MerchantId, TerminalId } from '../../shared/ids.ts';
import type { Level } from '../../shared/keys.ts';
import { SLOTS_PER_DAY, SLOTS_PER_HOUR } from '../../shared/time.ts';
import { decodePartial, encodePartial } from '../aggregation/codec.ts';
import { PartialFold } from '../aggregation/fold.ts';
import type { Logic } from '../aggregation/logic-version.ts';
import { emptyPartial, emptyTally, mergePartial, mergeTally } from '../aggregation/partial.ts';
import { readRow } from '../aggregation/raw-row.ts';
import { digestText } from '../aggregation/row-set-digest.ts';
import { Views } from '../aggregation/views.ts';
import type { EventLog, RawRow } from '../store/event-log.ts';
import { type Cells, type Rollup, type RollupKey, type Rollups, readAfterEnd } from '../store/rollups.ts';

/** What a run needs of the rollups. */
export type RollupStore = Pick<Rollups, 'read' | 'scan' | 'publish'>;

export interface RecomputeStores {
  readonly log: EventLog;
  readonly rollups: RollupStore;
}

export interface Due {
  readonly merchant: MerchantId;
  readonly level: Level;
  /** Hours or days since 1970. */
  readonly time: number;
  readonly terminals: ReadonlySet<TerminalId>;
}

export interface RecomputeOutcome {
  /** When the run began to read, milliseconds since 1970: everything stored by then is included. */
  readonly readAt: number;
  /** Number of compare-and-sets lost. */
  readonly lost: number;
}

/** Null: all terminals. */
type Terminals = ReadonlySet<TerminalId> | null;
/** Encoded partial aggregates. */
type Parts = ReadonlyMap<TerminalId, Uint8Array>;

/** More attempts for one row mean that the contending runners are faulty. */
const MAX_ATTEMPTS = 20;

const slotsOf = { hour: SLOTS_PER_HOUR, day: SLOTS_PER_DAY } as const;

/** @throws Error when the row could not be published; its due marks must stay */
export async function recompute(
  due: Due,
  logic: Logic,
  stores: RecomputeStores,
  now: () => number,
): Promise<RecomputeOutcome> {
  const key: RollupKey = { merchant: due.merchant, level: due.level, logic: logic.version, time: due.time };
  for (let lost = 0; lost < MAX_ATTEMPTS; lost++) {
    const readAt = now();
    const hoursAdded = due.level === 'day' && (await rollUpMissingHours(due, logic, stores, now));
    const current = await stores.rollups.read(key);
    const whole = current !== null && readAfterEnd(current);
    const terminals = whole && !hoursAdded ? due.terminals : null;
    const fresh = await (due.level === 'hour' ? foldHour : mergeDay)(due, terminals, logic, stores);
    // A due mark follows its raw row: if no row is left, it has expired, and the published figures
    // stay.
    if (fresh.size === 0 && (whole || current === null)) return { readAt, lost };
    const { meta, ...cells } = await rowOf(due, current, fresh, logic);
    const next = { ...cells, meta: { ...meta, readAt, publishedAt: now() } };
    if (await stores.rollups.publish(key, current?.revision ?? null, next)) return { readAt, lost };
  }
  throw new Error(`lost ${MAX_ATTEMPTS} compare-and-sets in a row on ${due.merchant} ${due.level} ${due.time}`);
}

// A giant merchant has thousands of partial aggregates. All but a few stay encoded at any time, and
// other work gets its turn between two of them.

async function foldHour(due: Due, terminals: Terminals, logic: Logic, { log }: RecomputeStores): Promise<Parts> {
  const base = due.time * SLOTS_PER_HOUR;
  const parts = new Map<TerminalId, Uint8Array>();
  const folds = new Map<TerminalId, PartialFold>();
  const finish = (terminal: TerminalId): Promise<void> => {
    parts.set(terminal, encodePartial(folds.get(terminal)!.partial(), base));
    folds.delete(terminal);
    return nextTurn();
  };
  let last: TerminalId | null = null;
  for await (const row of rawRows(due, terminals, log)) {
    const { terminal, kind } = row.key;
    // Events come terminal by terminal, after the losses: the previous terminal is complete.
    if (kind === 'events' && terminal !== last) {
      if (last !== null) await finish(last);
      last = terminal;
    }
    const fold = folds.get(terminal) ?? new PartialFold(logic);
    folds.set(terminal, fold);
    fold.add(readRow(row));
  }
  for (const terminal of [...folds.keys()]) await finish(terminal);
  return parts;
}

async function* rawRows({ merchant, time }: Due, terminals: Terminals, log: EventLog): AsyncIterable<RawRow> {
  if (terminals === null) yield* log.scan(merchant, time, time + 1);
  else for (const terminal of terminals) yield* log.scanTerminal(merchant, time, terminal);
}

async function mergeDay(due: Due, terminals: Terminals, logic: Logic, { rollups }: RecomputeStores): Promise<Parts> {
  const hours = new Map<TerminalId, { base: number; bytes: Uint8Array }[]>();
  const cells: Cells = { kind: 'parts', ...(terminals !== null && { terminals: [...terminals] }) };
  const from = due.time * 24;
  for await (const hour of rollups.scan(due.merchant, 'hour', logic.version, from, from + 24, cells)) {
    for (const [terminal, bytes] of hour.parts) {
      const of = hours.get(terminal) ?? [];
      of.push({ base: hour.time * SLOTS_PER_HOUR, bytes });
      hours.set(terminal, of);
    }
  }
  const parts = new Map<TerminalId, Uint8Array>();
  for (const [terminal, of] of hours) {
    const part = emptyPartial(logic);
    for (const { base, bytes } of of) mergePartial(part, decodePartial(bytes, base));
    parts.set(terminal, encodePartial(part, due.time * SLOTS_PER_DAY));
    await nextTurn();
  }
  return parts;
}

/**
 * Recomputes hours of a day whose due marks come later or failed, because the day's row would hide
 * them.
 *
 * @returns whether there were any
 */
async function rollUpMissingHours(
  day: Due,
  logic: Logic,
  stores: RecomputeStores,
  now: () => number,
): Promise<boolean> {
  const { merchant } = day;
  const missing: number[] = [];
  let next = day.time * 24;
  const end = next + 24;
  for await (const hour of stores.rollups.scan(merchant, 'hour', logic.version, next, end, { kind: 'meta' })) {
    if (!readAfterEnd(hour)) continue;
    for await (const time of stores.log.hours(merchant, next, hour.time)) missing.push(time);
    next = hour.time + 1;
  }
  for await (const time of stores.log.hours(merchant, next, end)) missing.push(time);
  for (const time of missing)
    await recompute({ merchant, level: 'hour', time, terminals: new Set() }, logic, stores, now);
  return missing.length > 0;
}

/**
 * The row of all terminals: the new partial aggregates, and the existing ones of the other
 * terminals.
 */
async function rowOf(due: Due, current: Rollup | null, fresh: Parts, logic: Logic) {
  const base = due.time * slotsOf[due.level];
  const all = new Map([...(current?.parts ?? []), ...fresh]);
  const views = new Views(logic);
  const tally = emptyTally();
  let overflow = 0;
  for (const terminal of [...all.keys()].sort()) {
    const part = decodePartial(all.get(terminal)!, base);
    views.add(part);
    mergeTally(tally, part.tally);
    overflow += part.figures.overflow + part.articles.overflow;
    await nextTurn();
  }
  // Clearances are not evaluated yet: nothing is final, and no terminal is waited for.
  const meta = { ...tally, digest: digestText(tally.digest), overflow: overflow + views.overflow, waitingFor: null };
  return { meta, parts: fresh, views: views.encode(base) };
}

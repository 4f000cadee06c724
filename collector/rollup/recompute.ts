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
 * runs take the named terminals and keep the other partial aggregates. What exceeds a limit, or
 * cannot be read, is parked (`attempt.ts`): complete, but for what is named as parked.
 */
import { Slices } from '../../shared/cooperative.ts';
import type { MerchantId, TerminalId } from '../../shared/ids.ts';
import type { Level } from '../../shared/keys.ts';
import { SLOTS_PER_DAY, SLOTS_PER_HOUR } from '../../shared/time.ts';
import { readPartial, unpackCell } from '../aggregation/cell-entries.ts';
import { encodePartial } from '../aggregation/codec.ts';
import { FoldTooDear, PartialFold } from '../aggregation/fold.ts';
import { AGGREGATION_LIMITS } from '../aggregation/limits.ts';
import type { Logic } from '../aggregation/logic-version.ts';
import { emptyPartial, mergePartial, partialBytes } from '../aggregation/partial.ts';
import { readRow } from '../aggregation/raw-row.ts';
import type { DueMarks } from '../store/due-marks.ts';
import type { EventLog, RawRow } from '../store/event-log.ts';
import type { ParkedHours, ParkedPart } from '../store/parked-hours.ts';
import { type Cells, type RollupKey, type Rollups, readAfterEnd } from '../store/rollups.ts';
import { Attempt, type Attempts } from './attempt.ts';
import { checkMerged, type Merging, mergedRow } from './merged-row.ts';

/** What a run needs of the rollups. */
export type RollupStore = Pick<Rollups, 'read' | 'scan' | 'publish'>;

export interface RecomputeStores {
  readonly log: EventLog;
  readonly rollups: RollupStore;
  readonly parked: ParkedHours;
  readonly marks: Pick<DueMarks, 'add'>;
}

export interface Due {
  readonly merchant: MerchantId;
  readonly level: Level;
  /** Hours or days since 1970. */
  readonly time: number;
  /** Whose events are read again; null: everybody's. */
  readonly terminals: ReadonlySet<TerminalId> | null;
}

export interface RecomputeOutcome {
  /** When the run began to read, milliseconds since 1970: everything stored by then is included. */
  readonly readAt: number;
  /** Number of compare-and-sets lost. */
  readonly lost: number;
  /** What it left out; due marks of the next tries are durable. */
  readonly parked: readonly ParkedPart[];
  /** Whether the hour or day is parked as a whole, by this run or before: nothing was published. */
  readonly isParked: boolean;
}

/** `mergeBytes`: see `AGGREGATION_LIMITS`. */
export interface RecomputeOptions extends Partial<Pick<Attempts, 'isStopped' | 'leftNotes'>> {
  readonly mergeBytes?: number | undefined;
}

/** Null: all terminals. */
type Terminals = ReadonlySet<TerminalId> | null;
type FreshParts = Map<TerminalId, Uint8Array>;

/** What the steps of a run share. */
interface Run extends Merging {
  readonly due: Due;
  readonly stores: RecomputeStores;
  readonly now: () => number;
  readonly options: RecomputeOptions;
}

/** More attempts for one row mean that the contending runners are faulty. */
const MAX_ATTEMPTS = 20;

/**
 * @returns null when it is not tried now, because another attempt is in progress, or ended not long
 *   ago without a result; its due marks must stay
 * @throws Error when the row could not be published; its due marks must stay
 */
export async function recompute(
  due: Due,
  logic: Logic,
  stores: RecomputeStores,
  now: () => number,
  options: RecomputeOptions = {},
): Promise<RecomputeOutcome | null> {
  const { mergeBytes = AGGREGATION_LIMITS.mergeBytes.value, isStopped = () => false, leftNotes = new Map() } = options;
  const attempt = await Attempt.begin({ parked: stores.parked, now, isStopped, leftNotes }, due);
  if (attempt === null) return null;
  const run: Run = { due, logic, stores, now, attempt, slices: new Slices(), mergeBytes, options };
  const outcome = { readAt: now(), lost: 0 };
  try {
    if (!attempt.isParked) Object.assign(outcome, await orPark(attempt, null, () => publish(run)));
    await attempt.end(stores.marks, due.terminals ?? new Set());
  } catch (error) {
    await attempt.abandon();
    throw error;
  }
  return { ...outcome, parked: attempt.parked, isParked: attempt.isParked };
}

async function publish(run: Run): Promise<Pick<RecomputeOutcome, 'readAt' | 'lost'>> {
  const { due, logic, stores, now } = run;
  const key: RollupKey = { merchant: due.merchant, level: due.level, logic: logic.version, time: due.time };
  for (let lost = 0; lost < MAX_ATTEMPTS; lost++) {
    const readAt = now();
    const hoursAdded = due.level === 'day' && (await rollUpMissingHours(run));
    const current = await stores.rollups.read(key);
    const whole = current !== null && readAfterEnd(current);
    const terminals = whole && !hoursAdded && !run.attempt.wasParked ? due.terminals : null;
    run.attempt.tries(terminals);
    const fresh = await (due.level === 'hour' ? foldHour : mergeDay)(run, terminals);
    // A due mark follows its raw row: if none is left, it has expired, and what is published stays.
    const isEmpty = (): boolean => fresh.size === 0 && (whole || current === null);
    if (isEmpty()) return { readAt, lost };
    const { meta, ...cells } = await mergedRow(run, current?.parts ?? new Map(), fresh);
    if (isEmpty()) return { readAt, lost };
    const next = { ...cells, meta: { ...meta, readAt, publishedAt: now() } };
    if (await stores.rollups.publish(key, current?.revision ?? null, next)) return { readAt, lost };
  }
  throw new Error(`lost ${MAX_ATTEMPTS} compare-and-sets in a row on ${due.merchant} ${due.level} ${due.time}`);
}

// A giant merchant has thousands of partial aggregates. All but a few stay encoded at any time, and
// other work gets its turn within each step.

async function foldHour(run: Run, terminals: Terminals): Promise<FreshParts> {
  const { attempt, slices } = run;
  const parts = new Map<TerminalId, Uint8Array>();
  const folds = new Map<TerminalId, PartialFold>();
  const outdated = new Set<TerminalId>();
  const finish = async (terminal: TerminalId): Promise<void> => {
    const fold = folds.get(terminal);
    folds.delete(terminal);
    if (fold === undefined) return;
    if (fold.isOutdated) outdated.add(terminal);
    else await encodeInto(parts, run, terminal, fold);
  };
  let last: TerminalId | null = null;
  for await (const row of rawRows(run, terminals)) {
    await slices.pause();
    const { terminal, kind } = row.key;
    // Events come terminal by terminal, after the losses: the previous terminal is complete.
    if (kind === 'events' && terminal !== last) {
      if (last !== null) await finish(last);
      last = terminal;
    }
    if (attempt.leavesOut(terminal)) continue;
    const fold = folds.get(terminal) ?? new PartialFold(run.logic);
    folds.set(terminal, fold);
    // Counting a row at once, while it is in the processor's caches, is faster.
    if (!fold.isOutdated) await addRow(run, fold, row, true);
    if (attempt.leavesOut(terminal)) folds.delete(terminal);
  }
  for (const terminal of [...folds.keys()]) await finish(terminal);
  for (const terminal of outdated) await foldAgain(parts, run, terminal);
  return new Map([...parts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Folds a terminal of which a row claims what was counted, and counts only what is settled. */
async function foldAgain(parts: Map<TerminalId, Uint8Array>, run: Run, terminal: TerminalId): Promise<void> {
  const fold = new PartialFold(run.logic);
  for await (const row of rawRows(run, new Set([terminal]))) {
    await run.slices.pause();
    await addRow(run, fold, row, false);
    if (run.attempt.leavesOut(terminal)) return;
  }
  await encodeInto(parts, run, terminal, fold);
}

async function addRow({ attempt, slices }: Run, fold: PartialFold, row: RawRow, isCounted: boolean): Promise<void> {
  const before = fold.cost;
  await orPark(attempt, row.key.terminal, async () => {
    await slices.run(fold.add(readRow(row)));
    if (isCounted) await slices.run(fold.settle());
  });
  await attempt.spend(fold.cost - before);
}

async function encodeInto(
  parts: Map<TerminalId, Uint8Array>,
  { due, attempt, slices }: Run,
  terminal: TerminalId,
  fold: PartialFold,
): Promise<void> {
  const encoded = await orPark(attempt, terminal, async () => {
    await slices.run(fold.settle());
    return slices.run(encodePartial(fold.partial(), due.time * SLOTS_PER_HOUR));
  });
  if (encoded !== null) parts.set(terminal, encoded);
}

/**
 * @param terminal null: the whole hour or day
 * @returns null when it was parked instead
 */
async function orPark<T>(attempt: Attempt, terminal: TerminalId | null, work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!attempt.park(terminal, error)) throw error;
    return null;
  }
}

async function* rawRows({ due, stores }: Run, terminals: Terminals): AsyncIterable<RawRow> {
  const { merchant, time } = due;
  if (terminals === null) yield* stores.log.scan(merchant, time, time + 1);
  else for (const terminal of terminals) yield* stores.log.scanTerminal(merchant, time, terminal);
}

async function mergeDay(run: Run, terminals: Terminals): Promise<FreshParts> {
  const { due, logic, stores, attempt, slices } = run;
  const hours = new Map<TerminalId, { base: number; bytes: Uint8Array }[]>();
  const cells: Cells = { kind: 'parts', ...(terminals !== null && { terminals: [...terminals] }) };
  const from = due.time * 24;
  for await (const hour of stores.rollups.scan(due.merchant, 'hour', logic.version, from, from + 24, cells)) {
    for (const [terminal, bytes] of hour.parts) {
      const of = hours.get(terminal) ?? [];
      of.push({ base: hour.time * SLOTS_PER_HOUR, bytes });
      hours.set(terminal, of);
    }
  }
  const parts = new Map<TerminalId, Uint8Array>();
  for (const [terminal, of] of hours) {
    if (attempt.leavesOut(terminal)) continue;
    const encoded = await orPark(attempt, terminal, async () => {
      const part = emptyPartial(logic);
      for (const { base, bytes } of of) {
        const before = partialBytes(part);
        await slices.run(mergePartial(part, await slices.run(readPartial(await unpackCell(bytes), base))));
        await attempt.spend(partialBytes(part) - before);
        checkMerged(partialBytes(part), run);
      }
      return slices.run(encodePartial(part, due.time * SLOTS_PER_DAY));
    });
    if (encoded !== null) parts.set(terminal, encoded);
  }
  return parts;
}

/**
 * Recomputes hours of a day whose due marks come later or failed, because the day's row would hide
 * them.
 *
 * @returns whether there were any
 */
async function rollUpMissingHours({ due, logic, stores, now, options }: Run): Promise<boolean> {
  const { merchant } = due;
  const missing: number[] = [];
  let next = due.time * 24;
  const end = next + 24;
  for await (const hour of stores.rollups.scan(merchant, 'hour', logic.version, next, end, { kind: 'meta' })) {
    if (!readAfterEnd(hour)) continue;
    for await (const time of stores.log.hours(merchant, next, hour.time)) missing.push(time);
    next = hour.time + 1;
  }
  for await (const time of stores.log.hours(merchant, next, end)) missing.push(time);
  for (const time of missing) {
    const hour: Due = { merchant, level: 'hour', time, terminals: new Set() };
    const outcome = await recompute(hour, logic, stores, now, options);
    if (outcome === null) throw new Error(`hour ${time} is being recomputed`);
    // The day is answered from its hours, and this one from the raw log.
    if (outcome.isParked) throw new FoldTooDear(`its hour ${time} is parked`);
  }
  return missing.length > 0;
}

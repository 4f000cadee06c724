/**
 * Recomputes one merchant's hour or day and publishes it.
 *
 *     hour: read the row (revision, partial aggregates) -> fold raw rows -> merge with the other
 *           terminals' -> compare-and-set
 *     day:  recompute hours without a row -> read the row -> put the hours' rows side by side
 *           -> compare-and-set
 *
 * Where that changes figures that answers showed, the row before is kept (`replacement.ts`).
 *
 * The revision is read before the raw rows, so a successful compare-and-set proves that nobody
 * published in between from rows that this run did not see. A lost compare-and-set starts again
 * from the top; it is never success.
 *
 * A published row is complete, because the API reads it instead of the rows it was made of. So the
 * first run after the end of an hour or day takes all terminals, whatever the due marks name; later
 * runs take the named terminals and keep the other partial aggregates. What exceeds a limit, or
 * cannot be read, is parked (`attempt.ts`): complete, but for what is named as parked. A cell of an
 * existing row that cannot be read counts as absent: its hour is computed anew.
 */
import { Slices } from '../../shared/cooperative.ts';
import { FoldTooDear } from '../aggregation/fold.ts';
import { AGGREGATION_LIMITS } from '../aggregation/limits.ts';
import type { Logic } from '../aggregation/logic/logic-version.ts';
import type { ParkedPart } from '../store/parked-hours.ts';
import { type Cells, type Rollup, type RollupKey, type RollupMeta, readAfterEnd } from '../store/rollups/rollup.ts';
import { Attempt } from './attempt.ts';
import { dayRow } from './day-row.ts';
import { MAX_GROWN } from './grown-hour.ts';
import { hourRow } from './hour-row.ts';
import { confirmFinal, keepReplaced } from './replacement.ts';
import {
  type Due,
  orPark,
  type RecomputeOptions,
  type RecomputeStores,
  RowChanged,
  type RowContent,
  type Run,
  type Terminals,
  UnreadableCell,
} from './run.ts';
import { closedBeside, keptRow, noteTooLate, type SealedHour, sealedHour } from './sealed-hour.ts';

export interface RecomputeOutcome {
  /** When the run began to read, milliseconds since 1970: everything stored by then is included. */
  readonly readAt: number;
  /** Number of compare-and-sets lost. */
  readonly lost: number;
  /** What it left out; due marks of the next tries are durable. */
  readonly parked: readonly ParkedPart[];
  /** Whether the hour or day is parked as a whole, by this run or before: nothing was published. */
  readonly isParked: boolean;
  /** Batches of a sealed hour that were not counted before: no figure has them. */
  readonly tooLate: number;
  /** Whether the hour is not folded any more: its figures are as they were when it was closed. */
  readonly isClosed: boolean;
}

type Published = Omit<RecomputeOutcome, 'parked' | 'isParked'>;

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
  const run: Run = {
    ...{ due, logic, stores, now, attempt, slices: new Slices(), mergeBytes, options },
    ...{ sealedAt: null, repaired: new Set() },
  };
  const outcome: Published = { readAt: now(), lost: 0, tooLate: 0, isClosed: false };
  try {
    if (!attempt.isParked) Object.assign(outcome, await orPark(attempt, null, () => publish(run)));
    await attempt.end(stores.marks, due.terminals ?? new Set());
  } catch (error) {
    await attempt.abandon();
    throw error;
  }
  return { ...outcome, parked: attempt.parked, isParked: attempt.isParked };
}

async function publish(run: Run): Promise<Published> {
  const { due, logic, stores, now, repaired } = run;
  const key: RollupKey = { merchant: due.merchant, level: due.level, logic: logic.version, time: due.time };
  let isAnew = run.options.isAnew ?? false;
  let tooLate = 0;
  for (let lost = 0; lost < MAX_ATTEMPTS; ) {
    const readAt = now();
    const hoursAdded = due.level === 'day' && (await rollUpMissingHours(run));
    const current = await stores.rollups.read(key, cellsFor(run, isAnew));
    const sealed = await sealedHour(run, key, current);
    if (sealed !== null) tooLate += await noteTooLate(run, sealed);
    const isClosed = sealed?.isClosed ?? false;
    const done = { readAt, lost, tooLate, isClosed };
    const isWhole = current !== null && readAfterEnd(current) && !isAnew;
    const terminals = isWhole && !hoursAdded && !run.attempt.wasParked ? due.terminals : null;
    run.attempt.tries(terminals);
    try {
      const row = await content({ ...run, sealedAt: sealed?.at ?? null }, sealed, { current, terminals, isWhole });
      if (row === null) return done;
      const allReadAt = terminals === null ? readAt : (current?.meta.allReadAt ?? readAt);
      if (await publishRow(run, key, current, row, { readAt, allReadAt })) return done;
      lost++;
    } catch (error) {
      if (error instanceof RowChanged) {
        lost++;
        continue;
      }
      if (!(error instanceof UnreadableCell) || repaired.has(error.hour)) throw error;
      repaired.add(error.hour);
      if (due.level === 'day') await computeHour(run, error.hour, true);
      else isAnew = true;
    }
  }
  throw new Error(`lost ${MAX_ATTEMPTS} compare-and-sets in a row on ${due.merchant} ${due.level} ${due.time}`);
}

interface Found {
  readonly current: Rollup | null;
  readonly terminals: Terminals;
  readonly isWhole: boolean;
}

/** @returns null when there is nothing to publish */
function content(run: Run, sealed: SealedHour | null, found: Found): Promise<RowContent | null> {
  const { current, terminals, isWhole } = found;
  if (sealed?.isClosed) return keptRow(run, current, sealed, isWhole);
  if (run.due.level === 'day') return dayRow(run, current, terminals, isWhole);
  const whole = async (): Promise<Rollup | null> => {
    // It was read with all partial aggregates, and no views, or there is none.
    if (current === null || current.views.size === 0) return current;
    const row = await run.stores.rollups.read(current);
    if (row?.revision !== current.revision) throw new RowChanged('another run has published it');
    return row;
  };
  return hourRow(run, current, terminals, isWhole, whole);
}

/** What a run of a few terminals needs if they only sold more; else all partial aggregates. */
function cellsFor({ due, attempt }: Run, isAnew: boolean): Cells {
  const { level, terminals } = due;
  const isFew = terminals !== null && terminals.size > 0 && terminals.size <= MAX_GROWN;
  if (level !== 'hour' || !isFew || isAnew || attempt.wasParked) return { kind: 'parts' };
  return { kind: 'all', terminals: [...terminals] };
}

/** @returns false when another run was faster */
async function publishRow(
  run: Run,
  key: RollupKey,
  current: Rollup | null,
  row: RowContent,
  times: Pick<RollupMeta, 'readAt' | 'allReadAt'>,
): Promise<boolean> {
  const replacement = await keepReplaced(run, key, current, row);
  if (replacement === null) return false;
  const publishedAt = run.now();
  const since = replacement.since ?? publishedAt;
  const meta = { ...row.meta, ...times, publishedAt, ...replacement, since };
  if (!(await run.stores.rollups.publish(key, current?.revision ?? null, { ...row, meta }))) return false;
  await confirmFinal(run, key, current?.revision ?? 0, replacement);
  return true;
}

/**
 * Recomputes hours of a day whose due marks come later or failed, because the day's row would hide
 * them.
 *
 * @returns whether there were any
 */
async function rollUpMissingHours(run: Run): Promise<boolean> {
  const { due, logic, stores } = run;
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
  missing.push(...(await closedBeside(run, missing)));
  for (const time of missing) await computeHour(run, time, false);
  return missing.length > 0;
}

async function computeHour({ due, logic, stores, now, options }: Run, time: number, isAnew: boolean): Promise<void> {
  const hour: Due = { merchant: due.merchant, level: 'hour', time, terminals: new Set() };
  const outcome = await recompute(hour, logic, stores, now, { ...options, isAnew });
  if (outcome === null) throw new Error(`hour ${time} is being recomputed`);
  // The day is answered from its hours, and this one from the raw log.
  if (outcome.isParked) throw new FoldTooDear(`its hour ${time} is parked`);
}

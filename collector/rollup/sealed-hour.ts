/**
 * Runs of a sealed hour (`store/sealing/sealed-hours.ts`): what came too late is counted, and once
 * the hour is closed its figures stay. A logic version without a row takes over that of another
 * one, since nothing is left to fold its own from.
 */
import { DAY_MS } from '../../shared/time.ts';
import { type Rollup, type RollupKey, readAfterEnd } from '../store/rollups/rollup.ts';
import { mergedHour, noFreshParts } from './merged-hour.ts';
import { type RowContent, type Run, UnreadableCell } from './run.ts';

export interface SealedHour {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly isClosed: boolean;
  /** Of the run's own logic version, or else of another one. */
  readonly row: Rollup;
}

/** @returns null when the hour, or day, is not sealed */
export async function sealedHour(run: Run, key: RollupKey, current: Rollup | null): Promise<SealedHour | null> {
  const { stores, now } = run;
  if (key.level !== 'hour' || !stores.sealed.areSealed) return null;
  const row = current ?? (await rowBeside(run, key));
  const seal = row === null ? null : stores.sealed.sealOf(row);
  if (row === null || seal === null || now() < seal.at) return null;
  return { at: seal.at, isClosed: now() >= seal.closesAt, row };
}

async function rowBeside({ stores, options }: Run, key: RollupKey): Promise<Rollup | null> {
  for (const logic of options.beside ?? []) {
    const row = await stores.rollups.read({ ...key, logic }, { kind: 'meta' });
    if (row !== null && readAfterEnd(row)) return row;
  }
  return null;
}

/** Counts what came too late. @returns batches that were not counted before */
export async function noteTooLate({ due, stores, slices }: Run, { at }: SealedHour): Promise<number> {
  const { merchant, time: hour } = due;
  let [batches, events] = [0, 0];
  for await (const { key } of stores.log.scan(merchant, hour, hour + 1, { keysOnly: true, since: at })) {
    batches++;
    if (key.kind === 'events') events += key.count;
    if (slices.isUsedUp) await slices.pause();
  }
  return batches === 0 ? 0 : stores.sealed.note({ merchant, hour, sealedAt: at, batches, events });
}

/**
 * What is published of a closed hour: its row anew from its own partials, if a cell of it is to be
 * repaired; or those of another logic version, if it has none.
 *
 * @returns null: it stays as it is
 */
export async function keptRow(
  run: Run,
  current: Rollup | null,
  { row }: SealedHour,
  isWhole: boolean,
): Promise<RowContent | null> {
  if (current !== null && isWhole) return null;
  const source = await run.stores.rollups.read(current ?? row);
  if (source === null || source.parts.size === 0) return null;
  try {
    const { meta, views, sole } = await mergedHour(run, source.parts, noFreshParts(), false);
    const keptFrom = source.meta.keptFrom ?? (current === null ? source.logic : undefined);
    const parts = current === null || sole !== undefined ? source.parts : new Map();
    const kept = { meta: { ...meta, ...(keptFrom !== undefined && { keptFrom }) }, parts, views };
    return { ...kept, ...(sole !== undefined && { sole }) };
  } catch (error) {
    // Nothing is left to repair it from.
    if (error instanceof UnreadableCell) return null;
    throw error;
  }
}

/** Hours of a day that are closed, and have a row of another logic version and none of this one. */
export async function closedBeside(run: Run, known: readonly number[]): Promise<number[]> {
  const { due, logic, stores, options, now } = run;
  const beside = options.beside ?? [];
  const [from, to] = [due.time * 24, (due.time + 1) * 24];
  // No hour is sealed that soon.
  if (beside.length === 0 || !stores.sealed.areSealed || now() < (due.time + 1) * DAY_MS) return [];
  const has = new Set(known);
  for await (const row of stores.rollups.scan(due.merchant, 'hour', logic.version, from, to, { kind: 'meta' }))
    has.add(row.time);
  const closed = new Set<number>();
  for (const version of beside)
    for await (const row of stores.rollups.scan(due.merchant, 'hour', version, from, to, { kind: 'meta' }))
      if (!has.has(row.time) && stores.sealed.isClosed(row, now())) closed.add(row.time);
  return [...closed];
}

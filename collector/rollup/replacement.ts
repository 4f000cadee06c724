/**
 * What a row that is about to be published replaces. Where figures change that answers show, the
 * row before is kept in the history, and the new one's meta says what changed.
 *
 *     compare the figures -> keep the row before -> (compare-and-set) -> was the hour final?
 *
 * Rows of an hour or day that had not ended when they were read were never shown as the whole, so
 * nothing is kept of them; but for an hour that was final without events. Nor were those of a logic
 * version that has not been active for the merchant.
 */
import { Buffer } from 'node:buffer';
import type { TerminalId } from '../../shared/ids.ts';
import { DAY_MS, HOUR_MS } from '../../shared/time.ts';
import { afterTally } from '../aggregation/cell-entries.ts';
import type { ExactInt } from '../aggregation/logic/exact-sum.ts';
import { unpackCell } from '../aggregation/message-pack/unpack-cell.ts';
import { differences, packedSum, type Sums, sumsOf } from '../aggregation/views/sums.ts';
import {
  type ChangeReason,
  type Changes,
  type FiguresChange,
  type PackedSum,
  type Rollup,
  type RollupKey,
  type RollupMeta,
  readAfterEnd,
  sinceOf,
} from '../store/rollups/rollup.ts';
import type { RowContent, Run } from './run.ts';

/** Of the meta of the new row; `since` null: from its publication on. */
export interface Replacement {
  readonly since: number | null;
  readonly change?: FiguresChange;
}

const TOTAL = 'total';
/** A first row is made within minutes of the first batch, or once runs go on again. */
const FIRST_ROW_MS = DAY_MS;

/**
 * Keeps what is replaced; durable when it resolves.
 *
 * @returns null when the row has changed since it was read: nothing can be published over it
 */
export async function keepReplaced(
  run: Run,
  key: RollupKey,
  current: Rollup | null,
  next: RowContent,
): Promise<Replacement | null> {
  const { history, rollups } = run.stores;
  if (!(run.options.isShown ?? true)) return { since: null };
  if (current === null || !readAfterEnd(current)) {
    if (!isOfLateRows(key, next, run.now()) || !(await isFinal(run, key))) return { since: null };
    await history.keepNone(key, current?.revision ?? 0);
    const changes = await changesOf(run, new Map(), next, { lost: 0 });
    return { since: null, change: { reason: 'late', wasFinal: true, added: [], changes } };
  }
  const { replaced, added } = await changedParts(run, current, next);
  const isSame = replaced.size === 0 && added.length === 0 && haveSameTallies(current.meta, next.meta);
  if (isSame) {
    const { change } = current.meta;
    return { since: sinceOf(current.meta), ...(change !== undefined && { change }) };
  }
  // A row that was read with its views is what is replaced.
  const before = current.views.size > 0 ? current : await rollups.read(key, { kind: 'all', terminals: [] });
  if (before?.revision !== current.revision) return null;
  await history.keep({ ...before, parts: replaced });
  const reason = reasonOf(run, current.meta, next.meta, replaced.size + added.length > 0);
  if (key.level === 'day') return { since: null, change: { reason, wasFinal: false, added, changes: {} } };
  const changes = await changesOf(run, await sumsOfTotal(run, before.views.get(TOTAL)), next, current.meta);
  return { since: null, change: { reason, wasFinal: await isFinal(run, key), added, changes } };
}

/**
 * To be called once the new row is published: the hour may have become final while it was made.
 *
 * @param revision of the row that was replaced; 0: there was none
 */
export async function confirmFinal(
  run: Run,
  key: RollupKey,
  revision: number,
  { since, change }: Replacement,
): Promise<void> {
  if (since !== null || change === undefined || change.wasFinal) return;
  if (await isFinal(run, key)) await run.stores.history.setFinal(key, revision);
}

/**
 * Whether all that an hour has came after its end, and lately. Else it was not final as empty, but
 * its row is made anew: after a restore, or of another logic version.
 */
function isOfLateRows({ time }: RollupKey, { meta }: RowContent, now: number): boolean {
  const { earliestArrival: first } = meta;
  return first !== null && first >= (time + 1) * HOUR_MS && now - first < FIRST_ROW_MS;
}

async function isFinal({ stores }: Run, { merchant, level, time }: RollupKey): Promise<boolean> {
  if (level !== 'hour') return false;
  const record = await stores.finality.record(merchant);
  return record !== null && (time + 1) * HOUR_MS <= record.through && !record.holes.includes(time);
}

/** The published partial aggregates whose figures change, and the terminals that had none. */
async function changedParts(
  { slices }: Run,
  current: Rollup,
  { parts }: RowContent,
): Promise<{ readonly replaced: Map<TerminalId, Uint8Array>; readonly added: TerminalId[] }> {
  const replaced = new Map<TerminalId, Uint8Array>();
  const added: TerminalId[] = [];
  for (const [terminal, cell] of parts) {
    await slices.pause();
    const before = current.parts.get(terminal);
    if (before === undefined) added.push(terminal);
    else if (!(await areAlike(before, cell))) replaced.set(terminal, before);
  }
  return { replaced, added };
}

async function areAlike(before: Uint8Array, cell: Uint8Array): Promise<boolean> {
  if (Buffer.compare(before, cell) === 0) return true;
  try {
    return Buffer.compare(afterTally(await unpackCell(before)), afterTally(await unpackCell(cell))) === 0;
  } catch {
    // What was published cannot be read.
    return false;
  }
}

const haveSameTallies = (a: RowContent['meta'], b: RowContent['meta']): boolean =>
  a.events === b.events && a.lost === b.lost && (a.omitted ?? []).join() === (b.omitted ?? []).join();

function reasonOf({ attempt }: Run, before: RollupMeta, { events, lost }: RowContent['meta'], areFiguresNew: boolean) {
  if (!areFiguresNew && events === before.events && lost !== before.lost) return 'loss';
  const isLate = events > before.events && !attempt.isRetry;
  return (isLate ? 'late' : 'correction') satisfies ChangeReason;
}

/** @param before null: they cannot be read */
async function changesOf(
  run: Run,
  before: Sums | null,
  { views, meta }: RowContent,
  { lost }: Pick<RollupMeta, 'lost'>,
): Promise<Changes> {
  const changes: Record<string, readonly [PackedSum | null, PackedSum]> = {};
  const after = (await sumsOfTotal(run, views.get(TOTAL))) ?? new Map<string, ExactInt>();
  for (const [name, was, is] of differences(before ?? new Map(), after))
    changes[name] = [before === null ? null : packedSum(was), packedSum(is)];
  if (lost !== meta.lost) changes['events.lost'] = [lost, meta.lost];
  return changes;
}

/** @returns null when it cannot be read */
async function sumsOfTotal({ slices }: Run, cell: Uint8Array | undefined): Promise<Sums | null> {
  if (cell === undefined) return null;
  try {
    return await slices.run(sumsOf(await unpackCell(cell)));
  } catch {
    return null;
  }
}

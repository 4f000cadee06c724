/**
 * What a merchant's figures changed by when another logic version became active: the rows that both
 * versions had at that moment, side by side. No row is written for a switch, which is one write for
 * all merchants.
 */
import { Buffer } from 'node:buffer';
import type { MerchantId } from '../../../shared/ids.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { unpackCell } from '../../aggregation/message-pack/unpack-cell.ts';
import { differences, packedSum, type Sums, sumsOf } from '../../aggregation/views/sums.ts';
import type { History } from '../../store/history/history.ts';
import { RollupsAsOf } from '../../store/history/rollups-as-of.ts';
import type { LogicSet, LogicSwitch } from '../../store/logic-versions.ts';
import type { Changes, Rollup } from '../../store/rollups/rollup.ts';
import type { Rollups } from '../../store/rollups/rollups.ts';
import type { Question } from '../admission/question.ts';
import type { Completeness } from '../figures/completeness.ts';
import { Problem } from '../query/problem.ts';
import type { Place, Restatement } from './restatement.ts';

const TOTAL = 'total';
const END_HOUR = 2 ** 32 - 1;

export interface SwitchSource {
  readonly history: Pick<History, 'scan'>;
  readonly rollups: Pick<Rollups, 'scan'>;
  readonly merchant: MerchantId;
  readonly question: Question;
  /** Whether an hour was final at a switch is not kept: those count that are final now. */
  readonly completeness: Pick<Completeness, 'statusOf'>;
}

/** @param after those of later places alone; null: all */
export async function* logicRestatements(
  source: SwitchSource,
  versions: LogicSet,
  since: number,
  after: Place | null,
): AsyncIterable<Restatement> {
  const isKept = (version: number): boolean => (versions.record(version)?.state ?? 'dropped') !== 'dropped';
  for (const change of versions.switches(source.merchant)) {
    if (change.at < since || change.at < (after?.at ?? 0) || !isKept(change.from) || !isKept(change.to)) continue;
    yield* restatementsOf(source, change, change.at === after?.at ? after.time : 0);
  }
}

async function* restatementsOf(
  source: SwitchSource,
  { at, from, to }: LogicSwitch,
  first: number,
): AsyncIterable<Restatement> {
  for await (const [time, before, after] of pairs(rowsAsOf(source, from, at, first), rowsAsOf(source, to, at, first))) {
    if (hasSameTotal(before, after)) continue;
    const [was, is] = [await totalOf(source, before), await totalOf(source, after)];
    // A cell that can't be read is made anew, and then restates by itself.
    if (was === null || is === null) continue;
    const changes: Record<string, Changes[string]> = {};
    for (const [name, old, next] of differences(was, is)) changes[name] = [packedSum(old), packedSum(next)];
    if (Object.keys(changes).length === 0) continue;
    const range = { from: time * HOUR_MS, to: (time + 1) * HOUR_MS };
    const wasFinal = source.completeness.statusOf(range) === 'final';
    yield { at, time, revision: 0, reason: 'logic', wasFinal, changes };
  }
}

/** The rows of a version that were published at a moment. */
async function* rowsAsOf(
  { rollups, history, merchant, question }: SwitchSource,
  version: number,
  at: number,
  first: number,
): AsyncGenerator<Rollup> {
  const cells = { kind: 'view', name: TOTAL } as const;
  const asOf = new RollupsAsOf(rollups, history, at);
  for await (const row of asOf.scan(merchant, 'hour', version, first, END_HOUR, cells)) {
    question.read(1, row.views.get(TOTAL)?.length ?? 0);
    await question.turn();
    yield row;
  }
}

/** Of two lists in order of time the rows of the hours that are in both. */
async function* pairs(
  before: AsyncGenerator<Rollup>,
  after: AsyncGenerator<Rollup>,
): AsyncIterable<[time: number, before: Rollup, after: Rollup]> {
  try {
    let [a, b] = [await before.next(), await after.next()];
    while (a.done !== true && b.done !== true) {
      if (a.value.time === b.value.time) yield [a.value.time, a.value, b.value];
      const [isBehind, isAhead] = [a.value.time <= b.value.time, b.value.time <= a.value.time];
      if (isBehind) a = await before.next();
      if (isAhead) b = await after.next();
    }
  } finally {
    await Promise.all([before.return(undefined), after.return(undefined)]);
  }
}

function hasSameTotal({ views: a }: Rollup, { views: b }: Rollup): boolean {
  const [one, other] = [a.get(TOTAL), b.get(TOTAL)];
  return one !== undefined && other !== undefined && Buffer.compare(one, other) === 0;
}

/** @returns null when it can't be read */
async function totalOf({ question }: SwitchSource, { views }: Rollup): Promise<Sums | null> {
  const cell = views.get(TOTAL);
  if (cell === undefined) return null;
  try {
    return await question.run(sumsOf(await unpackCell(cell)));
  } catch (error) {
    if (error instanceof Problem) throw error;
    return null;
  }
}

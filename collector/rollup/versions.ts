/** Recomputes an hour or a day for each logic version that runs maintain. */
import type { Logic } from '../aggregation/logic/logic-version.ts';
import { AttemptStopped } from './attempt.ts';
import { type RecomputeOutcome, recompute } from './recompute.ts';
import type { Due, RecomputeOptions, RecomputeStores } from './run.ts';

/** How runs of one logic version recompute. */
export interface RunOfVersion {
  readonly logic: Logic;
  readonly stores: RecomputeStores;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly recompute: RecomputeOptions;
}

export interface VersionsOutcome extends RecomputeOutcome {
  /** False: that of some version is not tried now, and its due marks must stay. */
  readonly isTried: boolean;
}

/**
 * One version that fails keeps none from being tried. It is parked as a whole if it is in all
 * versions.
 *
 * @throws what the first of them failed with
 */
export async function recomputeVersions(due: Due, versions: readonly RunOfVersion[]): Promise<VersionsOutcome> {
  const outcomes: RecomputeOutcome[] = [];
  const faults: unknown[] = [];
  for (const { logic, stores, now, recompute: options } of versions) {
    try {
      const outcome = await recompute(due, logic, stores, now, options);
      if (outcome !== null) outcomes.push(outcome);
    } catch (fault) {
      if (fault instanceof AttemptStopped) throw fault;
      faults.push(fault);
    }
  }
  for (const fault of faults) throw fault;
  return {
    readAt: Math.min(...outcomes.map(({ readAt }) => readAt)),
    lost: outcomes.reduce((sum, { lost }) => sum + lost, 0),
    parked: outcomes.flatMap(({ parked }) => parked),
    isParked: outcomes.every(({ isParked }) => isParked),
    // Each version notes the same: the first one finds what is new.
    tooLate: outcomes.reduce((sum, { tooLate }) => sum + tooLate, 0),
    isClosed: outcomes.some(({ isClosed }) => isClosed),
    isTried: outcomes.length === versions.length,
  };
}

/** Runs the jobs of a pass, for each logic version, and settles their due marks. */
import type { MerchantId } from '../../../shared/ids.ts';
import { type Level, salt } from '../../../shared/keys.ts';
import type { DueMarks } from '../../store/due-marks.ts';
import type { Finality } from '../../store/finality.ts';
import type { LogicSet, LogicVersions } from '../../store/logic-versions.ts';
import type { ParkedHours, ParkedPart } from '../../store/parked-hours.ts';
import { advanceFinality } from '../advance-finality.ts';
import { AttemptStopped } from '../attempt.ts';
import type { Due, RecomputeStores } from '../run.ts';
import { type RunOfVersion, recomputeVersions } from '../versions.ts';
import { type Done, followUps, type Job, joinDay, nameOf } from './jobs.ts';
import type { LateJobs } from './late-jobs.ts';
import type { PassReport } from './pass-report.ts';

export interface RunnerOptions extends Omit<RecomputeStores, 'parked'> {
  readonly parked: ParkedHours;
  readonly marks: DueMarks;
  readonly finality: Pick<Finality, 'record' | 'read' | 'write'>;
  readonly logics: Pick<LogicVersions, 'read'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** How long after its end an hour or day is first rolled up. */
  readonly graceMs: number;
  /** Which salts are this runner's (`salt-share.ts`); left out: all. */
  readonly owns?: (salt: number) => boolean;
  /** Salts processed in parallel. */
  readonly concurrency: number;
  /** See `AGGREGATION_LIMITS`. */
  readonly mergeBytes?: number;
  /** Called for each failed run; its due marks stay. */
  readonly onFailure: (job: Pick<Job, 'merchant' | 'level' | 'time'>, error: Error) => void;
  /** Called for each part that a run left out. */
  readonly onParked: (due: Due, part: ParkedPart) => void;
}

/** What the rounds of a pass share. */
export interface Round {
  readonly report: PassReport;
  /** Runs that failed in this pass are not repeated in it. */
  readonly failed: Set<string>;
  /** Minutes since 1970. */
  readonly through: number;
  readonly salts: ReadonlySet<number>;
  readonly late: LateJobs;
  /** Through which minute a salt's marks are listed for the late lane, once live jobs were run. */
  readonly rest: Map<number, number>;
  /** Salts with more work. */
  readonly left: Set<number>;
}

export type Listed = Round & { readonly salt: number; readonly logics: LogicSet };

export class JobRuns {
  readonly #options: RunnerOptions;
  readonly #isStopped: () => boolean;
  /** Merchants of which some pass runs a job. */
  readonly #busy = new Set<MerchantId>();
  /** By logic version: see `Attempts`. */
  readonly #leftNotes = new Map<number, Map<string, number>>();

  constructor(options: RunnerOptions, isStopped: () => boolean) {
    this.#options = options;
    this.#isStopped = isStopped;
  }

  isBusy(merchant: MerchantId): boolean {
    return this.#busy.has(merchant);
  }

  /**
   * Runs a job of the round; what it did is added to `done`.
   *
   * @param rest jobs of the merchant that are to follow
   * @returns whether it is done
   */
  async run(job: Job, rest: readonly Job[], round: Listed, done: Done[]): Promise<boolean> {
    if (round.failed.has(nameOf(job))) return false;
    const outcome = await this.#outcome(job, round);
    if (outcome === 'again') round.left.add(round.salt);
    if (outcome === null || outcome === 'again') return false;
    done.push(outcome);
    joinDay(job, rest);
    return true;
  }

  /** Writes the marks that follow from runs, and deletes those that are done. */
  async settle(done: readonly Done[], { report, left, through }: Round): Promise<void> {
    // The follow-up marks are durable before the old ones are deleted: a crash in between repeats a
    // run, it loses none.
    const next = followUps(done, this.#options);
    if (next.length > 0) await this.#options.marks.add(next);
    // The day of a late hour follows in this pass.
    for (const { merchant, minute } of next) if (minute <= through) left.add(salt(merchant));
    const finished = done.flatMap((job) => job.marks);
    if (finished.length > 0) await this.#options.marks.remove(finished);
    report.marks += finished.length;
  }

  /** @returns null when it failed, or is not tried now; again: it has its turn in the next round */
  async #outcome(job: Job, { report, failed, logics }: Listed): Promise<Done | 'again' | null> {
    this.#busy.add(job.merchant);
    try {
      const { level } = job;
      const done = await (level === 'finality'
        ? this.#advance(job, report, logics)
        : this.#recompute(job, level, report, logics));
      if (done === null) failed.add(nameOf(job));
      return done;
    } catch (error) {
      failed.add(nameOf(job));
      if (error instanceof AttemptStopped) return null;
      report.failures++;
      this.#options.onFailure(job, error as Error);
      return null;
    } finally {
      this.#busy.delete(job.merchant);
    }
  }

  /** The versions that runs maintain. */
  #versions(merchant: MerchantId, logics: LogicSet): RunOfVersion[] {
    const { mergeBytes, parked, now } = this.#options;
    const maintained = logics.maintained();
    return maintained.map((logic) => {
      const beside = maintained.map(({ version }) => version).filter((version) => version !== logic.version);
      const leftNotes = this.#leftNotes.get(logic.version) ?? new Map<string, number>();
      this.#leftNotes.set(logic.version, leftNotes);
      const isShown = logics.wasActive(merchant, logic.version);
      return {
        ...{ logic, now, stores: { ...this.#options, parked: parked.ofLogic(logic.version) } },
        recompute: { ...(mergeBytes && { mergeBytes }), isStopped: this.#isStopped, leftNotes, isShown, beside },
      };
    });
  }

  async #recompute(job: Job, level: Level, report: PassReport, logics: LogicSet): Promise<Done | null> {
    const due = { ...job, level };
    const versions = this.#versions(job.merchant, logics);
    const { readAt, lost, parked, isParked, isTried, tooLate } = await recomputeVersions(due, versions);
    report.racesLost += lost;
    report.tooLate += tooLate;
    report.parked += parked.length;
    for (const part of parked) this.#options.onParked(due, part);
    if (!isTried) return null;
    if (!isParked) report[level === 'hour' ? 'hours' : 'days']++;
    return { ...job, readAt, isParked, recheckAt: null };
  }

  async #advance(job: Job, report: PassReport, logics: LogicSet): Promise<Done | 'again'> {
    const { finality, log, parked, now, clock, graceMs } = this.#options;
    const versions = this.#versions(job.merchant, logics);
    const active = logics.active(job.merchant);
    const readAt = now();
    const { hours, recheckAt, isMore } = await advanceFinality(job.merchant, {
      ...{ finality, log, parked, now, clock, graceMs },
      active: versions.filter(({ logic }) => logic.version === active),
      others: versions.filter(({ logic }) => logic.version !== active),
    });
    report.finalHours += hours;
    return isMore ? 'again' : { ...job, readAt, isParked: false, recheckAt };
  }
}

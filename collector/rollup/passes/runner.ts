/**
 * Processes due marks: lists them, reads which logic versions there are, recomputes each hour and
 * day they name once for each version, and deletes exactly the marks listed. In this order a build
 * of a version reads what was stored before the version was. If this release does not know the
 * rules of one, the marks stay.
 *
 * The marks of an hour become marks of its day before they are deleted. A failure leaves its marks
 * for the next pass.
 *
 * Merchants take turns: in each round of a pass each has some time, so that nobody's figures wait
 * for one. What costs too much, or cannot be read, is parked (`attempt.ts`), and holds up nothing.
 *
 * Several runners divide the salts (`salt-share.ts`), but may process the same marks:
 * compare-and-set decides between their runs, not ownership.
 */
import { Slices } from '../../../shared/cooperative.ts';
import type { MerchantId } from '../../../shared/ids.ts';
import type { Level } from '../../../shared/keys.ts';
import { minuteOf } from '../../../shared/time.ts';
import type { DueMark, DueMarks } from '../../store/due-marks.ts';
import type { Finality } from '../../store/finality.ts';
import type { LogicSet, LogicVersions } from '../../store/logic-versions.ts';
import type { ParkedHours, ParkedPart } from '../../store/parked-hours.ts';
import { StoreUnavailable } from '../../store/tables.ts';
import { advanceFinality } from '../advance-finality.ts';
import { AttemptStopped } from '../attempt.ts';
import { ROLLUP_LIMITS } from '../limits.ts';
import type { Due, RecomputeStores } from '../run.ts';
import { type RunOfVersion, recomputeVersions } from '../versions.ts';
import { FarMarks } from './far-marks.ts';
import { type Done, followUps, type Job, jobsByMerchant, nameOf } from './jobs.ts';
import { nothingDone, type PassReport } from './pass-report.ts';

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

const SALTS = 256;
/** Due marks listed at a time: bounds memory, however many have accumulated. */
const MARKS_PER_READ = 5_000;
/** A longer pass no longer stops the next one, which works where this one does not. */
const JOIN_MS = 50_000;
/** Passes at a time: bounds memory. */
const MAX_PASSES = 3;
/** Finished runs wait this long at most until their marks are settled. */
const SETTLE_MS = 1_000;

interface Pass {
  readonly startedAt: number;
  readonly ended: Promise<PassReport>;
}

/** What the rounds of a pass share. */
interface Round {
  readonly report: PassReport;
  /** Runs that failed in this pass are not repeated in it. */
  readonly failed: Set<string>;
  readonly through: number;
}

type Listed = Round & { readonly logics: LogicSet };

export class RollupRunner {
  readonly #options: RunnerOptions;
  readonly #passes: Pass[] = [];
  /** Merchants of which some pass runs a job. */
  readonly #busy = new Set<MerchantId>();
  /** By logic version: see `Attempts`. */
  readonly #leftNotes = new Map<number, Map<string, number>>();
  readonly #farMarks: FarMarks;
  #stopped = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#farMarks = new FarMarks({ ...options, salts: SALTS });
  }

  /**
   * Runs one pass over all marks due by now, or joins the one that began a moment ago. Rejects when
   * marks cannot be listed, added or removed: at once when the store is unavailable, else after the
   * other salts.
   */
  runDue(): Promise<PassReport> {
    const { clock } = this.#options;
    const last = this.#passes.at(-1);
    if (last !== undefined && (clock() - last.startedAt < JOIN_MS || this.#passes.length === MAX_PASSES))
      return last.ended;
    const report = nothingDone();
    const ended = this.#runAll(report).finally(() => {
      this.#passes.splice(this.#passes.indexOf(pass), 1);
    });
    const pass: Pass = { startedAt: clock(), ended };
    this.#passes.push(pass);
    return ended;
  }

  /** Ends the passes, and abandons the running jobs; what was published is settled. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#passes.map(({ ended }) => ended));
  }

  /** In each round, each merchant has some time; rounds follow until no work is left. */
  async #runAll(report: PassReport): Promise<PassReport> {
    const failed = new Set<string>();
    await this.#farMarks.bringForward();
    let isWorkLeft = true;
    while (isWorkLeft && !this.#stopped)
      isWorkLeft = await this.#runRound({ report, failed, through: minuteOf(this.#options.now()) });
    return report;
  }

  /** @returns whether a merchant has more work than its time sufficed for */
  async #runRound(round: Round): Promise<boolean> {
    const { owns = () => true } = this.#options;
    let next = 0;
    let isWorkLeft = false;
    const faults: Error[] = [];
    const worker = async (): Promise<void> => {
      // An unavailable store affects every salt; any other fault is specific to one salt.
      while (next < SALTS && !this.#stopped && !faults.some((fault) => fault instanceof StoreUnavailable)) {
        const salt = next++;
        if (!owns(salt)) continue;
        try {
          if (await this.#runSalt(salt, round)) isWorkLeft = true;
        } catch (fault) {
          faults.push(fault as Error);
        }
      }
    };
    // All workers are awaited, so that nothing runs after the end of a pass.
    await Promise.all(Array.from({ length: this.#options.concurrency }, worker));
    for (const fault of faults) throw fault;
    return isWorkLeft;
  }

  async #runSalt(salt: number, round: Round): Promise<boolean> {
    let marks: DueMark[] = [];
    let isWorkLeft = false;
    /** Milliseconds that each merchant's runs took. */
    const spent = new Map<MerchantId, number>();
    do {
      marks = await this.#list(salt, round.through, marks.at(-1));
      if (marks.length === 0) break;
      // After the marks: whatever arrived before them, a build of a version added since then reads.
      const logics = await this.#options.logics.read();
      if (await this.#process(marks, spent, { ...round, logics })) isWorkLeft = true;
    } while (marks.length === MARKS_PER_READ && !this.#stopped);
    return isWorkLeft;
  }

  /** The next due marks after `after`, as many as are processed at once. */
  async #list(salt: number, through: number, after: DueMark | undefined): Promise<DueMark[]> {
    const marks: DueMark[] = [];
    for await (const mark of this.#options.marks.due(salt, through, after)) {
      if (marks.push(mark) === MARKS_PER_READ) break;
    }
    return marks;
  }

  /** Runs one job of each merchant in turn, until the jobs or the merchants' times are used up. */
  async #process(marks: readonly DueMark[], spent: Map<MerchantId, number>, round: Listed): Promise<boolean> {
    const { clock } = this.#options;
    // Here it is refused what this release does not know.
    round.logics.maintained();
    const done: Done[] = [];
    // Many small jobs: none fills a slice, and an embedded store answers without a turn.
    const slices = new Slices();
    let settledAt = clock();
    let isWorkLeft = false;
    const queue = [...jobsByMerchant(marks)];
    for (let turn = queue.shift(); turn !== undefined && !this.#stopped; turn = queue.shift()) {
      const [merchant, jobs] = turn;
      // Another pass runs one of its jobs, and goes on with the others.
      if (this.#busy.has(merchant)) continue;
      const used = spent.get(merchant) ?? 0;
      if (used >= ROLLUP_LIMITS.merchantRound.value) {
        isWorkLeft = true;
        continue;
      }
      const job = jobs.shift()!;
      const start = clock();
      const outcome = round.failed.has(nameOf(job)) ? null : await this.#run(job, round);
      if (outcome === 'again') isWorkLeft = true;
      else if (outcome !== null) done.push(outcome);
      spent.set(merchant, used + clock() - start);
      if (jobs.length > 0) queue.push(turn);
      await slices.pause();
      if (clock() - settledAt < SETTLE_MS) continue;
      await this.#settle(done.splice(0), round.report);
      settledAt = clock();
    }
    await this.#settle(done, round.report);
    return isWorkLeft;
  }

  async #settle(done: readonly Done[], report: PassReport): Promise<void> {
    // The follow-up marks are durable before the old ones are deleted: a crash in between repeats a
    // run, it loses none.
    const next = followUps(done, this.#options);
    if (next.length > 0) await this.#options.marks.add(next);
    const finished = done.flatMap((job) => job.marks);
    if (finished.length > 0) await this.#options.marks.remove(finished);
    report.marks += finished.length;
  }

  /** @returns null when it failed, or is not tried now; again: it has its turn in the next round */
  async #run(job: Job, { report, failed, logics }: Listed): Promise<Done | 'again' | null> {
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
        recompute: { ...(mergeBytes && { mergeBytes }), isStopped: () => this.#stopped, leftNotes, isShown, beside },
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
    const { finality, log, now, clock, graceMs } = this.#options;
    const versions = this.#versions(job.merchant, logics);
    const active = logics.active(job.merchant);
    const readAt = now();
    const { hours, recheckAt, isMore } = await advanceFinality(job.merchant, {
      ...{ finality, log, now, clock, graceMs },
      active: versions.filter(({ logic }) => logic.version === active),
      others: versions.filter(({ logic }) => logic.version !== active),
    });
    report.finalHours += hours;
    return isMore ? 'again' : { ...job, readAt, isParked: false, recheckAt };
  }
}

/**
 * Processes due marks: lists them, reads which logic versions there are, recomputes each hour and
 * day they name once for each version, and deletes exactly the marks listed. In this order a build
 * of a version reads what was stored before the version was. If this release does not know the
 * rules of one, the marks stay.
 *
 * The marks of an hour become marks of its day before they are deleted; the day follows in the same
 * pass. A failure leaves its marks for the next one.
 *
 * Merchants take turns: in each round of a pass each has some time, so that nobody's figures wait
 * for one, and no live hour waits for a backlog (`late-jobs.ts`). What costs too much, or cannot be
 * read, is parked (`attempt.ts`), and holds up nothing.
 *
 * Several runners divide the salts (`salt-share.ts`), but may process the same marks:
 * compare-and-set decides between their runs, not ownership.
 */
import { Slices } from '../../../shared/cooperative.ts';
import type { MerchantId } from '../../../shared/ids.ts';
import { minuteOf } from '../../../shared/time.ts';
import type { DueMark } from '../../store/due-marks.ts';
import { StoreUnavailable } from '../../store/tables.ts';
import { ROLLUP_LIMITS } from '../limits.ts';
import { FarMarks } from './far-marks.ts';
import { JobRuns, type Listed, type Round, type RunnerOptions } from './job-runs.ts';
import { type Done, jobsByMerchant, nameOf } from './jobs.ts';
import { LateJobs } from './late-jobs.ts';
import { nothingDone, type PassReport } from './pass-report.ts';

export type { RunnerOptions } from './job-runs.ts';

const SALTS = 256;
const ALL_SALTS: ReadonlySet<number> = new Set(Array(SALTS).keys());
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

export class RollupRunner {
  readonly #options: RunnerOptions;
  readonly #passes: Pass[] = [];
  readonly #farMarks: FarMarks;
  readonly #runs: JobRuns;
  #stopped = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#runs = new JobRuns(options, () => this.#stopped);
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
    const isFollowed = (): boolean => this.#passes.indexOf(pass) < this.#passes.length - 1;
    const ended = this.#runAll(report, isFollowed).finally(() => {
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

  /**
   * In each round each merchant has some time for live jobs, and late ones have the rest of the
   * minute; rounds follow until no work is left. In the next minute a newer pass takes over.
   */
  async #runAll(report: PassReport, isFollowed: () => boolean): Promise<PassReport> {
    const failed = new Set<string>();
    await this.#farMarks.bringForward();
    let through = 0;
    let left: ReadonlySet<number> = ALL_SALTS;
    while (left.size > 0 && !this.#stopped && !isFollowed()) {
      const minute = minuteOf(this.#options.now());
      const salts = minute === through ? left : ALL_SALTS;
      through = minute;
      left = await this.#runRound({ report, failed, through, salts, late: new LateJobs(), left: new Set() });
    }
    return report;
  }

  /** @returns the salts with more work */
  async #runRound(round: Round): Promise<ReadonlySet<number>> {
    const { owns = () => true } = this.#options;
    const salts = [...round.salts].filter(owns);
    const faults: Error[] = [];
    await this.#workers(async () => {
      // An unavailable store affects every salt; any other fault is specific to one salt.
      while (salts.length > 0 && !this.#stopped && !faults.some((fault) => fault instanceof StoreUnavailable)) {
        try {
          await this.#runSalt(salts.shift()!, round);
        } catch (fault) {
          faults.push(fault as Error);
        }
      }
    });
    if (!faults.some((fault) => fault instanceof StoreUnavailable)) await this.#runLate(round);
    for (const fault of faults) throw fault;
    return new Set([...round.left, ...round.late.left]);
  }

  /** All workers are awaited, so that nothing runs after the end of a pass. */
  async #workers(work: () => Promise<void>): Promise<void> {
    const ended = await Promise.allSettled(Array.from({ length: this.#options.concurrency }, work));
    for (const { reason } of ended.filter((one) => one.status === 'rejected')) throw reason;
  }

  /** Until the next minute; or for a moment, if live jobs are left. */
  async #runLate(round: Round): Promise<void> {
    const { now, clock } = this.#options;
    const isBusy = (merchant: MerchantId): boolean => this.#runs.isBusy(merchant);
    const until = round.left.size > 0 ? clock() + ROLLUP_LIMITS.merchantRound.value : Number.POSITIVE_INFINITY;
    await this.#workers(async () => {
      const slices = new Slices();
      const done: Done[] = [];
      let settledAt = clock();
      while (!this.#stopped && minuteOf(now()) === round.through && clock() < until) {
        const next = round.late.next(isBusy);
        if (next === null) break;
        await this.#runs.run(next.job, next.of.jobs, { ...round, ...next.of }, done);
        await slices.pause();
        if (clock() - settledAt < SETTLE_MS) continue;
        await this.#runs.settle(done.splice(0), round);
        settledAt = clock();
      }
      await this.#runs.settle(done, round);
    });
    round.late.drop(isBusy);
  }

  async #runSalt(salt: number, round: Round): Promise<void> {
    let marks: DueMark[] = [];
    /** Milliseconds that each merchant's runs took. */
    const spent = new Map<MerchantId, number>();
    do {
      marks = await this.#list(salt, round.through, marks.at(-1));
      if (marks.length === 0) break;
      // After the marks: whatever arrived before them, a build of a version added since then reads.
      const logics = await this.#options.logics.read();
      await this.#process(marks, spent, { ...round, salt, logics });
    } while (marks.length === MARKS_PER_READ && !this.#stopped);
  }

  /** The next due marks after `after`, as many as are processed at once. */
  async #list(salt: number, through: number, after: DueMark | undefined): Promise<DueMark[]> {
    const marks: DueMark[] = [];
    for await (const mark of this.#options.marks.due(salt, through, after)) {
      if (marks.push(mark) === MARKS_PER_READ) break;
    }
    return marks;
  }

  /** Runs a live job of each merchant in turn, until they, or the times, are used up. */
  async #process(marks: readonly DueMark[], spent: Map<MerchantId, number>, round: Listed): Promise<void> {
    const { clock, now } = this.#options;
    // Here it is refused what this release does not know.
    round.logics.maintained();
    const done: Done[] = [];
    // Many small jobs: none fills a slice, and an embedded store answers without a turn.
    const slices = new Slices();
    let settledAt = clock();
    const queue = [...jobsByMerchant(marks)].map(([merchant, jobs]) => {
      // What failed in this pass would take the place of others.
      const next = jobs.filter((job) => !round.failed.has(nameOf(job)));
      return [merchant, round.late.take(next, { merchant, ...round }, now())] as const;
    });
    for (let turn = queue.shift(); turn !== undefined && !this.#stopped; turn = queue.shift()) {
      const [merchant, jobs] = turn;
      const job = jobs.shift();
      // Another pass runs one of its jobs, and goes on with the others.
      if (job === undefined || this.#runs.isBusy(merchant)) continue;
      const used = spent.get(merchant) ?? 0;
      if (used >= ROLLUP_LIMITS.merchantRound.value) {
        round.left.add(round.salt);
        continue;
      }
      const start = clock();
      await this.#runs.run(job, jobs, round, done);
      spent.set(merchant, used + clock() - start);
      if (jobs.length > 0) queue.push(turn);
      await slices.pause();
      if (clock() - settledAt < SETTLE_MS) continue;
      await this.#runs.settle(done.splice(0), round);
      settledAt = clock();
    }
    await this.#runs.settle(done, round);
  }
}

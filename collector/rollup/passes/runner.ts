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
 * for one. No live hour waits for a backlog (`late-jobs.ts`), nor for the list of its marks
 * (`recent-marks.ts`). What costs too much, or cannot be read, is parked (`attempt.ts`), and holds
 * up nothing.
 *
 * Several runners divide the salts (`salt-share.ts`), but may process the same marks:
 * compare-and-set decides between their runs, not ownership.
 */
import { Slices } from '../../../shared/cooperative.ts';
import type { MerchantId } from '../../../shared/ids.ts';
import { minuteOf } from '../../../shared/time.ts';
import { StoreUnavailable } from '../../store/tables.ts';
import { ROLLUP_LIMITS } from '../limits.ts';
import { FarMarks } from './far-marks.ts';
import { JobRuns, type Round, type RunnerOptions } from './job-runs.ts';
import type { Done } from './jobs.ts';
import { LateJobs } from './late-jobs.ts';
import { nothingDone, type PassReport } from './pass-report.ts';
import { SaltRuns, SETTLE_MS } from './salt-runs.ts';

export type { RunnerOptions } from './job-runs.ts';

const SALTS = 256;
const ALL_SALTS: ReadonlySet<number> = new Set(Array(SALTS).keys());
/** A longer pass no longer stops the next one, which works where this one does not. */
const JOIN_MS = 50_000;
/** Passes at a time: bounds memory. */
const MAX_PASSES = 3;

interface Pass {
  readonly startedAt: number;
  readonly ended: Promise<PassReport>;
}

export class RollupRunner {
  readonly #options: RunnerOptions;
  readonly #passes: Pass[] = [];
  readonly #farMarks: FarMarks;
  readonly #runs: JobRuns;
  readonly #salts: SaltRuns;
  /** Whose marks are all listed next. */
  #nextSalt = 0;
  #stopped = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#runs = new JobRuns(options, () => this.#stopped);
    this.#salts = new SaltRuns(options, this.#runs, () => this.#stopped);
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
   * In each round each merchant has some time for live jobs, and late ones and finality have the
   * rest of the minute; rounds follow until no work is left. In the next minute a newer pass takes
   * over.
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
      left = await this.#runRound({
        report,
        failed,
        through,
        salts,
        late: new LateJobs(),
        rest: new Map(),
        left: new Set(),
      });
    }
    return report;
  }

  /** @returns the salts with more work */
  async #runRound(round: Round): Promise<ReadonlySet<number>> {
    const { owns = () => true } = this.#options;
    const salts = [...round.salts].filter(owns);
    const faults: Error[] = [];
    await this.#workers(async () => {
      while (salts.length > 0 && !this.#isOver(faults))
        await collect(faults, this.#salts.runRecent(salts.shift()!, round));
    });
    await this.#runLate(round, this.#inTurn([...round.rest.keys()]), faults);
    for (const fault of faults) throw fault;
    return new Set([...round.left, ...round.late.left]);
  }

  /** An unavailable store affects every salt; any other fault is specific to one salt. */
  #isOver(faults: readonly Error[]): boolean {
    return this.#stopped || faults.some((fault) => fault instanceof StoreUnavailable);
  }

  /** From the one on that was not reached last time. */
  #inTurn(salts: readonly number[]): number[] {
    const turn = (salt: number): number => (salt - this.#nextSalt + SALTS) % SALTS;
    return salts.toSorted((a, b) => turn(a) - turn(b));
  }

  /** All workers are awaited, so that nothing runs after the end of a pass. */
  async #workers(work: () => Promise<void>): Promise<void> {
    const ended = await Promise.allSettled(Array.from({ length: this.#options.concurrency }, work));
    for (const { reason } of ended.filter((one) => one.status === 'rejected')) throw reason;
  }

  /**
   * Until the next minute; or for a moment, if live jobs are left. The salts' marks are listed as
   * their jobs are run, in turn over many minutes: a backlog is not listed as a whole.
   */
  async #runLate(round: Round, salts: number[], faults: Error[]): Promise<void> {
    const { now, clock } = this.#options;
    const isBusy = (merchant: MerchantId): boolean => this.#runs.isBusy(merchant);
    const until = round.left.size > 0 ? clock() + ROLLUP_LIMITS.merchantRound.value : Number.POSITIVE_INFINITY;
    const isOver = (): boolean => this.#isOver(faults) || minuteOf(now()) !== round.through || clock() >= until;
    await this.#workers(async () => {
      const slices = new Slices();
      const done: Done[] = [];
      let settledAt = clock();
      while (!isOver()) {
        const next = salts.length > 0 && !round.late.isFull ? null : round.late.next(isBusy);
        if (next !== null) await this.#runs.run(next.job, next.of.jobs, { ...round, ...next.of }, done);
        else if (salts.length > 0) await this.#runRest(salts.shift()!, round, { faults, isOver });
        else break;
        await slices.pause();
        if (clock() - settledAt < SETTLE_MS) continue;
        await this.#runs.settle(done.splice(0), round);
        settledAt = clock();
      }
      await this.#runs.settle(done, round);
    });
    for (const salt of salts) round.left.add(salt);
    round.late.drop(isBusy);
  }

  async #runRest(
    salt: number,
    round: Round,
    { faults, isOver }: { readonly faults: Error[]; readonly isOver: () => boolean },
  ): Promise<void> {
    this.#nextSalt = (salt + 1) % SALTS;
    await collect(faults, this.#salts.runRest(salt, round, isOver));
  }
}

async function collect(faults: Error[], work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (fault) {
    faults.push(fault as Error);
  }
}

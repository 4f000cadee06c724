/**
 * Goes through due marks of a salt: lists them, reads which logic versions there are, runs the live
 * jobs that they name, and holds the late ones (`late-jobs.ts`).
 *
 * The marks of the last minutes go first, for live jobs (`recent-marks.ts`). The rest follows once
 * no live job waits: what is older, a backlog's marks above all; and all of them, if the last
 * minutes have marks of late jobs or of finality, which wants to know whether there are any.
 */
import { Slices } from '../../../shared/cooperative.ts';
import type { MerchantId } from '../../../shared/ids.ts';
import type { DueMark } from '../../store/due-marks.ts';
import { ROLLUP_LIMITS } from '../limits.ts';
import type { JobRuns, Listed, Round, RunnerOptions } from './job-runs.ts';
import { type Done, type Job, jobsByMerchant, nameOf } from './jobs.ts';
import { isLate } from './late-jobs.ts';
import { RecentMarks } from './recent-marks.ts';

/** Due marks listed at a time: bounds memory, however many have accumulated. */
const MARKS_PER_READ = 5_000;
/** Finished runs wait this long at most until their marks are settled. */
export const SETTLE_MS = 1_000;

interface List {
  readonly fromMinute: number;
  readonly through: number;
  /** Late jobs and finality are left. */
  readonly isLive: boolean;
  readonly isOver: () => boolean;
}

/** The live jobs of a merchant. */
type Turn = readonly [merchant: MerchantId, jobs: Job[]];

export class SaltRuns {
  readonly #options: Pick<RunnerOptions, 'marks' | 'logics' | 'now' | 'clock'>;
  readonly #runs: JobRuns;
  readonly #isStopped: () => boolean;
  readonly #recent = new RecentMarks();

  constructor(
    options: Pick<RunnerOptions, 'marks' | 'logics' | 'now' | 'clock'>,
    runs: JobRuns,
    isStopped: () => boolean,
  ) {
    this.#options = options;
    this.#runs = runs;
    this.#isStopped = isStopped;
  }

  /** The marks of the last minutes, for live hours and days. */
  async runRecent(salt: number, round: Round): Promise<void> {
    const { through } = round;
    const fromMinute = this.#recent.from(salt, through);
    if (fromMinute > 0) round.rest.set(salt, fromMinute - 1);
    const undone = await this.#run(salt, round, { fromMinute, through, isLive: true, isOver: this.#isStopped });
    this.#recent.listed(salt, through, undone);
  }

  /** The rest. @param isOver live jobs have their turn: what is not reached is left */
  async runRest(salt: number, round: Round, isOver: () => boolean): Promise<void> {
    await this.#run(salt, round, { fromMinute: 0, through: round.rest.get(salt)!, isLive: false, isOver });
    if (isOver()) round.left.add(salt);
  }

  /** @returns the first minute of a live job that is still to be run; infinite: of none */
  async #run(salt: number, round: Round, list: List): Promise<number> {
    let marks: DueMark[] = [];
    let undone = Number.POSITIVE_INFINITY;
    /** Milliseconds that each merchant's runs took. */
    const spent = new Map<MerchantId, number>();
    do {
      marks = await this.#list(salt, list, marks.at(-1));
      if (marks.length === 0) break;
      // After the marks: whatever arrived before them, a build of a version added since then reads.
      const logics = await this.#options.logics.read();
      undone = Math.min(undone, await this.#process(marks, spent, { ...round, salt, logics }, list));
    } while (marks.length === MARKS_PER_READ && !list.isOver());
    return undone;
  }

  /** The next due marks after `after`, as many as are processed at once. */
  async #list(salt: number, { fromMinute, through }: List, after: DueMark | undefined): Promise<DueMark[]> {
    const marks: DueMark[] = [];
    for await (const mark of this.#options.marks.due(salt, through, after ?? { fromMinute })) {
      if (marks.push(mark) === MARKS_PER_READ) break;
    }
    return marks;
  }

  /** Runs a live job of each merchant in turn, until they, or the times, are used up. */
  async #process(
    marks: readonly DueMark[],
    spent: Map<MerchantId, number>,
    round: Listed,
    { isLive, isOver }: List,
  ): Promise<number> {
    const { clock } = this.#options;
    // Here it is refused what this release does not know.
    round.logics.maintained();
    const done: Done[] = [];
    // Many small jobs: none fills a slice, and an embedded store answers without a turn.
    const slices = new Slices();
    let settledAt = clock();
    const { queue, undone } = this.#queue(marks, round, isLive);
    for (let turn = queue.shift(); turn !== undefined && !isOver(); turn = queue.shift()) {
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
      if (await this.#runs.run(job, jobs, round, done)) undone.delete(job);
      spent.set(merchant, used + clock() - start);
      if (jobs.length > 0) queue.push(turn);
      await slices.pause();
      if (clock() - settledAt < SETTLE_MS) continue;
      await this.#runs.settle(done.splice(0), round);
      settledAt = clock();
    }
    await this.#runs.settle(done, round);
    return firstMinute(undone);
  }

  /** Holds late jobs, or leaves them. @returns the others by merchant, and those that are live */
  #queue(marks: readonly DueMark[], round: Listed, isLive: boolean): { queue: Turn[]; undone: Set<Job> } {
    const now = this.#options.now();
    const queue: Turn[] = [];
    const undone = new Set<Job>();
    for (const [merchant, all] of jobsByMerchant(marks)) {
      const live = all.filter((job) => job.level !== 'finality' && !isLate(job, now));
      for (const job of live) undone.add(job);
      if (isLive && live.length < all.length) round.rest.set(round.salt, round.through);
      // What failed in this pass would take the place of others.
      const jobs = (isLive ? live : all).filter((job) => !round.failed.has(nameOf(job)));
      queue.push([merchant, round.late.take(jobs, { merchant, ...round }, now)]);
    }
    return { queue, undone };
  }
}

function firstMinute(jobs: Iterable<Job>): number {
  let first = Number.POSITIVE_INFINITY;
  for (const { marks } of jobs) for (const { minute } of marks) first = Math.min(first, minute);
  return first;
}

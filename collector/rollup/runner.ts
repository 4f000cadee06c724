/**
 * Processes due marks: lists them, recomputes each hour and day they name once, and deletes exactly
 * the marks listed. The marks of an hour become marks of its day before they are deleted. A failure
 * leaves its marks for the next pass. So a late event is in its hour's row after the next pass, and
 * in its day's row after the one that follows.
 *
 * Several runners may process the same marks: compare-and-set decides between their runs, not
 * ownership.
 */
import type { TerminalId } from '../../shared/ids.ts';
import type { Level } from '../../shared/keys.ts';
import { DAY_MS, dayOfHour, HOUR_MS, minuteOf } from '../../shared/time.ts';
import type { Logic } from '../aggregation/logic-version.ts';
import { type DueMark, type DueMarks, dueMinute, type NewDueMark } from '../store/due-marks.ts';
import type { EventLog } from '../store/event-log.ts';
import { StoreUnavailable } from '../store/tables.ts';
import { type Due, type RecomputeOutcome, type RollupStore, recompute } from './recompute.ts';

export interface RunnerOptions {
  readonly marks: DueMarks;
  readonly log: EventLog;
  readonly rollups: RollupStore;
  readonly logic: Logic;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How long after its end an hour or day is first rolled up. */
  readonly graceMs: number;
  /** Salts processed in parallel. */
  readonly concurrency: number;
  /** Called for each failed run; its due marks stay. */
  readonly onFailure: (due: Due, error: Error) => void;
}

export interface PassReport {
  hours: number;
  days: number;
  marks: number;
  /** Compare-and-sets lost to another runner and repeated. */
  racesLost: number;
  failures: number;
}

const SALTS = 256;
/** Due marks listed at a time: bounds memory, however many have accumulated. */
const MARKS_PER_READ = 5_000;

interface Job extends Due {
  readonly terminals: Set<TerminalId>;
  readonly marks: DueMark[];
}
interface Done extends Job {
  /** When its run began to read, milliseconds since 1970. */
  readonly readAt: number;
}

export class RollupRunner {
  readonly #options: RunnerOptions;
  #stopped = false;
  #pass: Promise<PassReport> | null = null;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /**
   * Runs one pass over all marks due by now, or joins the running one. Rejects when marks cannot be
   * listed, added or removed: at once when the store is unavailable, else after the other salts.
   */
  runDue(): Promise<PassReport> {
    this.#pass ??= this.#runAll().finally(() => {
      this.#pass = null;
    });
    return this.#pass;
  }

  /** Ends the pass after the running jobs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#pass?.catch(() => undefined);
  }

  async #runAll(): Promise<PassReport> {
    const report: PassReport = { hours: 0, days: 0, marks: 0, racesLost: 0, failures: 0 };
    const through = minuteOf(this.#options.now());
    let next = 0;
    const faults: Error[] = [];
    const worker = async (): Promise<void> => {
      // An unavailable store affects every salt; any other fault is specific to one salt.
      while (next < SALTS && !this.#stopped && !faults.some((fault) => fault instanceof StoreUnavailable))
        await this.#runSalt(next++, through, report).catch((fault: Error) => faults.push(fault));
    };
    // All workers are awaited, so that nothing runs after the end of a pass.
    await Promise.all(Array.from({ length: this.#options.concurrency }, worker));
    for (const fault of faults) throw fault;
    return report;
  }

  async #runSalt(salt: number, through: number, report: PassReport): Promise<void> {
    let marks: DueMark[] = [];
    do {
      marks = await this.#list(salt, through, marks.at(-1));
      await this.#process(marks, report);
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

  async #process(marks: readonly DueMark[], report: PassReport): Promise<void> {
    const done: Done[] = [];
    for (const job of jobsOf(marks)) {
      if (this.#stopped) break;
      const outcome = await this.#run(job, report);
      if (outcome !== null) done.push({ ...job, readAt: outcome.readAt });
    }
    // The follow-up marks are durable before the old ones are deleted: a crash in between repeats a
    // run, it loses none.
    const next = followUps(done, this.#options);
    if (next.length > 0) await this.#options.marks.add(next);
    const finished = done.flatMap((job) => job.marks);
    if (finished.length > 0) await this.#options.marks.remove(finished);
    report.marks += finished.length;
  }

  async #run(job: Job, report: PassReport): Promise<RecomputeOutcome | null> {
    const { logic, now, onFailure } = this.#options;
    try {
      const outcome = await recompute(job, logic, this.#options, now);
      report.racesLost += outcome.lost;
      if (job.level === 'hour') report.hours++;
      else report.days++;
      return outcome;
    } catch (error) {
      report.failures++;
      onFailure(job, error as Error);
      return null;
    }
  }
}

/**
 * Marks of the same hour or day form one job. Hours come first, because days are built from them.
 */
function jobsOf(marks: readonly DueMark[]): Iterable<Job> {
  const jobs = new Map<string, Job>();
  for (const mark of [...marks].sort((a, b) => Number(a.level === 'day') - Number(b.level === 'day'))) {
    const { merchant, level, time } = mark;
    const name = `${merchant}/${level}/${time}`;
    const job = jobs.get(name) ?? { merchant, level, time, terminals: new Set<TerminalId>(), marks: [] };
    for (const terminal of mark.terminals) job.terminals.add(terminal);
    job.marks.push(mark);
    jobs.set(name, job);
  }
  return jobs.values();
}

/**
 * The marks that follow from a run of an hour: its day; or the same hour again, if it had not ended
 * yet.
 */
function followUps(done: readonly Done[], { now, graceMs }: RunnerOptions): NewDueMark[] {
  const marks = new Map<string, { level: Level; time: number; end: number; of: Done; terminals: Set<TerminalId> }>();
  for (const job of done) {
    if (job.level !== 'hour') continue;
    const hourEnd = (job.time + 1) * HOUR_MS;
    const day = dayOfHour(job.time);
    const next =
      job.readAt < hourEnd
        ? { level: 'hour' as const, time: job.time, end: hourEnd }
        : { level: 'day' as const, time: day, end: (day + 1) * DAY_MS };
    const name = `${job.merchant}/${next.level}/${next.time}`;
    const mark = marks.get(name) ?? { ...next, of: job, terminals: new Set() };
    for (const terminal of job.terminals) mark.terminals.add(terminal);
    marks.set(name, mark);
  }
  return [...marks.values()].map(({ level, time, end, of, terminals }) => ({
    minute: dueMinute(end, now(), graceMs),
    merchant: of.merchant,
    level,
    time,
    terminals: [...terminals],
  }));
}

/**
 * Works off the due marks: lists them, runs each hour and day they name once, and deletes exactly the marks listed. Marks of hours
 * become marks of their day before they go. Whatever fails leaves its marks for the next pass.
 *
 * Several runners may work on the same marks: runs are decided by compare-and-set, never by who holds what.
 */
import { Buffer } from 'node:buffer';
import type { TerminalId } from '../../shared/ids.ts';
import { DAY_MS, dayOfHour, minuteOf } from '../../shared/time.ts';
import type { Logic } from '../logic/version.ts';
import { type DueMark, type DueMarks, dueMinute, type NewMark } from '../store/due-marks.ts';
import type { EventLog } from '../store/event-log.ts';
import type { Rollups } from '../store/rollups.ts';
import { type Due, run } from './run.ts';

export interface RunnerOptions {
  readonly marks: DueMarks;
  readonly log: EventLog;
  readonly rollups: Rollups;
  readonly logic: Logic;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How long after its end an hour or day is first rolled up. */
  readonly graceMs: number;
  /** Salts worked on at the same time. */
  readonly concurrency: number;
  /** Told of a run that failed; its marks stay. */
  readonly onFailure: (due: Due, error: Error) => void;
}

export interface PassReport {
  hours: number;
  days: number;
  marks: number;
  /** Compare-and-sets lost to another runner and done again. */
  racesLost: number;
  failures: number;
}

const SALTS = 256;
/** Marks listed at a time, which bounds memory however many have piled up. */
const MARKS_AT_ONCE = 5_000;

interface Job extends Due {
  readonly terminals: Set<TerminalId>;
  readonly marks: DueMark[];
}

export class RollupRunner {
  readonly #options: RunnerOptions;
  #stopped = false;
  #pass: Promise<PassReport> | null = null;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** One pass over all marks due by now; joins the one that is running, if one is. Rejects when the marks can't be listed. */
  runDue(): Promise<PassReport> {
    this.#pass ??= this.#runAll().finally(() => {
      this.#pass = null;
    });
    return this.#pass;
  }

  /** Ends the pass after the runs that are under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#pass?.catch(() => undefined);
  }

  async #runAll(): Promise<PassReport> {
    const report: PassReport = { hours: 0, days: 0, marks: 0, racesLost: 0, failures: 0 };
    const through = minuteOf(this.#options.now());
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < SALTS && !this.#stopped) await this.#runSalt(next++, through, report);
    };
    // All of them are waited for, also when one fails: a pass that is over has nothing under way.
    const ends = await Promise.allSettled(Array.from({ length: this.#options.concurrency }, worker));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    return report;
  }

  async #runSalt(salt: number, through: number, report: PassReport): Promise<void> {
    const failed = new Set<string>();
    for (;;) {
      const marks = await this.#list(salt, through, failed);
      if (marks.length === 0 || this.#stopped) return;
      const jobs = [...jobsOf(marks).values()];
      const done: Job[] = [];
      for (const job of jobs) {
        if (this.#stopped) break;
        if (await this.#run(job, report)) done.push(job);
        else for (const mark of job.marks) failed.add(keyText(mark));
      }
      await this.#options.marks.add(dayMarks(done, this.#options));
      const settled = done.flatMap((job) => job.marks);
      await this.#options.marks.remove(settled);
      report.marks += settled.length;
    }
  }

  async #list(salt: number, through: number, failed: ReadonlySet<string>): Promise<DueMark[]> {
    const found: DueMark[] = [];
    for await (const mark of this.#options.marks.due(salt, through)) {
      if (failed.has(keyText(mark))) continue;
      found.push(mark);
      if (found.length >= MARKS_AT_ONCE) break;
    }
    return found;
  }

  async #run(job: Job, report: PassReport): Promise<boolean> {
    const { logic, now, onFailure } = this.#options;
    try {
      const { lost } = await run(job, logic, this.#options, now);
      report.racesLost += lost;
      if (job.level === 'hour') report.hours++;
      else report.days++;
      return true;
    } catch (error) {
      report.failures++;
      onFailure(job, error as Error);
      return false;
    }
  }
}

const keyText = (mark: DueMark): string => Buffer.from(mark.rowKey).toString('latin1');

/** Marks that name the same hour or day are one job. Hours come first: days are built from them. */
function jobsOf(marks: readonly DueMark[]): Map<string, Job> {
  const jobs = new Map<string, Job>();
  for (const mark of [...marks].sort((a, b) => Number(a.level === 'day') - Number(b.level === 'day'))) {
    const { merchant, level, time } = mark;
    const name = `${merchant}/${level}/${time}`;
    const job = jobs.get(name) ?? { merchant, level, time, terminals: new Set<TerminalId>(), marks: [] };
    for (const terminal of mark.terminals) job.terminals.add(terminal);
    job.marks.push(mark);
    jobs.set(name, job);
  }
  return jobs;
}

/** An hour that was published makes its day due. */
function dayMarks(done: readonly Job[], { now, graceMs }: RunnerOptions): NewMark[] {
  const days = new Map<string, NewMark & { terminals: TerminalId[] }>();
  for (const { merchant, level, time, terminals } of done) {
    if (level !== 'hour') continue;
    const day = dayOfHour(time);
    const minute = dueMinute((day + 1) * DAY_MS, now(), graceMs);
    const mark = days.get(`${merchant}/${day}`) ?? { minute, merchant, level: 'day', time: day, terminals: [] };
    mark.terminals.push(...[...terminals].filter((terminal) => !mark.terminals.includes(terminal)));
    days.set(`${merchant}/${day}`, mark);
  }
  return [...days.values()];
}

/** Jobs: what due marks name, and the marks that follow from a run. */
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import { DUE, type DueLevel } from '../../../shared/keys.ts';
import { DAY_MS, dayOfHour, HOUR_MS, minuteOf } from '../../../shared/time.ts';
import { type DueMark, dueMinute, type NewDueMark } from '../../store/due-marks.ts';
import type { Due } from '../run.ts';

/** To recompute an hour or a day, or to advance the merchant's finality (time 0). */
export interface Job extends Omit<Due, 'level' | 'terminals'> {
  readonly level: DueLevel;
  readonly terminals: Set<TerminalId>;
  readonly marks: DueMark[];
}
export interface Done extends Job {
  /** When its run began to read, milliseconds since 1970. */
  readonly readAt: number;
  /** It is parked as a whole: nothing follows but the next try, whose mark exists. */
  readonly isParked: boolean;
  /** When finality is to be advanced again, milliseconds since 1970; null: not by itself. */
  readonly recheckAt: number | null;
}

export const nameOf = ({ merchant, level, time }: Pick<Job, 'merchant' | 'level' | 'time'>): string =>
  `${merchant}/${level}/${time}`;

/** The jobs of each merchant. */
export function jobsByMerchant(marks: readonly DueMark[]): Map<MerchantId, Job[]> {
  return Map.groupBy(jobsOf(marks), ({ merchant }) => merchant);
}

/**
 * Marks of the same hour or day form one job. Hours come first, because days are built from them;
 * finality last, because it wants both.
 */
function jobsOf(marks: readonly DueMark[]): Iterable<Job> {
  const jobs = new Map<string, Job>();
  for (const mark of [...marks].sort((a, b) => DUE[a.level] - DUE[b.level])) {
    const { merchant, level, time } = mark;
    const name = `${merchant}/${level}/${time}`;
    const job = jobs.get(name) ?? { merchant, level, time, terminals: new Set<TerminalId>(), marks: [] };
    for (const terminal of mark.terminals) job.terminals.add(terminal);
    job.marks.push(mark);
    jobs.set(name, job);
  }
  return jobs.values();
}

/** The day that follows an hour has its terminals too. @param rest jobs that are still to run */
export function joinDay({ level, time, terminals }: Job, rest: readonly Job[]): void {
  if (level !== 'hour') return;
  for (const day of rest)
    if (day.level === 'day' && day.time === dayOfHour(time)) for (const one of terminals) day.terminals.add(one);
}

/** Whether a run was of an hour's day, and of its terminals. */
const hasDayOf = (day: Done, hour: Done): boolean =>
  day.level === 'day' &&
  !day.isParked &&
  day.merchant === hour.merchant &&
  day.time === dayOfHour(hour.time) &&
  hour.terminals.isSubsetOf(day.terminals);

/**
 * The marks that follow from a run of an hour: its day; or the same hour again, if it had not ended
 * yet.
 */
export function followUps(
  done: readonly Done[],
  { now, graceMs }: { readonly now: () => number; readonly graceMs: number },
): NewDueMark[] {
  const marks = new Map<string, { level: DueLevel; time: number; end: number; of: Done; terminals: Set<TerminalId> }>();
  for (const [at, job] of done.entries()) {
    if (job.recheckAt !== null)
      marks.set(nameOf(job), { level: 'finality', time: 0, end: job.recheckAt, of: job, terminals: new Set() });
    if (job.level !== 'hour' || job.isParked || done.slice(at).some((later) => hasDayOf(later, job))) continue;
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
    // A day that has ended follows in the same pass.
    minute: level === 'day' && end + graceMs <= now() ? minuteOf(now()) : dueMinute(end, now(), graceMs),
    merchant: of.merchant,
    level,
    time,
    terminals: [...terminals],
  }));
}

/**
 * Writes due marks for the hours of batches whose rows are durable, unless a mark of this process
 * covers them (`due-mark-policy.ts` decides).
 */
import type { MerchantId, TerminalId } from '../../shared/ids.ts';
import type { NewDueMark } from '../store/due-marks.ts';
import { DurableMarkCache, type MarkSubject, type Moment, minuteDue } from './due-mark-policy.ts';
import type { IngestMetrics } from './metrics.ts';

export interface DueMarkWriterOptions {
  readonly marks: { add(marks: readonly NewDueMark[]): Promise<void> };
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** How long after its end an hour is first rolled up. */
  readonly graceMs: number;
  readonly maxRemembered: number;
  readonly metrics: Pick<IngestMetrics, 'marked'>;
}

interface Mark {
  readonly minute: number;
  readonly merchant: MerchantId;
  readonly hour: number;
  readonly terminals: Set<TerminalId>;
}

export class DueMarkWriter {
  readonly #options: DueMarkWriterOptions;
  readonly #made: DurableMarkCache;

  constructor(options: DueMarkWriterOptions) {
    this.#options = options;
    this.#made = new DurableMarkCache(options.maxRemembered);
  }

  /**
   * Call it after the put of the batches' rows returned. Resolves once every one of them has a
   * durable due mark.
   */
  async ensureMarks(subjects: readonly MarkSubject[]): Promise<void> {
    const moment = { now: this.#options.now(), clock: this.#options.clock() };
    const uncovered = subjects.filter((subject) => !this.#made.covers(subject, moment));
    const marks = this.#marksFor(uncovered, moment.now);
    if (marks.length > 0) await this.#add(marks, moment);
    this.#options.metrics.marked(uncovered.length, subjects.length - uncovered.length);
  }

  /** Makes new marks from now on: the store may lack those that it made. */
  forgetAll(): void {
    this.#made.forgetAll();
  }

  /** One due mark per hour of a merchant. */
  #marksFor(subjects: readonly MarkSubject[], now: number): Mark[] {
    const marks = new Map<string, Mark>();
    for (const { merchant, hour, terminal } of subjects) {
      const name = `${merchant}/${hour}`;
      let mark = marks.get(name);
      if (mark === undefined) {
        mark = { minute: minuteDue(hour, now, this.#options.graceMs), merchant, hour, terminals: new Set() };
        marks.set(name, mark);
      }
      mark.terminals.add(terminal);
    }
    return [...marks.values()];
  }

  async #add(marks: readonly Mark[], moment: Moment): Promise<void> {
    await this.#options.marks.add(
      marks.map(({ minute, merchant, hour, terminals }) => ({
        minute,
        merchant,
        level: 'hour',
        time: hour,
        terminals: [...terminals],
      })),
    );
    for (const { merchant, hour, minute, terminals } of marks) {
      for (const terminal of terminals) this.#made.record({ merchant, hour, terminal }, minute, moment);
    }
  }
}

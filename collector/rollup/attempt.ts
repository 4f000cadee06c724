/**
 * One attempt to recompute an hour or a day, with what is known of earlier ones.
 *
 *     begin ──▶ waits (noted not long ago, or parked as a whole and not due yet)
 *       │
 *       └──▶ runs ──▶ noted, once it is dear ──▶ end: the note is taken back, parts are parked
 *              └──────────────┴──▶ abandon (a fault, or the process is to end): it is taken back
 *
 * A terminal that exceeds a limit, or has a row that cannot be read, is parked: the others are
 * published without it, and it is tried again with growing pauses. An attempt that ends with the
 * process leaves its note: the hour is then not tried for a while, and parked after some such ends
 * in a row. A note that the store did not take back is none of them, as long as the process lives.
 */
import type { TerminalId } from '../../shared/ids.ts';
import { minuteOf } from '../../shared/time.ts';
import { FoldTooDear } from '../aggregation/fold.ts';
import { UnreadableRow } from '../aggregation/raw-row.ts';
import type { DueMarks } from '../store/due-marks.ts';
import type { ParkedHours, ParkedPart, ParkedPlace, ParkedRecord, ParkReason } from '../store/parked-hours.ts';
import { ROLLUP_LIMITS } from './limits.ts';

const MAX_DETAIL = 400;
/** Tries to write what is parked while another runner writes the same record. */
const MAX_RACES = 16;

/** The process is to end before the attempt does. */
export class AttemptStopped extends Error {
  override readonly name = 'AttemptStopped';
}

/** What the attempts of a process share. */
export interface Attempts {
  readonly parked: Pick<ParkedHours, 'read' | 'write'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Whether the process is to end. */
  readonly isStopped: () => boolean;
  /** When attempts began whose notes the store did not take back, by place. */
  readonly leftNotes: Map<string, number>;
}

const nameOf = ({ merchant, level, time }: ParkedPlace): string => `${merchant}/${level}/${time}`;

const reasonOf = (error: unknown): ParkReason | null => {
  if (error instanceof FoldTooDear) return 'cost';
  return error instanceof UnreadableRow ? 'unreadable' : null;
};

export class Attempt {
  readonly #shared: Attempts;
  readonly #place: ParkedPlace;
  /** As it is in the store. */
  #record: ParkedRecord | null;
  /** Whether the hour or day was parked as a whole: due marks of other terminals went by. */
  readonly wasParked: boolean;
  /** Parked before and not due yet: left out of this attempt. */
  readonly #waiting = new Map<TerminalId | null, ParkedPart>();
  /** Parked before, and due: no longer parked if this attempt tries them. */
  readonly #due = new Map<TerminalId | null, ParkedPart>();
  readonly #failed = new Map<TerminalId | null, ParkedPart>();
  /** The terminals that it tries; null: all. */
  #tried: ReadonlySet<TerminalId> | null = new Set();
  /** When it was noted, or an earlier attempt of this process was; null: it was not. */
  #noted: number | null;
  #cost = 0;

  private constructor(shared: Attempts, place: ParkedPlace, record: ParkedRecord | null) {
    this.#shared = shared;
    this.#place = place;
    this.#record = record;
    this.#noted = record?.startedAt ?? null;
    this.wasParked = record?.parts.some(({ terminal }) => terminal === null) ?? false;
    const now = shared.now();
    for (const part of record?.parts ?? []) (now < part.retryAt ? this.#waiting : this.#due).set(part.terminal, part);
  }

  /** @returns null when an attempt is in progress, or ended without a result not long ago */
  static async begin(shared: Attempts, due: ParkedPlace): Promise<Attempt | null> {
    const { merchant, level, time } = due;
    const place = { merchant, level, time };
    const record = await shared.parked.read(place);
    const left = shared.leftNotes.get(nameOf(place));
    shared.leftNotes.delete(nameOf(place));
    if (record?.startedAt == null || record.startedAt === left) return new Attempt(shared, place, record);
    if (shared.now() - record.startedAt < ROLLUP_LIMITS.attemptPause.value) return null;
    const crashes = record.crashes + 1;
    const attempt = new Attempt(shared, place, record);
    if (!(await attempt.#write({ ...record, startedAt: null, crashes }))) return null;
    attempt.#noted = null;
    if (crashes >= ROLLUP_LIMITS.crashesBeforeParked.value)
      attempt.#park(null, 'crash', `${crashes} runs ended without a result, maybe with the process`);
    return attempt;
  }

  /** Call it with the terminals that are tried next; null: all. */
  tries(terminals: ReadonlySet<TerminalId> | null): void {
    this.#tried = terminals;
  }

  /** Whether the hour or day as a whole is parked, before or by this attempt. */
  get isParked(): boolean {
    return this.#waiting.has(null) || this.#failed.has(null);
  }

  /** Whether a terminal is left out, because it is parked. */
  leavesOut(terminal: TerminalId): boolean {
    return this.#waiting.has(terminal) || this.#failed.has(terminal);
  }

  /** Whether something that was parked before is tried again. */
  get isRetry(): boolean {
    return this.wasParked || this.#due.size > 0;
  }

  /** What this attempt parked. */
  get parked(): readonly ParkedPart[] {
    return [...this.#failed.values()];
  }

  /** @returns false when the error is none for which something is parked */
  park(terminal: TerminalId | null, error: unknown): boolean {
    const reason = reasonOf(error);
    if (reason === null) return false;
    this.#park(terminal, reason, (error as Error).message);
    return true;
  }

  /**
   * Adds to what the attempt has cost, bytes decoded or held. A dear attempt is noted before it
   * goes on.
   *
   * @throws AttemptStopped
   */
  async spend(bytes: number): Promise<void> {
    if (this.#shared.isStopped()) throw new AttemptStopped('the process is to end');
    const before = this.#cost;
    this.#cost += bytes;
    const limit = ROLLUP_LIMITS.noteCost.value;
    if (before > limit || this.#cost <= limit) return;
    this.#noted = this.#shared.now();
    await this.#write({ ...this.#recordOr(), startedAt: this.#noted });
  }

  /**
   * Records what is parked now, after the due marks of the next tries are durable.
   *
   * @param terminals of the next try, if the hour or day is parked as a whole
   */
  async end(marks: Pick<DueMarks, 'add'>, terminals: ReadonlySet<TerminalId>): Promise<void> {
    const tries = this.parked.map(({ terminal, retryAt }) => ({
      ...this.#place,
      minute: minuteOf(retryAt) + 1,
      terminals: terminal === null ? [...terminals] : [terminal],
    }));
    if (tries.length > 0) await marks.add(tries);
    for (let race = 0; race < MAX_RACES; race++) {
      const record = this.#recordOr();
      const next = this.#after(record);
      const isNews =
        this.#failed.size > 0 ||
        next.parts.length !== record.parts.length ||
        next.startedAt !== record.startedAt ||
        next.crashes !== record.crashes;
      if (!isNews || (await this.#write(next))) return;
      this.#record = await this.#shared.parked.read(this.#place);
    }
    throw new Error(`the record of ${nameOf(this.#place)} changed ${MAX_RACES} times meanwhile`);
  }

  /**
   * Takes the note back after a fault: the due marks stay, and the next pass may try. Never
   * rejects.
   */
  async abandon(): Promise<void> {
    const record = this.#record;
    if (this.#noted === null) return;
    const isTaken =
      record?.startedAt === this.#noted && (await this.#write({ ...record, startedAt: null }).catch(() => false));
    // The store may have taken the note although it did not say so.
    if (!isTaken) this.#shared.leftNotes.set(nameOf(this.#place), this.#noted);
  }

  /** What a record says once this attempt has ended. Parts that another runner parked stay. */
  #after(record: ParkedRecord): ParkedRecord {
    const isTried = ({ terminal }: ParkedPart): boolean =>
      this.#tried === null || (terminal === null ? !this.isParked : this.#tried.has(terminal));
    const kept = record.parts.filter((part) => {
      const isDue = this.#due.get(part.terminal)?.retryAt === part.retryAt;
      return !this.#failed.has(part.terminal) && !(isDue && isTried(part));
    });
    return {
      ...record,
      parts: [...kept, ...this.#failed.values()],
      startedAt: record.startedAt === this.#noted ? null : record.startedAt,
      crashes: this.isParked ? record.crashes : 0,
    };
  }

  #park(terminal: TerminalId | null, reason: ParkReason, detail: string): void {
    const before = this.#record?.parts.find((part) => part.terminal === terminal);
    const attempts = (before?.attempts ?? 0) + 1;
    const { parkedRetry, parkedRetryMost } = ROLLUP_LIMITS;
    const pause = Math.min(parkedRetry.value * 2 ** Math.min(attempts - 1, 20), parkedRetryMost.value);
    const now = this.#shared.now();
    const since = before?.since ?? now;
    const part = { terminal, reason, detail: detail.slice(0, MAX_DETAIL), attempts, since, retryAt: now + pause };
    this.#failed.set(terminal, part);
  }

  #recordOr(): ParkedRecord {
    return this.#record ?? { ...this.#place, parts: [], startedAt: null, crashes: 0 };
  }

  /** @returns false when another runner has written it: it tries the same hour */
  async #write(record: ParkedRecord): Promise<boolean> {
    const written = await this.#shared.parked.write(record, this.#record);
    if (written) this.#record = record;
    return written;
  }
}

/**
 * One attempt to recompute an hour or a day, with what is known of earlier ones.
 *
 *     begin ──▶ waits (noted not long ago, or parked as a whole and not due yet)
 *       │
 *       └──▶ runs ──▶ noted, once it is dear ──▶ end: the note is taken back, parts are parked
 *
 * A terminal that exceeds a limit, or has a row that cannot be read, is parked: the others are
 * published without it, and it is tried again with growing pauses. An attempt that ends with the
 * process leaves its note: the hour is then not tried for a while, and parked after some such ends.
 */
import type { TerminalId } from '../../shared/ids.ts';
import { minuteOf } from '../../shared/time.ts';
import { FoldTooDear } from '../aggregation/fold.ts';
import { UnreadableRow } from '../aggregation/raw-row.ts';
import type { DueMarks } from '../store/due-marks.ts';
import type { ParkedHours, ParkedPart, ParkedPlace, ParkedRecord, ParkReason } from '../store/parked-hours.ts';
import { ROLLUP_LIMITS } from './limits.ts';

const MAX_DETAIL = 400;

const reasonOf = (error: unknown): ParkReason | null => {
  if (error instanceof FoldTooDear) return 'cost';
  return error instanceof UnreadableRow ? 'unreadable' : null;
};

export class Attempt {
  readonly #parked: ParkedHours;
  readonly #place: ParkedPlace;
  readonly #now: () => number;
  /** As it is in the store. */
  #record: ParkedRecord | null;
  /** Whether the hour or day was parked as a whole: due marks of other terminals went by. */
  readonly wasParked: boolean;
  /** Parked before and not due yet: left out of this attempt. */
  readonly #waiting = new Map<TerminalId | null, ParkedPart>();
  readonly #failed = new Map<TerminalId | null, ParkedPart>();
  #cost = 0;

  private constructor(parked: ParkedHours, place: ParkedPlace, record: ParkedRecord | null, now: () => number) {
    this.#parked = parked;
    this.#place = place;
    this.#record = record;
    this.wasParked = record?.parts.some(({ terminal }) => terminal === null) ?? false;
    this.#now = now;
    for (const part of record?.parts ?? []) if (now() < part.retryAt) this.#waiting.set(part.terminal, part);
  }

  /** @returns null when an attempt is in progress, or ended without a result not long ago */
  static async begin(parked: ParkedHours, due: ParkedPlace, now: () => number): Promise<Attempt | null> {
    const { merchant, level, time } = due;
    const place = { merchant, level, time };
    const record = await parked.read(place);
    if (record?.startedAt == null) return new Attempt(parked, place, record, now);
    if (now() - record.startedAt < ROLLUP_LIMITS.attempt.value) return null;
    const crashes = record.crashes + 1;
    const attempt = new Attempt(parked, place, record, now);
    if (!(await attempt.#write({ ...record, startedAt: null, crashes }))) return null;
    if (crashes >= ROLLUP_LIMITS.crashes.value)
      attempt.#park(null, 'crash', `${crashes} runs ended without a result, maybe with the process`);
    return attempt;
  }

  /** Whether the hour or day as a whole is parked, before or by this attempt. */
  get isParked(): boolean {
    return this.#waiting.has(null) || this.#failed.has(null);
  }

  /** Whether a terminal is left out, because it is parked. */
  leavesOut(terminal: TerminalId): boolean {
    return this.#waiting.has(terminal) || this.#failed.has(terminal);
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
   */
  async spend(bytes: number): Promise<void> {
    const before = this.#cost;
    this.#cost += bytes;
    const limit = ROLLUP_LIMITS.noteCost.value;
    if (before > limit || this.#cost <= limit) return;
    await this.#write({ ...this.#recordOr(), startedAt: this.#now() });
  }

  /**
   * Records what is parked now, after the due marks of the next tries are durable.
   *
   * @param terminals of the next try, if the hour or day is parked as a whole
   */
  async end(marks: Pick<DueMarks, 'add'>, terminals: ReadonlySet<TerminalId>): Promise<void> {
    const parts = [...this.#waiting.values(), ...this.#failed.values()];
    const record = this.#recordOr();
    const isNews = this.#failed.size > 0 || parts.length !== record.parts.length || record.startedAt !== null;
    if (!isNews) return;
    const tries = this.parked.map(({ terminal, retryAt }) => ({
      ...this.#place,
      minute: minuteOf(retryAt) + 1,
      terminals: terminal === null ? [...terminals] : [terminal],
    }));
    if (tries.length > 0) await marks.add(tries);
    await this.#write({ ...record, parts, startedAt: null, crashes: this.isParked ? record.crashes : 0 });
  }

  /** Takes the note back after a fault: the due marks stay, and the next pass may try. */
  async abandon(): Promise<void> {
    const record = this.#record;
    if (record !== null && record.startedAt !== null) await this.#write({ ...record, startedAt: null });
  }

  #park(terminal: TerminalId | null, reason: ParkReason, detail: string): void {
    const before = this.#record?.parts.find((part) => part.terminal === terminal);
    const attempts = (before?.attempts ?? 0) + 1;
    const { parkedRetry, parkedRetryMost } = ROLLUP_LIMITS;
    const pause = Math.min(parkedRetry.value * 2 ** Math.min(attempts - 1, 20), parkedRetryMost.value);
    const now = this.#now();
    const since = before?.since ?? now;
    const part = { terminal, reason, detail: detail.slice(0, MAX_DETAIL), attempts, since, retryAt: now + pause };
    this.#failed.set(terminal, part);
  }

  #recordOr(): ParkedRecord {
    return this.#record ?? { ...this.#place, parts: [], startedAt: null, crashes: 0 };
  }

  /** @returns false when another runner has written it: it tries the same hour */
  async #write(record: ParkedRecord): Promise<boolean> {
    const written = await this.#parked.write(record, this.#record);
    if (written) this.#record = record;
    return written;
  }
}

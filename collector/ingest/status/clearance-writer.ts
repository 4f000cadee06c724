/**
 * Keeps what batches and statuses say of a till's clearance, and marks its merchant's finality as
 * due once a clearance has passed the end of an hour.
 *
 *     said ──▶ waiting ──▶ clearances durable ──▶ due marks durable ──▶ known
 *
 * Invariants:
 * - A due mark follows what it is due to: the clearance of a batch, written here, or the status,
 *   which is written before `flush`.
 * - Nothing waits for a write. What finds no room is dropped: the till's next message says as much.
 * - One row an hour of a till, and one due mark a minute of a merchant, at most; no row of an epoch
 *   without a status, whose number is bounded (`epoch-book.ts`).
 */
import type { Epoch, MerchantId, TerminalId } from '../../../shared/ids.ts';
import { HOUR_MS, hourOf, MINUTE_MS } from '../../../shared/time.ts';
import { dueMinute, type NewDueMark } from '../../store/due-marks.ts';
import type { Clearance, Finality } from '../../store/finality.ts';
import type { TerminalStatus } from '../../store/terminals.ts';

export interface ClearanceWriterOptions {
  readonly finality: Pick<Finality, 'putClearances'>;
  readonly marks: { add(marks: readonly NewDueMark[]): Promise<void> };
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly graceMs: number;
  /** See `due-mark-policy.ts`. */
  readonly skipMarginMs: number;
  /** Epochs whose clearance waits to be written. */
  readonly maxWaiting: number;
  /** Epochs and merchants that are remembered, each. */
  readonly maxRemembered: number;
}

export class ClearanceWriter {
  readonly #options: ClearanceWriterOptions;
  /** Of batches, by epoch. */
  #waiting = new Map<string, Clearance>();
  /** Hours through which merchants may be final, by what tills said since the last flush. */
  #due = new Map<MerchantId, number>();
  /** The hour of the last clearance of each epoch; the one that was written longest ago first. */
  readonly #known = new Map<string, number>();
  /** The minute of the last due mark of each merchant. */
  readonly #marked = new Map<MerchantId, number>();
  #writing: Promise<void> | null = null;

  constructor(options: ClearanceWriterOptions) {
    this.#options = options;
  }

  /** A batch is stored, and its header says this. */
  batch(clearance: Clearance): void {
    const { merchant, terminal, epoch, clearThrough } = clearance;
    const name = nameOf(merchant, terminal, epoch);
    const known = this.#known.get(name);
    // After a status that is not clear of anything, the next status counts.
    if (!known || clearThrough === 0 || known === hourOf(clearThrough)) return;
    if (this.#waiting.size >= this.#options.maxWaiting && !this.#waiting.has(name)) return;
    this.#waiting.set(name, clearance);
  }

  /** The status of an epoch is stored. */
  status({ merchant, terminal, epoch, clearThrough, closed }: TerminalStatus): void {
    const name = nameOf(merchant, terminal, epoch);
    const hour = hourOf(clearThrough);
    const isLast = closed?.some(([over]) => over === epoch) ?? false;
    const isNews = isLast || (clearThrough !== 0 && this.#known.get(name) !== hour);
    // Once its agent signs off, the merchant may be final through now.
    if (isNews && !this.#isDue(merchant, isLast ? hourOf(this.#options.now()) : hour)) return;
    this.#waiting.delete(name);
    this.#remember(name, hour);
  }

  /** Writes what waits; what fails waits again. Joins a running write. */
  flush(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  async #write(): Promise<void> {
    const { finality } = this.#options;
    const clearances = this.#waiting;
    const due = this.#due;
    [this.#waiting, this.#due] = [new Map(), new Map()];
    try {
      if (clearances.size > 0) await finality.putClearances([...clearances.values()]);
      for (const { merchant, clearThrough } of clearances.values()) raise(due, merchant, hourOf(clearThrough));
      await this.#mark(due);
      for (const [name, { clearThrough }] of clearances) this.#remember(name, hourOf(clearThrough));
    } catch {
      for (const [name, clearance] of clearances) if (!this.#waiting.has(name)) this.#waiting.set(name, clearance);
      for (const [merchant, hour] of due) this.#isDue(merchant, hour);
    }
  }

  async #mark(due: ReadonlyMap<MerchantId, number>): Promise<void> {
    const { marks, now, graceMs, skipMarginMs } = this.#options;
    const time = now();
    const news: NewDueMark[] = [];
    for (const [merchant, hour] of due) {
      const minute = dueMinute(Math.min(hour, hourOf(time)) * HOUR_MS, time, graceMs);
      // No run has listed that mark yet, so the run that lists it reads what was said now.
      if (this.#marked.get(merchant) === minute && time < minute * MINUTE_MS - skipMarginMs) continue;
      news.push({ minute, merchant, level: 'finality', time: 0, terminals: [] });
    }
    if (news.length > 0) await marks.add(news);
    for (const { merchant, minute } of news) put(this.#marked, merchant, minute, this.#options.maxRemembered);
  }

  /** @returns false when there is no room */
  #isDue(merchant: MerchantId, hour: number): boolean {
    if (this.#due.size >= this.#options.maxWaiting && !this.#due.has(merchant)) return false;
    raise(this.#due, merchant, hour);
    return true;
  }

  #remember(name: string, hour: number): void {
    put(this.#known, name, hour, this.#options.maxRemembered);
  }
}

const nameOf = (merchant: MerchantId, terminal: TerminalId, epoch: Epoch): string => `${merchant}/${terminal}/${epoch}`;

function raise(due: Map<MerchantId, number>, merchant: MerchantId, hour: number): void {
  due.set(merchant, Math.max(hour, due.get(merchant) ?? 0));
}

/** Makes it the latest; the longest known gives way. */
function put<K, V>(map: Map<K, V>, key: K, value: V, max: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > max) map.delete(oldest as K);
}

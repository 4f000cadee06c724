/**
 * How complete a merchant's figures are: open, provisional or final, and which terminals are waited
 * for. Read it before the figures: what it calls final is in the rows that are read after it.
 */
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import { formatInstant, HOUR_MS, hourOf, type Range } from '../../../shared/time.ts';
import type { Finality, FinalityRecord } from '../../store/finality.ts';
import { type WaitedTerminal, waitedTerminals } from '../../store/waited-terminals.ts';
import { Problem } from '../query/problem.ts';
import type { TimeBuckets } from './time-buckets.ts';

/** Open while one of its hours is running; final: see design.md, Finality; else provisional. */
export type Status = 'open' | 'provisional' | 'final';

export interface CompletenessMeta {
  readonly status: Status;
  readonly finalThrough: string | null;
  readonly waitingFor: readonly {
    readonly terminal: TerminalId;
    /** Null: it has not said yet. */
    readonly clearThrough: string | null;
    readonly lastSeen: string;
  }[];
}

export interface CompletenessOptions {
  readonly finality: Pick<Finality, 'record' | 'read'>;
  /** Monotonic clock, milliseconds. */
  readonly clock: () => number;
  /** How long what the terminals said is not read again. */
  readonly freshForMs: number;
  /** Merchants of which it is remembered. */
  readonly maxMerchants: number;
}

interface Remembered {
  readonly at: number;
  readonly waited: Promise<readonly WaitedTerminal[]>;
}

export class CompletenessReader {
  readonly #options: CompletenessOptions;
  /** The one that was read longest ago first. */
  readonly #remembered = new Map<MerchantId, Remembered>();

  constructor(options: CompletenessOptions) {
    this.#options = options;
  }

  /** @param now milliseconds since 1970 */
  async read(merchant: MerchantId, { to }: Range, now: number): Promise<Completeness> {
    const record = await this.#options.finality.record(merchant);
    const waited = record !== null && to <= record.through ? [] : await this.#waited(merchant, now);
    return new Completeness(record, waited, now);
  }

  #waited(merchant: MerchantId, now: number): Promise<readonly WaitedTerminal[]> {
    const { finality, clock, freshForMs, maxMerchants } = this.#options;
    const known = this.#remembered.get(merchant);
    if (known !== undefined && clock() - known.at < freshForMs) return known.waited;
    const waited = finality.read(merchant).then(({ terminals }) => waitedTerminals(terminals, now));
    this.#remembered.delete(merchant);
    this.#remembered.set(merchant, { at: clock(), waited });
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > maxMerchants) this.#remembered.delete(oldest!);
    waited.catch(() => this.#remembered.delete(merchant));
    return waited;
  }
}

export class Completeness {
  /** Of an earlier moment: what was final then is not known any more. */
  static unknown(asOf: number): Completeness {
    return new Completeness(null, [], asOf);
  }

  readonly #record: FinalityRecord | null;
  readonly #waited: readonly WaitedTerminal[];
  readonly #now: number;

  constructor(record: FinalityRecord | null, waited: readonly WaitedTerminal[], now: number) {
    this.#record = record;
    this.#waited = waited;
    this.#now = now;
  }

  /** The same, but that hours are not final of which something is parked: it is missing. */
  without(parked: readonly { readonly hour: number }[]): Completeness {
    if (parked.length === 0 || this.#record === null) return this;
    const { through, holes } = this.#record;
    const all = [...new Set([...holes, ...parked.map(({ hour }) => hour)])];
    return new Completeness({ through, holes: all }, this.#waited, this.#now);
  }

  statusOf({ from, to }: Range): Status {
    if (to > hourOf(this.#now) * HOUR_MS) return 'open';
    return this.finalThrough({ from, to }) === to ? 'final' : 'provisional';
  }

  statusesOf({ froms, ends }: Pick<TimeBuckets, 'froms' | 'ends'>): Status[] {
    return froms.map((from, at) => this.statusOf({ from, to: ends[at]! }));
  }

  /** The instant through which all of a range is final; null: none of it is. */
  finalThrough({ from, to }: Range): number | null {
    if (this.#record === null) return null;
    const { through, holes } = this.#record;
    const [firstHour, lastHour] = [hourOf(from), hourOf(to - 1)];
    const hole = holes.reduce<number>(
      (first, hour) => (hour >= firstHour && hour <= lastHour ? Math.min(first, hour) : first),
      Number.POSITIVE_INFINITY,
    );
    const end = Math.min(to, through, hole * HOUR_MS);
    return end > from ? end : null;
  }

  /** The terminals that may still send events of a range; none when all of it is final. */
  waitingFor(range: Range): WaitedTerminal[] {
    if (this.finalThrough(range) === range.to) return [];
    const end = Math.min(range.to, this.#now);
    return this.#waited.filter(({ clearThrough }) => clearThrough < end);
  }

  /** Members of the answer about a range. */
  meta(range: Range, tz: string): CompletenessMeta {
    const instant = (ms: number): string => formatInstant(ms, tz);
    const through = this.finalThrough(range);
    return {
      status: this.statusOf(range),
      finalThrough: through === null ? null : instant(through),
      waitingFor: this.waitingFor(range).map(({ terminal, clearThrough, lastSeen }) => ({
        terminal,
        clearThrough: clearThrough === 0 ? null : instant(clearThrough),
        lastSeen: instant(lastSeen),
      })),
    };
  }

  /** @throws Problem 409 when not all of a range is final */
  requireFinal(range: Range, tz: string): void {
    const { status, finalThrough, waitingFor } = this.meta(range, tz);
    if (status === 'final') return;
    const largest = finalThrough === null ? 'none of the range is' : `it is through ${finalThrough}`;
    throw new Problem(409, `the figures of the range are not final: ${largest}`, {
      more: { finalThrough, waitingFor },
    });
  }
}

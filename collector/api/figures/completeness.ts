/**
 * How complete a merchant's figures are: open, provisional or final, and which terminals are waited
 * for. Read it before the figures: what it calls final is in the rows that are read after it.
 */
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import { HOUR_MS, hourOf, instantFormat, type Range } from '../../../shared/time.ts';
import type { Finality, FinalityRecord, MerchantState, ParkedSpan } from '../../store/finality.ts';
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
  readonly finality: Pick<Finality, 'state' | 'read'>;
  /** Monotonic clock, milliseconds. */
  readonly clock: () => number;
  /** How long what the terminals said is not read again; from half of it on it is read ahead. */
  readonly freshForMs: number;
  /** Merchants of which it is remembered. */
  readonly maxMerchants: number;
}

interface Said extends MerchantState {
  readonly waited: readonly WaitedTerminal[];
}

interface Remembered {
  readonly at: number;
  /** The last that was read. */
  readonly said: Said;
  /** It is being read again. */
  isRenewed: boolean;
}

export class CompletenessReader {
  readonly #options: CompletenessOptions;
  /** The one that was read longest ago first. */
  readonly #remembered = new Map<MerchantId, Remembered>();

  constructor(options: CompletenessOptions) {
    this.#options = options;
  }

  /**
   * One call: the merchant's state alone, or with it what its terminals said.
   *
   * @param now milliseconds since 1970
   */
  async read(merchant: MerchantId, { to }: Range, now: number): Promise<Completeness> {
    const { finality, clock, freshForMs } = this.#options;
    const known = this.#remembered.get(merchant);
    const age = known === undefined ? Number.POSITIVE_INFINITY : clock() - known.at;
    const wasFinal = to <= (known?.said.record?.through ?? Number.NEGATIVE_INFINITY);
    if (known === undefined || (age >= freshForMs && !wasFinal))
      return completeness(await this.#said(merchant, now), now);
    if (age >= freshForMs / 2 && !wasFinal && !known.isRenewed) {
      known.isRenewed = true;
      void this.#said(merchant, now).catch(() => {
        known.isRenewed = false;
      });
    }
    const state = await finality.state(merchant);
    const isFinal = to <= (state.record?.through ?? Number.NEGATIVE_INFINITY);
    return completeness({ ...state, waited: isFinal ? [] : known.said.waited }, now);
  }

  async #said(merchant: MerchantId, now: number): Promise<Said> {
    const { finality, clock, maxMerchants } = this.#options;
    const at = clock();
    const { terminals, ...state } = await finality.read(merchant);
    const said = { ...state, waited: waitedTerminals(terminals, now) };
    this.#remembered.delete(merchant);
    this.#remembered.set(merchant, { at, said, isRenewed: false });
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > maxMerchants) this.#remembered.delete(oldest!);
    return said;
  }
}

const completeness = ({ record, waited, parked }: Said, now: number): Completeness =>
  new Completeness(record, waited, now, parked);

export class Completeness {
  /** Of an earlier moment: what was final then is not known any more. */
  static unknown(asOf: number): Completeness {
    return new Completeness(null, [], asOf);
  }

  readonly #record: FinalityRecord | null;
  readonly #waited: readonly WaitedTerminal[];
  readonly #now: number;
  readonly #parked: ParkedSpan | null;

  /** @param parked null: unknown */
  constructor(
    record: FinalityRecord | null,
    waited: readonly WaitedTerminal[],
    now: number,
    parked: ParkedSpan | null = null,
  ) {
    this.#record = record;
    this.#waited = waited;
    this.#now = now;
    this.#parked = parked;
  }

  /** Whether something may be parked of a range of hours since 1970. */
  mayBeParked({ from, to }: { readonly from: number; readonly to: number }): boolean {
    return !this.#parked?.isKnown || (from < this.#parked.to && this.#parked.from < to);
  }

  /** The same, but that hours are not final of which something is parked: it is missing. */
  without(parked: readonly { readonly hour: number }[]): Completeness {
    if (parked.length === 0 || this.#record === null) return this;
    const { through, holes } = this.#record;
    const all = [...new Set([...holes, ...parked.map(({ hour }) => hour)])];
    return new Completeness({ through, holes: all }, this.#waited, this.#now, this.#parked);
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
    const instant = instantFormat(tz);
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

/**
 * What a terminal may store in a UTC day: bytes and events. Collectors share their counts through
 * the store, each once it has counted a share of the quota alone.
 *
 * Invariants:
 * - A terminal stores at most its quota, one share more for each process (and each restart of one)
 *   that it went through in the day, and what waits in memory.
 * - Who stores less than a share in a day costs the store no access.
 * - At most `maxTracked` terminals are counted; the one that stored longest ago is forgotten first,
 *   with less than a share.
 */
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import { DAY_MS } from '../../../shared/time.ts';
import type { DailyQuotas, DailyUsage, Terminals } from '../../store/terminals.ts';

/** The quotas of a terminal that has none of its own. */
export interface QuotaOptions extends DailyQuotas {
  /** Part of a quota that a process counts before it tells the others. */
  readonly share: number;
  readonly maxTracked: number;
  readonly terminals: Pick<Terminals, 'addUsage'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

interface Terminal {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
}

export interface OverQuota {
  readonly reason: 'bytes-per-day' | 'events-per-day';
  /** For people: what to do. */
  readonly message: string;
  readonly retryAfterMs: number;
}

interface Counted {
  readonly payer: Terminal;
  /** As the store had it at the last report. */
  reported: DailyUsage;
  /** As they were at that report. */
  quotas: DailyQuotas;
  /** When that was, milliseconds since 1970. */
  at: number;
  /** Not reported yet, of the same day. */
  bytes: number;
  events: number;
}

/** How often a terminal over its quota is looked up: its own quota may have been raised. */
const ASK_AGAIN_MS = 30_000;
/** Agents wait no longer than this whatever they are told, and then ask again. */
const MAX_WAIT_MS = 15 * 60_000;
const REPORTS_PER_FLUSH = 256;

export class Quotas {
  readonly #options: QuotaOptions;
  /** By terminal; the one that stored longest ago first. */
  readonly #counted = new Map<string, Counted>();
  readonly #due = new Set<Counted>();
  #reporting: Promise<void> | null = null;

  constructor(options: QuotaOptions) {
    this.#options = options;
  }

  get tracked(): number {
    return this.#counted.size;
  }

  /** Whether the terminal may store nothing more today. */
  exceeded(payer: Terminal): OverQuota | null {
    const counted = this.#counted.get(nameOf(payer));
    const day = this.#today();
    if (counted === undefined || counted.reported.day < day) return null;
    const { now } = this.#options;
    const { bytesPerDay, eventsPerDay } = counted.quotas;
    const overBytes = counted.reported.bytes + counted.bytes >= bytesPerDay;
    if (!overBytes && counted.reported.events + counted.events < eventsPerDay) return null;
    if (now() - counted.at >= ASK_AGAIN_MS) this.#due.add(counted);
    const quota = overBytes ? `${bytesPerDay} bytes` : `${eventsPerDay} events`;
    return {
      reason: overBytes ? 'bytes-per-day' : 'events-per-day',
      message: `this terminal has stored its quota of a day, ${quota}: it goes on at 00:00 UTC`,
      retryAfterMs: Math.min(MAX_WAIT_MS, (day + 1) * DAY_MS - now()),
    };
  }

  /** Counts what became durable. */
  stored(payer: Terminal, bytes: number, events: number): void {
    const name = nameOf(payer);
    const day = this.#today();
    let counted = this.#counted.get(name);
    this.#counted.delete(name);
    if (counted === undefined || counted.reported.day < day) {
      if (counted !== undefined) this.#due.delete(counted);
      const nothing = { day, bytes: 0, events: 0 };
      counted = { payer, reported: nothing, quotas: this.#options, at: 0, bytes: 0, events: 0 };
    }
    this.#counted.set(name, counted);
    counted.bytes += bytes;
    counted.events += events;
    const { share, maxTracked } = this.#options;
    const { bytesPerDay, eventsPerDay } = counted.quotas;
    if (counted.bytes >= share * bytesPerDay || counted.events >= share * eventsPerDay) this.#due.add(counted);
    if (this.#counted.size <= maxTracked) return;
    const [first] = this.#counted;
    this.#counted.delete(first![0]);
    this.#due.delete(first![1]);
  }

  /** Reports what is due; what fails is due again. Joins a running report. Never rejects. */
  report(): Promise<void> {
    this.#reporting ??= this.#reportDue().finally(() => {
      this.#reporting = null;
    });
    return this.#reporting;
  }

  async #reportDue(): Promise<void> {
    for (const counted of [...this.#due].slice(0, REPORTS_PER_FLUSH)) {
      const { payer, reported, bytes, events } = counted;
      this.#due.delete(counted);
      try {
        const more = { day: reported.day, bytes, events };
        const { usage, quotas } = await this.#options.terminals.addUsage(payer.merchant, payer.terminal, more);
        counted.reported = usage;
        counted.quotas = { ...this.#options, ...quotas };
        counted.at = this.#options.now();
        counted.bytes -= bytes;
        counted.events -= events;
      } catch {
        if (this.#counted.get(nameOf(payer)) === counted) this.#due.add(counted);
        return;
      }
    }
  }

  #today(): number {
    return Math.floor(this.#options.now() / DAY_MS);
  }
}

const nameOf = ({ merchant, terminal }: Terminal): string => `${merchant}/${terminal}`;

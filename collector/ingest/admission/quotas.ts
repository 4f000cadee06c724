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
import type { DailyUsage } from '../../store/terminals.ts';

export interface DailyQuotas {
  readonly bytesPerDay: number;
  readonly eventsPerDay: number;
}

export interface QuotaOptions extends DailyQuotas {
  /** Part of a quota that a process counts before it tells the others. */
  readonly share: number;
  readonly maxTracked: number;
  /** Adds to the terminal's usage in the store. @returns what all collectors have counted */
  readonly addUsage: (merchant: MerchantId, terminal: TerminalId, more: DailyUsage) => Promise<DailyUsage>;
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
  /** Not reported yet, of the same day. */
  bytes: number;
  events: number;
}

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
    if (counted === undefined || counted.reported.day !== day) return null;
    const { bytesPerDay, eventsPerDay, now } = this.#options;
    const over = (reason: OverQuota['reason'], quota: string): OverQuota => ({
      reason,
      message: `this terminal has stored what it may in a day (${quota}): it goes on at 00:00 UTC`,
      retryAfterMs: Math.min(MAX_WAIT_MS, (day + 1) * DAY_MS - now()),
    });
    if (counted.reported.bytes + counted.bytes >= bytesPerDay)
      return over('bytes-per-day', `ingest.quotas.bytesPerDay: ${bytesPerDay}`);
    if (counted.reported.events + counted.events >= eventsPerDay)
      return over('events-per-day', `ingest.quotas.eventsPerDay: ${eventsPerDay}`);
    return null;
  }

  /** Counts what became durable. */
  stored(payer: Terminal, bytes: number, events: number): void {
    const { share, bytesPerDay, eventsPerDay, maxTracked } = this.#options;
    const name = nameOf(payer);
    const day = this.#today();
    let counted = this.#counted.get(name);
    this.#counted.delete(name);
    if (counted === undefined || counted.reported.day !== day) {
      if (counted !== undefined) this.#due.delete(counted);
      counted = { payer, reported: { day, bytes: 0, events: 0 }, bytes: 0, events: 0 };
    }
    this.#counted.set(name, counted);
    counted.bytes += bytes;
    counted.events += events;
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
        counted.reported = await this.#options.addUsage(payer.merchant, payer.terminal, {
          day: reported.day,
          bytes,
          events,
        });
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

/**
 * Hours that have no rollup yet: folded from the raw log on request (`live-hour.ts`) and
 * remembered, so that the next request folds only new rows.
 *
 * A terminal that exceeds a fold's limits, or has a row that cannot be read, is parked: it is left
 * out and named, and tried again after a while. An hour that takes too much memory is refused.
 */
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import type { Logic } from '../../aggregation/logic/logic-version.ts';
import type { PartialAggregate } from '../../aggregation/partial.ts';
import type { EventLog } from '../../store/event-log.ts';
import type { ParkReason } from '../../store/parked-hours.ts';
import { StoreUnavailable } from '../../store/tables.ts';
import { Problem } from '../query/problem.ts';
import { HourCheck } from './hour-check.ts';
import { LiveHour, RETRY_MS } from './live-hour.ts';

export interface LivePartial {
  readonly terminal: TerminalId;
  readonly partial: PartialAggregate;
}

export interface LiveFigures {
  readonly partials: readonly LivePartial[];
  /** Terminals that are left out. */
  readonly parked: readonly { readonly terminal: TerminalId; readonly reason: ParkReason }[];
}

interface Entry {
  readonly hour: LiveHour;
  readonly check: HourCheck;
  /** Bytes of memory, about. */
  bytes: number;
  /** Monotonic, milliseconds. */
  staleAt: number;
  /** The running update, which concurrent requests join. */
  update: Promise<void> | null;
  /** What is checked after an update; the next one waits for it. */
  checking: Promise<void>;
  /** Too large to be folded, until then; monotonic, milliseconds. */
  refusedUntil: number;
}

export interface LiveHoursOptions {
  readonly log: EventLog;
  /** Monotonic clock, milliseconds. */
  readonly clock: () => number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /**
   * An entry younger than this is served as it is; a large one for as long as its update took, so
   * that updates take at most half of the time.
   */
  readonly freshForMs: number;
  /** See `LiveHourOptions` and `HourCheck`. */
  readonly marginMs: number;
  readonly checkMs: number;
  /**
   * Bound on the bytes of the folds of one hour, and of all other hours together; the least
   * recently used are evicted first.
   */
  readonly maxBytes: number;
}

/** Bytes of memory of an entry without a row. */
const ENTRY_BYTES = 512;

export class LiveHours {
  readonly #options: LiveHoursOptions;
  /** In order of last use. */
  readonly #entries = new Map<string, Entry>();
  /** Of all entries, and of folds that are to replace others. */
  #bytes = 0;

  constructor(options: LiveHoursOptions) {
    this.#options = options;
  }

  /**
   * The partial aggregates of all terminals of an hour. Read them before the next call: it may add
   * to them.
   *
   * @throws Problem 503 when the hour takes too much memory
   */
  async read(merchant: MerchantId, hour: number, logic: Logic): Promise<LiveFigures> {
    const name = `${merchant}/${hour}/${logic.version}`;
    const entry = this.#entries.get(name) ?? this.#newEntry(merchant, hour, logic);
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    const now = this.#options.clock();
    if (now < entry.refusedUntil) throw refusal();
    if (now >= entry.staleAt) {
      entry.update ??= this.#update(entry).finally(() => {
        entry.update = null;
        if (entry.refusedUntil > now) entry.hour.clear();
      });
      await entry.update;
      this.#evict();
    }
    const terminals = [...entry.hour.terminals];
    return {
      partials: terminals.flatMap(([terminal, { fold, parked }]) =>
        parked === null ? [{ terminal, partial: fold.partial() }] : [],
      ),
      parked: terminals.flatMap(([terminal, { parked }]) => (parked === null ? [] : [{ terminal, ...parked }])),
    };
  }

  async #update(entry: Entry): Promise<void> {
    const { clock, freshForMs } = this.#options;
    await entry.checking;
    const startedAt = clock();
    await entry.hour.update();
    entry.staleAt = Math.max(startedAt + freshForMs, 2 * clock() - startedAt);
    // A store that is away is asked again with the next piece.
    entry.checking = entry.check.run().catch((error: unknown) => {
      if (!(error instanceof StoreUnavailable)) throw error;
    });
  }

  #newEntry(merchant: MerchantId, hour: number, logic: Logic): Entry {
    const never = Number.NEGATIVE_INFINITY;
    const state = { bytes: 0, staleAt: never, update: null, checking: Promise.resolve(), refusedUntil: never };
    const grow = (bytes: number): void => {
      entry.bytes += bytes;
      this.#bytes += bytes;
    };
    const room = { onGrowth: grow, checkRoom: () => this.#checkRoom(entry) };
    const options = { ...this.#options, logic, merchant, hour, ...room };
    const live = new LiveHour(options);
    const entry: Entry = { hour: live, check: new HourCheck(options, live), ...state };
    grow(ENTRY_BYTES);
    return entry;
  }

  /** Refuses an hour that is too large, or one too many of those that grow at the same time. */
  #checkRoom(entry: Entry): void {
    const { clock, maxBytes } = this.#options;
    if (this.#bytes > 2 * maxBytes) this.#evict();
    if (entry.bytes <= maxBytes && this.#bytes <= 2 * maxBytes) return;
    entry.refusedUntil = clock() + RETRY_MS;
    throw refusal();
  }

  #evict(): void {
    // The most recent one stays, however large: otherwise each query for it would fold it from
    // scratch.
    const others = [...this.#entries].slice(0, -1);
    let bytes = others.reduce((sum, [, entry]) => sum + entry.bytes, 0);
    for (const [name, entry] of others) {
      if (bytes <= this.#options.maxBytes) return;
      if (entry.update !== null) continue;
      this.#entries.delete(name);
      this.#bytes -= entry.bytes;
      bytes -= entry.bytes;
    }
  }
}

const refusal = (): Problem =>
  new Problem(503, 'an hour of this range holds too much to be calculated on request: ask again once it is rolled up');

/**
 * Compares this machine's clock with the store's own, by which HBase stamps cells and lets rows
 * expire. Neither is known to be right; apart, one of them is wrong.
 *
 *     unknown ── compare() ──▶ in step ◀── a clock is set, compare() ──▶ apart
 *
 * Between two comparisons the monotonic clock says what the store's clock shows, so it is noticed
 * at once when this machine's clock is set.
 */
import { controlKey } from '../../shared/keys.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../shared/time.ts';
import { pack } from '../../shared/wire/message-pack.ts';
import { type Column, StoreUnavailable, type Tables } from './tables.ts';

const VALUE: Column = 'm:value';

export interface StoreClockOptions {
  readonly tables: Pick<Tables, 'put' | 'get' | 'delete'>;
  /** Never the same twice: a value of before, or its deletion, could hide what is written. */
  readonly nonce: () => string;
  /** Milliseconds since 1970, this machine's clock. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** Up to which the clocks are in step. */
  readonly maxDifferenceMs: number;
}

interface Comparison {
  /** The store's clock, milliseconds since 1970, when the monotonic clock showed `at`. */
  readonly storeTime: number;
  readonly at: number;
  /** Half the time that the write took. */
  readonly uncertaintyMs: number;
}

export class StoreClock {
  readonly #options: StoreClockOptions;
  #last: Comparison | null = null;

  constructor(options: StoreClockOptions) {
    this.#options = options;
  }

  /** When it was compared last, monotonic milliseconds; null: never. */
  get comparedAt(): number | null {
    return this.#last?.at ?? null;
  }

  /**
   * Writes a value without a time, and reads which one it got. Keeps the last comparison when it
   * fails.
   *
   * @throws StoreUnavailable
   */
  async compare(): Promise<void> {
    const { tables, nonce, now, clock, maxDifferenceMs } = this.#options;
    const row = controlKey('clock', nonce());
    const sentAt = clock();
    await tables.put('control', [{ row, cells: new Map([[VALUE, pack(now())]]) }]);
    const uncertaintyMs = (clock() - sentAt) / 2;
    const [found] = await tables.get('control', [row]);
    await tables.delete('control', [row]);
    if (!found) throw new StoreUnavailable('the store does not show what it has just taken');
    if (uncertaintyMs > maxDifferenceMs)
      throw new StoreUnavailable('the store is too slow for its clock to be compared with');
    this.#last = { storeTime: found.time, at: sentAt + uncertaintyMs, uncertaintyMs };
  }

  /**
   * By how many milliseconds this machine's clock is ahead of the store's, at least; null: not
   * compared yet.
   */
  ahead(): number | null {
    if (this.#last === null) return null;
    const { storeTime, at, uncertaintyMs } = this.#last;
    const ahead = this.#options.now() - (storeTime + this.#options.clock() - at);
    return Math.sign(ahead) * Math.max(0, Math.abs(ahead) - uncertaintyMs);
  }

  /** For people: why this machine's clock cannot be trusted; null: it can. */
  problem(): string | null {
    const ahead = this.ahead();
    if (ahead === null) return "this machine's clock has not been compared with the store's yet";
    if (Math.abs(ahead) <= this.#options.maxDifferenceMs) return null;
    const here = this.#options.now();
    const difference = `${lengthOf(Math.abs(ahead))} ${ahead < 0 ? 'behind' : 'ahead of'} the store's`;
    return `this machine's clock is ${difference} (${iso(here)} here, ${iso(here - ahead)} there): set the wrong one, and keep both right (NTP, such as chrony)`;
  }
}

const UNITS = [
  ['days', DAY_MS],
  ['hours', HOUR_MS],
  ['minutes', MINUTE_MS],
] as const;

function lengthOf(ms: number): string {
  const [name, unit] = UNITS.find(([, unit]) => ms >= 2 * unit) ?? ['seconds', 1_000];
  return `${Math.round(ms / unit)} ${name}`;
}

const iso = (ms: number): string => new Date(Math.round(ms)).toISOString();

/**
 * Keeps comparing this machine's clock with the store's, and tells the operator when they are apart
 * and when they are in step again. SQLite has no clock of its own.
 */
import { randomBytes } from 'node:crypto';
import type { CollectorConfig } from '../config/collector-config.ts';
import { INGEST_LIMITS } from '../ingest/limits.ts';
import { StoreClock } from '../store/store-clock.ts';
import type { Tables } from '../store/tables.ts';

const COMPARE_EVERY_MS = 60_000;
/** While they are apart: how soon it is noticed that they are in step again. */
const COMPARE_AGAIN_MS = 5_000;

export interface ClockWatchOptions {
  readonly storeClock: Pick<StoreClock, 'compare' | 'comparedAt' | 'ahead' | 'problem'>;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly metrics: { clockAhead(seconds: number): void };
  readonly log: { error(fields: object, message: string): void; info(message: string): void };
}

export class ClockWatch {
  readonly #options: ClockWatchOptions;
  #comparing = false;
  #isApart = false;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
  }

  /** Why this machine's clock cannot be trusted now; null: it can. */
  problem(): string | null {
    return this.#options.storeClock.problem();
  }

  /** Call it when the store is open. @throws StoreUnavailable */
  async compare(): Promise<void> {
    await this.#options.storeClock.compare();
    this.#tell();
  }

  /** Call it about once a second, after the first comparison. Never rejects. */
  async tick(): Promise<void> {
    this.#tell();
    if (this.#comparing || !this.#isDue()) return;
    this.#comparing = true;
    // That the store is unavailable shows elsewhere.
    await this.compare().catch(() => undefined);
    this.#comparing = false;
  }

  #isDue(): boolean {
    const { storeClock, clock } = this.#options;
    if (storeClock.comparedAt === null) return false;
    const since = clock() - storeClock.comparedAt;
    return since >= (this.#isApart ? COMPARE_AGAIN_MS : COMPARE_EVERY_MS);
  }

  #tell(): void {
    const { storeClock, metrics, log } = this.#options;
    const ahead = storeClock.ahead();
    if (ahead === null) return;
    metrics.clockAhead(ahead / 1_000);
    const problem = storeClock.problem();
    if (problem !== null && !this.#isApart) log.error({ aheadMs: Math.round(ahead) }, problem);
    if (problem === null && this.#isApart) log.info("this machine's clock and the store's are in step again");
    this.#isApart = problem !== null;
  }
}

export interface Clocks {
  readonly now: () => number;
  readonly clock: () => number;
}

/** Null for a store that has no other clock than this machine's. */
export function storeClockOf(tables: Tables, { store }: CollectorConfig, { now, clock }: Clocks): StoreClock | null {
  if (store.kind === 'sqlite') return null;
  const nonce = (): string => randomBytes(8).toString('hex');
  return new StoreClock({ tables, nonce, now, clock, maxDifferenceMs: INGEST_LIMITS.clockDifference.value });
}

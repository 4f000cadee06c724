/** The sweep within the role `rollup`: when it runs, and what it tells. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { MerchantId } from '../../shared/ids.ts';
import { DAY_MS, HOUR_MS } from '../../shared/time.ts';
import type { Mismatch } from '../rollup/audit/find-mismatches.ts';
import { ROLLUP_LIMITS } from '../rollup/limits.ts';
import { Sweep } from '../rollup/verify/sweep.ts';
import { trustedNow } from './clock-guard.ts';
import type { CollectorContext } from './context.ts';
import { type Schedule, scheduled } from './schedule.ts';

const EVERY_MINUTE = '* * * * *';

export class SweepRole {
  readonly #context: CollectorContext;
  readonly #sweep: Sweep;
  readonly #stopping = new AbortController();
  #schedule: Schedule | null = null;
  #isRunning = false;
  /** Found by the running sweep. */
  #found = 0;

  constructor(context: CollectorContext) {
    this.#context = context;
    this.#sweep = new Sweep({
      ...context,
      now: trustedNow(context.now, context.clockProblem),
      hour: context.config.rollup.sweepHour,
      owner: randomUUID(),
      wait: (ms) => wait(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined),
      onMismatch: (found, isRepairable) => this.#onMismatch(found, isRepairable),
      onFailure: (merchant, error) => this.#onFailure(merchant, error),
    });
  }

  start(): void {
    this.#schedule = scheduled(EVERY_MINUTE, () => void this.#run());
  }

  async stop(): Promise<void> {
    this.#schedule?.stop();
    this.#stopping.abort();
    await this.#sweep.stop();
  }

  async #run(): Promise<void> {
    const { metrics, log, now } = this.#context;
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#found = 0;
    try {
      const report = await this.#sweep.run();
      if (report !== null) {
        metrics.swept(report, now());
        log.info(report, 'swept: the rows of the days before were compared with the raw log');
      }
    } catch (err) {
      metrics.auditFailed();
      log.warn({ err }, 'the sweep could not go on; it is tried again');
    }
    this.#isRunning = false;
    const more = this.#found - ROLLUP_LIMITS.mismatchLinesPerSweep.value;
    if (more > 0) log.error({ suppressed: more }, 'more rows differ from the raw log: see audit --rollups');
  }

  #onMismatch({ merchant, level, time, fault, counted, expected }: Mismatch, isRepairable: boolean): void {
    const { metrics, log } = this.#context;
    metrics.auditMismatch(fault);
    if (++this.#found > ROLLUP_LIMITS.mismatchLinesPerSweep.value) return;
    const t = new Date(time * (level === 'hour' ? HOUR_MS : DAY_MS)).toISOString();
    const what = isRepairable ? 'it is computed again' : 'nothing is left to compute it from, so it stays';
    log.error({ merchant, level, t, fault, counted, expected }, `a row differs from the raw log: ${what}`);
  }

  #onFailure(merchant: MerchantId, err: Error): void {
    this.#context.metrics.auditFailed();
    this.#context.log.error({ merchant, err }, 'a merchant could not be swept');
  }
}

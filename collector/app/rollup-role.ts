/** The role `rollup`: processes due marks at the start and then on the configured schedule. */
import { ROLLUP_LIMITS } from '../rollup/limits.ts';
import { type PassReport, RollupRunner, type RunnerOptions } from '../rollup/runner.ts';
import { trustedNow } from './clock-guard.ts';
import { type NewConflicts, watchConflicts } from './conflict-watch.ts';
import type { CollectorContext, Stores } from './context.ts';
import { type Schedule, scheduled } from './schedule.ts';

/**
 * Salts processed in parallel. With a single writer, more than one is no faster; the second goes on
 * while a dear run holds the first.
 */
const CONCURRENCY = { sqlite: 2, hbase: 4 } as const;

export class RollupRole {
  readonly #context: CollectorContext;
  readonly #runner: RollupRunner;
  #schedule: Schedule | null = null;
  /** Hours with new conflicts in this pass. */
  #conflicted = 0;
  /** Parts that were parked in this pass. */
  #parked = 0;
  /** The last report that was logged and counted. */
  #reported: PassReport | null = null;

  constructor(context: CollectorContext) {
    this.#context = context;
    this.#runner = createRunner({
      ...context,
      now: trustedNow(context.now, context.clockProblem),
      stores: {
        ...context.stores,
        rollups: watchConflicts(context.stores.rollups, (found) => this.#onConflicts(found)),
      },
      onFailure: ({ merchant, level, time }, err) =>
        context.log.error({ merchant, level, time, err }, 'a run failed; its due marks stay'),
      onParked: ({ merchant, level, time }, part) => {
        context.metrics.parked(part.reason);
        if (++this.#parked > ROLLUP_LIMITS.parkedLinesPerPass.value) return;
        context.log.error({ merchant, level, time, ...part }, 'parked: the figures go on without it');
      },
    });
  }

  start(): void {
    void this.#pass();
    this.#schedule = scheduled(this.#context.config.rollup.cron, () => void this.#pass());
  }

  /** Resolves when the running pass has ended. */
  async stop(): Promise<void> {
    this.#schedule?.stop();
    await this.#runner.stop();
  }

  async #pass(): Promise<void> {
    const { clock, metrics, log } = this.#context;
    const start = clock();
    this.#conflicted = 0;
    this.#parked = 0;
    try {
      const report = await this.#runner.runDue();
      // Of a pass that was joined.
      if (this.#reported === report) return;
      this.#reported = report;
      metrics.rolledUp(report, (clock() - start) / 1000);
      if (report.marks > 0 || report.failures > 0) log.info(report, 'rolled up');
    } catch (error) {
      metrics.rollupFailed();
      log.warn({ err: error }, 'due marks could not be processed; they stay for the next pass');
    }
    const conflicts = this.#conflicted - ROLLUP_LIMITS.conflictLinesPerPass.value;
    if (conflicts > 0) log.warn({ suppressed: conflicts }, 'more hours have conflicts: see audit --conflicts');
    const parked = this.#parked - ROLLUP_LIMITS.parkedLinesPerPass.value;
    if (parked > 0) log.warn({ suppressed: parked }, 'more is parked: see audit --parked');
  }

  #onConflicts({ merchant, hour, conflicts, terminals }: NewConflicts): void {
    const { metrics, log } = this.#context;
    metrics.rollupConflicts(conflicts);
    if (++this.#conflicted > ROLLUP_LIMITS.conflictLinesPerPass.value) return;
    log.warn({ merchant, hour, conflicts, terminals }, 'a till has sent a seq with different contents');
  }
}

export interface RunnerContext
  extends Pick<CollectorContext, 'logic' | 'now' | 'config'>,
    Pick<RunnerOptions, 'clock' | 'onFailure' | 'onParked'> {
  readonly stores: Omit<Stores, 'rollups'> & Pick<RunnerOptions, 'rollups'>;
}

export function createRunner({ stores, config, ...context }: RunnerContext): RollupRunner {
  const { logic, now, clock, onFailure, onParked } = context;
  return new RollupRunner({
    ...stores,
    ...{ logic, now, clock, onFailure, onParked },
    graceMs: config.rollup.graceSeconds * 1000,
    concurrency: CONCURRENCY[config.store.kind],
  });
}

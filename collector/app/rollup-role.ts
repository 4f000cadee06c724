/**
 * The role `rollup`: processes due marks at the start and then on the configured schedule, and
 * sweeps each day once.
 */
import { randomUUID } from 'node:crypto';
import { ROLLUP_LIMITS } from '../rollup/limits.ts';
import type { PassReport } from '../rollup/passes/pass-report.ts';
import { RollupRunner, type RunnerOptions } from '../rollup/passes/runner.ts';
import { RENEW_EVERY_MS, SaltShare } from '../rollup/passes/salt-share.ts';
import { trustedNow } from './clock-guard.ts';
import { type NewConflicts, watchConflicts } from './conflict-watch.ts';
import type { CollectorContext, Stores } from './context.ts';
import { type Schedule, scheduled } from './schedule.ts';
import { SweepRole } from './sweep-role.ts';

/**
 * Salts processed in parallel. With a single writer, more than one is no faster; the second goes on
 * while a dear run holds the first.
 */
const CONCURRENCY = { sqlite: 2, hbase: 4 } as const;

export class RollupRole {
  readonly #context: CollectorContext;
  readonly #runner: RollupRunner;
  readonly #share: SaltShare;
  #renewal: NodeJS.Timeout | null = null;
  readonly #sweep: SweepRole;
  #schedule: Schedule | null = null;
  /** Hours with new conflicts in this pass. */
  #conflicted = 0;
  /** Parts that were parked in this pass. */
  #parked = 0;
  /** The last report that was logged and counted. */
  #reported: PassReport | null = null;

  constructor(context: CollectorContext) {
    this.#context = context;
    const { stores, now } = context;
    this.#share = new SaltShare({ leases: stores.leases, owner: randomUUID(), now });
    this.#sweep = new SweepRole(context);
    this.#runner = createRunner({
      ...context,
      owns: (salt) => this.#share.owns(salt),
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
    void this.#start();
    this.#renewal = setInterval(() => void this.#renew(), RENEW_EVERY_MS);
    this.#schedule = scheduled(this.#context.config.rollup.cron, () => void this.#pass());
    this.#sweep.start();
  }

  /** Resolves when the running pass has ended. */
  async stop(): Promise<void> {
    this.#schedule?.stop();
    if (this.#renewal !== null) clearInterval(this.#renewal);
    await Promise.all([this.#sweep.stop(), this.#runner.stop()]);
    // Else the others wait until it has run out.
    await this.#share.free().catch(() => undefined);
  }

  async #start(): Promise<void> {
    await this.#renew();
    await this.#pass();
  }

  async #renew(): Promise<void> {
    const { log, metrics } = this.#context;
    try {
      const hasChanged = await this.#share.renew();
      metrics.runners(this.#share.runners);
      if (!hasChanged || this.#schedule === null) return;
      log.info({ runners: this.#share.runners }, 'the salts are divided anew');
      // A pass that is running may have passed over salts that are this runner's now.
      await this.#pass();
      await this.#pass();
    } catch (error) {
      log.warn({ err: error }, 'the lease could not be renewed: going on with the salts as they were');
    }
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
  extends Pick<CollectorContext, 'now' | 'config'>,
    Pick<RunnerOptions, 'clock' | 'owns' | 'onFailure' | 'onParked'> {
  readonly stores: Omit<Stores, 'rollups'> & Pick<RunnerOptions, 'rollups'>;
}

export function createRunner({ stores, config, ...context }: RunnerContext): RollupRunner {
  const { now, clock, owns, onFailure, onParked } = context;
  return new RollupRunner({
    ...stores,
    ...{ now, clock, onFailure, onParked, ...(owns !== undefined && { owns }) },
    graceMs: config.rollup.graceSeconds * 1000,
    concurrency: CONCURRENCY[config.store.kind],
  });
}

/**
 * Two processes roll up the same region. One is frozen in the middle of a run (SIGSTOP), past its
 * lease; more sales arrive; the other takes over and publishes. Then the first one is thawed.
 *
 * The judge knows what the till was answered for, and asks the merchant's API: once all sales have
 * been shown, none may be missing from any later answer. At the end no row may differ from the raw
 * log, and no thawed run may have been able to publish.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { StoreConfig } from '../../../collector/config/collector-config.ts';
import { runJson } from '../../processes/run-json.ts';
import { until } from '../../processes/wait-until.ts';
import { type Campaign, wholeNumber } from '../port/campaign.ts';
import { type LocalStore, startStore } from '../stores/local-store.ts';
import { RunnerRegion } from './runner-region.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const FOREVER = new AbortController().signal;
/** A test does not wait for the minute. */
const EACH_SECOND = '* * * * * *';
/** The thawed run, and the pass after it. */
const THAWED_MS = 15_000;
const SHOWN_MS = 60_000;
const DRAIN_MS = 60_000;
const LOCKED_MS = 15_000;
const MOST_LOCKED = 3;
const SALES = 3;
/**
 * How many cells a run has made when it freezes. The first is a terminal's partial aggregate; an
 * hour of these sales has five or six.
 */
const MOMENTS = [0, 2, 0, 4];

export interface FrozenRunnerReport {
  readonly figures: {
    readonly freezes: number;
    readonly sales: number;
    /** Thawed runs that could not publish. */
    readonly overtaken: number;
    /** Answers compared with what was sold. */
    readonly answers: number;
  };
  readonly faults: string[];
}

type Progress = (done: number, total: number, message: string) => void;

class FrozenRunner {
  readonly #region: RunnerRegion;
  /** Start of the day and of the hour in which all sales are, milliseconds since 1970. */
  readonly #day = Math.floor(Date.now() / DAY_MS) * DAY_MS - 3 * DAY_MS;
  readonly #hour = this.#day + 9 * HOUR_MS;
  #sold = 0;
  #overtaken = 0;
  #locked = 0;
  #answers = 0;
  readonly faults: string[] = [];

  constructor(region: RunnerRegion) {
    this.#region = region;
  }

  get figures(): FrozenRunnerReport['figures'] & { freezes: number } {
    return { freezes: 0, sales: this.#sold, overtaken: this.#overtaken, answers: this.#answers };
  }

  /** Sells, freezes, sells, has the other one publish, thaws. */
  async freeze(cells: number): Promise<void> {
    const region = this.#region;
    let before: readonly number[];
    let [frozen, published] = [0, 0];
    do {
      before = await Promise.all([this.#inVain(0), this.#inVain(1)]);
      region.arm(cells);
      await this.#sell(DRAIN_MS);
      frozen = await region.frozen();
      published = await region.counter(1 - frozen, 'rollup_published_total');
    } while (!(await this.#sellsOn(frozen)));
    await until(() => this.#isShown(), { what: 'all sales to be shown', deadlineMs: SHOWN_MS, everyMs: 100 });
    // The hour and its day.
    await region.takenOver(frozen, published, 2);
    await this.#watch(`freeze ${cells}, before the thaw`, 1_000);
    region.thaw(frozen);
    await this.#watch(`freeze ${cells}, after the thaw`, THAWED_MS);
    if ((await this.#inVain(frozen)) > before[frozen]!) this.#overtaken++;
  }

  /** Compare-and-sets that a runner lost, and calls that were answered while it was frozen. */
  async #inVain(runner: number): Promise<number> {
    const counters = ['rollup_races_lost_total', 'rollup_failures_total'];
    const values = await Promise.all(counters.map((name) => this.#region.counter(runner, name)));
    return values.reduce((sum, value) => sum + value, 0);
  }

  async audit(): Promise<void> {
    const args = ['audit', '--rollups', '--config', this.#region.config, '--json'];
    try {
      await runJson('collector/main.ts', args);
    } catch (error) {
      this.faults.push(`audit --rollups: ${(error as Error).message}`);
    }
  }

  /**
   * Sells while a runner is frozen. SQLite has one lock for all writers: if the runner holds it,
   * nothing can be stored meanwhile, and it is thawed.
   *
   * @returns false then
   */
  async #sellsOn(frozen: number): Promise<boolean> {
    try {
      await this.#sell(LOCKED_MS);
      return true;
    } catch (error) {
      if (++this.#locked > MOST_LOCKED) throw error;
      this.#region.thaw(frozen);
      await this.#region.drained();
      return false;
    }
  }

  async #sell(drainMs: number): Promise<void> {
    const sales = Array.from({ length: SALES }, (_, index) => ({
      ...{ type: 'sale', ts: new Date(this.#hour + (this.#sold + index) * 1_000).toISOString() },
      ...{ amount: amountOf(this.#sold + index), currency: 'EUR', ref: `R-${this.#sold + index}`, dims: {} },
    }));
    await this.#region.till.send(sales, FOREVER);
    this.#sold += SALES;
    await this.#region.drained(drainMs);
  }

  async #isShown(): Promise<boolean> {
    return (await this.#shown()).every((answer) => answer === this.#expected);
  }

  /** Each answer within so many milliseconds must have all sales. */
  async #watch(moment: string, ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (performance.now() < end) {
      for (const answer of await this.#shown()) {
        this.#answers++;
        if (answer !== this.#expected) this.faults.push(`${moment}: ${answer}, not ${this.#expected}`);
      }
      await delay(50);
    }
  }

  get #expected(): string {
    const amounts = Array.from({ length: this.#sold }, (_, index) => amountOf(index));
    return `${this.#sold} sales of ${amounts.reduce((sum, amount) => sum + amount, 0)}`;
  }

  /** The hour's figures, and the day's. */
  async #shown(): Promise<string[]> {
    const ask = async (interval: string, from: number, to: number): Promise<string> => {
      const [start, end] = [from, to].map((at) => new Date(at).toISOString());
      const query = { metrics: 'sales.count,sales.amount', interval, from: start!, to: end!, tz: 'UTC' };
      const { series } = await this.#region.api.metrics(query);
      const point = series[0]?.points[0];
      return `${point?.['sales.count'] ?? 0} sales of ${point?.['sales.amount'] ?? 0}`;
    };
    return Promise.all([ask('hour', this.#hour, this.#hour + HOUR_MS), ask('day', this.#day, this.#day + DAY_MS)]);
  }
}

/** A set of sales shows in its sum. */
const amountOf = (index: number): number => 2 ** (index % 40) + index;

export async function frozenRunner(
  folder: string,
  { store, freezes }: { readonly store: StoreConfig; readonly freezes: number },
  progress: Progress,
): Promise<FrozenRunnerReport> {
  const region = await RunnerRegion.start(folder, store, EACH_SECOND);
  try {
    const campaign = new FrozenRunner(region);
    for (let done = 0; done < freezes; done++) {
      progress(done, freezes, `${done} of ${freezes} freezes`);
      await campaign.freeze(MOMENTS[done % MOMENTS.length]!);
    }
    await campaign.audit();
    const figures = { ...campaign.figures, freezes };
    const faults = [...new Set(campaign.faults)];
    if (figures.overtaken < freezes)
      faults.push(
        `${figures.overtaken} of ${freezes} thawed runs had been overtaken: the others published what they had read before`,
      );
    return { figures, faults };
  } finally {
    await region.stop();
  }
}

export const campaign: Campaign = {
  summary: 'freeze a runner in the middle of a run, let the other take over, thaw it; no figure may go back',
  examples: ['', '--store hbase --freezes 8'],
  options: { store: { type: 'string' }, freezes: { type: 'string' } },
  help: ['--store S    sqlite (the default) or hbase (a real one, on this machine)', '--freezes N  how often (4)'],
  async run(given, progress) {
    const kind = given.store ?? 'sqlite';
    if (kind !== 'hbase' && kind !== 'sqlite') throw new RangeError('--store takes hbase or sqlite');
    const freezes = wholeNumber(given, 'freezes', 4);
    const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-frozen-runner-'));
    const store: LocalStore = await startStore(kind, path.join(folder, 'store'), 0, (line) =>
      progress(0, freezes, line),
    );
    try {
      const outcome = await frozenRunner(folder, { store: store.config, freezes }, progress);
      if (outcome.faults.length === 0) rmSync(folder, { recursive: true });
      return outcome;
    } finally {
      await store.stop();
    }
  },
};
